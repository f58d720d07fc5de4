//! What librdkafka has and its safe wrapper has not: records of one partition many at a time, where an
//! end or an error lies, the leader's term, headers whose names are no UTF-8, and known ends.
//!
//! Owns all of the connector's `unsafe`. Invariant: a queue keeps its consumer alive, a message its
//! bytes, and nothing that is borrowed from a message outlives it.

#![allow(
    unsafe_code,
    reason = "the wrapper hands records out one by one, without the offset of an end and the partition of \
              an error, and panics at a header's name that is no UTF-8"
)]

use super::super::{HeaderList, Headers, Record};
use super::session::Reading;
use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use std::ffi::{CStr, CString, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use whitebeam_sdk::Timestamp;

/// How many messages are taken from a queue at once.
const BATCH: usize = 1000;

/// The messages of one partition, apart from those of others.
pub(super) struct Queue {
    raw: NonNull<c::rd_kafka_queue_t>,
    /// Messages taken from the queue and not yet looked at, the next one last.
    taken: Vec<NonNull<c::rd_kafka_message_t>>,
    room: Vec<*mut c::rd_kafka_message_t>,
    consumer: Arc<BaseConsumer<Reading>>,
}

// SAFETY: queues and messages of librdkafka belong to no thread; this one is used by one at a time.
unsafe impl Send for Queue {}

impl Queue {
    /// The queue of a partition, from now on no part of the consumer's own. To be called before the
    /// partition is assigned, so that no message gets there first.
    pub(super) fn of(
        consumer: &Arc<BaseConsumer<Reading>>,
        topic: &str,
        partition: i32,
    ) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the client lives as long as `consumer`, which this queue keeps; the name ends with a
        // zero and is copied.
        let raw = unsafe {
            c::rd_kafka_queue_get_partition(
                consumer.client().native_ptr(),
                topic.as_ptr(),
                partition,
            )
        };
        let raw = NonNull::new(raw)?;
        // SAFETY: the queue was just got; no other queue stands for "to nobody".
        unsafe { c::rd_kafka_queue_forward(raw.as_ptr(), ptr::null_mut()) };
        Some(Queue {
            raw,
            taken: Vec::new(),
            room: vec![ptr::null_mut(); BATCH],
            consumer: Arc::clone(consumer),
        })
    }

    /// The next message that is there; does not wait.
    pub(super) fn next(&mut self) -> Option<Message<'_>> {
        if self.taken.is_empty() {
            self.take();
        }
        let raw = self.taken.pop()?;
        Some(Message {
            raw,
            queue: PhantomData,
        })
    }

    fn take(&mut self) {
        // SAFETY: `room` has room for as many messages as are asked for; those that come are ours.
        let n = unsafe {
            c::rd_kafka_consume_batch_queue(
                self.raw.as_ptr(),
                0,
                self.room.as_mut_ptr(),
                self.room.len(),
            )
        };
        let n = usize::try_from(n).unwrap_or(0);
        let messages = self.room[..n].iter().rev().copied();
        self.taken.extend(messages.filter_map(NonNull::new));
    }

    /// Behind the last record of a partition, committed or not, by the last answer of its broker.
    pub(super) fn high_watermark(&self, topic: &CStr, partition: i32) -> Option<u64> {
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the client lives, the name ends with a zero, and both places are written to only
        // during the call.
        let said = unsafe {
            c::rd_kafka_get_watermark_offsets(
                self.consumer.client().native_ptr(),
                topic.as_ptr(),
                partition,
                &mut low,
                &mut high,
            )
        };
        let known = said == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        known.then(|| u64::try_from(high).ok()).flatten()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        for message in self.taken.drain(..) {
            // SAFETY: ours since it was taken, and nobody borrows it: it was never handed out.
            unsafe { c::rd_kafka_message_destroy(message.as_ptr()) };
        }
        // SAFETY: ours since `of`; the consumer behind it goes later.
        unsafe { c::rd_kafka_queue_destroy(self.raw.as_ptr()) };
    }
}

/// What comes out of a queue.
pub(super) struct Message<'a> {
    raw: NonNull<c::rd_kafka_message_t>,
    queue: PhantomData<&'a mut Queue>,
}

/// What a message is, instead of a record.
pub(super) struct Notice {
    /// `None` for codes that are newer than this client.
    pub(super) code: Option<RDKafkaErrorCode>,
    pub(super) text: String,
}

