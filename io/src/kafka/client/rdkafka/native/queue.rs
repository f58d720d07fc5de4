//! `Queue`: the messages of one partition, many at a time, and its known end.
//!
//! Invariant: a queue keeps its consumer alive, and gives every message to somebody who frees it.

#![allow(
    unsafe_code,
    reason = "the wrapper takes messages one by one and allocates for each; and it knows no ends unasked"
)]

use super::super::session::Reading;
use super::{Found, Message};
use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::ffi::{CStr, CString};
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// How many messages are taken from a queue at once.
const BATCH: usize = 1000;

/// The messages of one partition, apart from those of others.
pub(in super::super) struct Queue {
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
    pub(in super::super) fn of(
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

    /// What comes next, if it is there; does not wait.
    pub(in super::super) fn next(&mut self) -> Option<Found<'_>> {
        if let Some(raw) = self.taken.pop() {
            // SAFETY: taken from a queue, and forgotten here.
            return Some(unsafe { Message::of_queue(raw) }.into());
        }
        let found = self.first();
        if found.is_some() {
            self.take();
        }
        // What was taken lies behind what was found.
        found
    }

    /// The first of the queue, as an event: errors that are of no message are events alone.
    fn first<'a>(&mut self) -> Option<Found<'a>> {
        loop {
            // SAFETY: the queue is ours, and so is the event that comes out of it.
            let event = NonNull::new(unsafe { c::rd_kafka_queue_poll(self.raw.as_ptr(), 0) })?;
            // SAFETY: as above; it is forgotten here. What is found borrows nothing else.
            if let Some(found) = unsafe { Found::of_event(event) } {
                return Some(found);
            }
        }
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
    pub(in super::super) fn high_watermark(&self, topic: &CStr, partition: i32) -> Option<u64> {
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
