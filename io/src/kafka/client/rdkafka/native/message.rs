//! `Message`: a record, an end or an error, where librdkafka has put it.
//!
//! Invariant: a message is freed once, and nothing that is borrowed from it outlives it.

#![allow(
    unsafe_code,
    reason = "the wrapper says neither the offset of an end nor the leader's term, and panics at a header \
              whose name is no UTF-8"
)]

use super::Queue;
use crate::kafka::client::{HeaderList, Headers, Record};
use rdkafka::bindings as c;
use rdkafka::error::RDKafkaErrorCode;
use std::cell::OnceCell;
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use whitebeam_sdk::Timestamp;

/// What comes out of a queue.
pub(in super::super) enum Found<'a> {
    Record(Message<'a>),
    Notice(Notice),
}

/// An end, or an error.
pub(in super::super) struct Notice {
    /// `None` for codes that are newer than this client.
    pub(in super::super) code: Option<RDKafkaErrorCode>,
    pub(in super::super) text: String,
    pub(in super::super) offset: Option<u64>,
}

impl Found<'_> {
    /// What an event is; `None` if it is of no matter.
    ///
    /// # Safety
    ///
    /// The event is nobody else's, and its consumer lives.
    pub(super) unsafe fn of_event(event: NonNull<c::rd_kafka_event_t>) -> Option<Self> {
        // SAFETY: the event is ours, and freed by the message if that is in it, or at the end. Its
        // partition is ours too.
        unsafe {
            let raw = event.as_ptr();
            let kind = c::rd_kafka_event_type(raw);
            if kind == c::RD_KAFKA_EVENT_FETCH
                && let Some(message) = NonNull::new(c::rd_kafka_event_message_next(raw).cast_mut())
            {
                let event = Some(event);
                return Some(Message::new(message, event).into());
            }
            let notice = (kind == c::RD_KAFKA_EVENT_ERROR).then(|| {
                let place = c::rd_kafka_event_topic_partition(raw);
                let offset = place.as_ref().map_or(-1, |place| place.offset);
                if !place.is_null() {
                    c::rd_kafka_topic_partition_destroy(place);
                }
                let text = CStr::from_ptr(c::rd_kafka_event_error_string(raw));
                Notice {
                    code: Some(c::rd_kafka_event_error(raw).into()),
                    text: text.to_string_lossy().into_owned(),
                    offset: u64::try_from(offset).ok(),
                }
            });
            c::rd_kafka_event_destroy(raw);
            notice.map(Found::Notice)
        }
    }
}

impl<'a> From<Message<'a>> for Found<'a> {
    fn from(message: Message<'a>) -> Self {
        match message.notice() {
            None => Found::Record(message),
            Some(notice) => Found::Notice(notice),
        }
    }
}

/// A record.
pub(in super::super) struct Message<'a> {
    raw: NonNull<c::rd_kafka_message_t>,
    /// Who owns it, if it was not taken alone.
    event: Option<NonNull<c::rd_kafka_event_t>>,
    queue: PhantomData<&'a mut Queue>,
}

impl Message<'_> {
    /// A message that was taken from a queue.
    ///
    /// # Safety
    ///
    /// It is nobody else's, and its consumer lives.
    pub(super) unsafe fn of_queue(raw: NonNull<c::rd_kafka_message_t>) -> Self {
        // SAFETY: promised by who calls.
        unsafe { Self::new(raw, None) }
    }

    /// # Safety
    ///
    /// The message, or the event that it is in, is nobody else's, and its consumer lives.
    unsafe fn new(
        raw: NonNull<c::rd_kafka_message_t>,
        event: Option<NonNull<c::rd_kafka_event_t>>,
    ) -> Self {
        Message {
            raw,
            event,
            queue: PhantomData,
        }
    }

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

    pub(in super::super) fn offset(&self) -> Option<u64> {
        // SAFETY: computes a place only.
        u64::try_from(self.field(|message| unsafe { &raw const (*message).offset })).ok()
    }

    /// What else it is, if it is no record.
    fn notice(&self) -> Option<Notice> {
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
            offset: self.offset(),
        })
    }

    /// The record that it is.
    pub(in super::super) fn record<'m>(
        &'m self,
        offset: u64,
        headers: &'m FoundHeaders<'m>,
    ) -> Record<'m> {
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
            headers: Headers::of(headers),
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

    /// Its headers, for whoever asks.
    pub(in super::super) fn headers(&self) -> FoundHeaders<'_> {
        FoundHeaders {
            message: self,
            found: OnceCell::new(),
        }
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // SAFETY: ours since it was taken; whatever was borrowed from it ends before this. An event
        // frees its message.
        unsafe {
            match self.event {
                Some(event) => c::rd_kafka_event_destroy(event.as_ptr()),
                None => c::rd_kafka_message_destroy(self.raw.as_ptr()),
            }
        }
    }
}

/// Bytes of a message; `None` where there are none, which is not the same as no length.
fn bytes_of<'m>(_: &'m Message<'_>, at: *mut c_void, len: usize) -> Option<&'m [u8]> {
    // SAFETY: librdkafka says where a key or a value lies in its message, and how long it is; nobody
    // writes to it while the message is borrowed.
    (!at.is_null()).then(|| unsafe { slice::from_raw_parts(at.cast::<u8>(), len) })
}

/// The headers of a message. They are looked for when they are asked for: librdkafka takes memory for
/// that, from the same arenas as the threads that read and write, whether there are any or not.
pub(in super::super) struct FoundHeaders<'m> {
    message: &'m Message<'m>,
    found: OnceCell<Option<NonNull<c::rd_kafka_headers_t>>>,
}

impl FoundHeaders<'_> {
    fn raw(&self) -> Option<NonNull<c::rd_kafka_headers_t>> {
        *self.found.get_or_init(|| {
            let mut raw = ptr::null_mut();
            // SAFETY: the message is ours, and no other thread's; what is found lives as long as it.
            let said = unsafe { c::rd_kafka_message_headers(self.message.raw.as_ptr(), &mut raw) };
            let found = said == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
            found.then(|| NonNull::new(raw)).flatten()
        })
    }
}

impl HeaderList for FoundHeaders<'_> {
    fn len(&self) -> usize {
        // SAFETY: the headers live as long as their message.
        self.raw()
            .map_or(0, |raw| unsafe { c::rd_kafka_header_cnt(raw.as_ptr()) })
    }

    fn get(&self, i: usize) -> (&str, Option<&[u8]>) {
        let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
        let Some(raw) = self.raw() else {
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