impl Message<'_> {
    /// A field. No reference to the whole is made: the first field is an enumeration, and brokers may
    /// say a number that it has not.
    fn field<T: Copy>(&self, of: impl FnOnce(*mut c::rd_kafka_message_t) -> *const T) -> T {
        // SAFETY: the message is ours until it is dropped, nobody writes to it, and the callers below
        // point at fields of it, the first one as the `int` that it is in C.
        unsafe { of(self.raw.as_ptr()).read() }
    }

    fn code(&self) -> i32 {
        // SAFETY: computes a place only.
        self.field(|message| unsafe { (&raw const (*message).err).cast::<i32>() })
    }

    pub(super) fn offset(&self) -> Option<u64> {
        // SAFETY: computes a place only.
        u64::try_from(self.field(|message| unsafe { &raw const (*message).offset })).ok()
    }

    /// What else it is, if it is no record.
    pub(super) fn notice(&self) -> Option<Notice> {
        let code = self.code();
        if code == 0 {
            return None;
        }
        let known = c::rd_kafka_resp_err_t::try_from(code).ok();
        let text = String::from_utf8_lossy(self.value().unwrap_or_default()).into_owned();
        Some(Notice {
            code: known.map(RDKafkaErrorCode::from),
            text: if text.is_empty() {
                format!("error {code}")
            } else {
                text
            },
        })
    }

    /// The record that it is.
    pub(super) fn record<'m>(&'m self, offset: u64, headers: &'m FoundHeaders<'m>) -> Record<'m> {
        // SAFETY: computes a place only.
        let partition = self.field(|message| unsafe { &raw const (*message).partition });
        // SAFETY: reads from a message that is ours.
        let epoch = unsafe { c::rd_kafka_message_leader_epoch(self.raw.as_ptr()) };
        Record {
            partition: u32::try_from(partition).unwrap_or(0),
            offset,
            timestamp: self.timestamp(),
            leader_epoch: (epoch >= 0).then_some(epoch),
            key: self.key(),
            value: self.value(),
            headers: if headers.raw.is_some() {
                Headers::of(headers)
            } else {
                Headers::NONE
            },
        }
    }

    fn key(&self) -> Option<&[u8]> {
        // SAFETY: computes places only.
        let (at, len) = unsafe {
            (
                self.field(|message| &raw const (*message).key),
                self.field(|message| &raw const (*message).key_len),
            )
        };
        bytes_of(self, at, len)
    }

    fn value(&self) -> Option<&[u8]> {
        // SAFETY: computes places only.
        let (at, len) = unsafe {
            (
                self.field(|message| &raw const (*message).payload),
                self.field(|message| &raw const (*message).len),
            )
        };
        bytes_of(self, at, len)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        let mut kind = c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: reads from a message that is ours and writes one of the enumeration's values.
        let millis = unsafe { c::rd_kafka_message_timestamp(self.raw.as_ptr(), &mut kind) };
        let there = kind != c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        (there && millis != -1).then(|| Timestamp::from_micros(millis.saturating_mul(1000)))
    }

    /// Its headers, which are looked for when asked.
    pub(super) fn headers(&self) -> FoundHeaders<'_> {
        let mut raw = ptr::null_mut();
        // SAFETY: reads from a message that is ours; what is found lives as long as the message.
        let said = unsafe { c::rd_kafka_message_headers(self.raw.as_ptr(), &mut raw) };
        let found = said == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        FoundHeaders {
            raw: found.then(|| NonNull::new(raw)).flatten(),
            message: PhantomData,
        }
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // SAFETY: ours since it was taken; whatever was borrowed from it ends before this.
        unsafe { c::rd_kafka_message_destroy(self.raw.as_ptr()) };
    }
}

/// Bytes of a message; `None` where there are none, which is not the same as no length.
fn bytes_of<'m>(_: &'m Message<'_>, at: *mut c_void, len: usize) -> Option<&'m [u8]> {
    // SAFETY: librdkafka says where a key or a value lies in its message, and how long it is; nobody
    // writes to it while the message is borrowed.
    (!at.is_null()).then(|| unsafe { slice::from_raw_parts(at.cast::<u8>(), len) })
}

/// The headers of a message.
pub(super) struct FoundHeaders<'m> {
    raw: Option<NonNull<c::rd_kafka_headers_t>>,
    message: PhantomData<&'m ()>,
}

impl HeaderList for FoundHeaders<'_> {
    fn len(&self) -> usize {
        // SAFETY: the headers live as long as their message.
        self.raw
            .map_or(0, |raw| unsafe { c::rd_kafka_header_cnt(raw.as_ptr()) })
    }

    fn get(&self, i: usize) -> (&str, Option<&[u8]>) {
        let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
        let Some(raw) = self.raw else {
            return ("", None);
        };
        // SAFETY: as above; what is found lies in the headers.
        let said =
            unsafe { c::rd_kafka_header_get_all(raw.as_ptr(), i, &mut name, &mut value, &mut len) };
        if said != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return ("", None);
        }
        // SAFETY: librdkafka ends names with a zero; they and the values live as long as the headers.
        let (name, value) = unsafe {
            let value = (!value.is_null()).then(|| slice::from_raw_parts(value.cast::<u8>(), len));
            (CStr::from_ptr(name).to_bytes(), value)
        };
        (text_of(name), value)
    }
}

/// As much of a name as is UTF-8: the protocol wants all of it to be.
fn text_of(name: &[u8]) -> &str {
    match str::from_utf8(name) {
        Ok(name) => name,
        Err(e) => str::from_utf8(&name[..e.valid_up_to()]).unwrap_or_default(),
    }
}
