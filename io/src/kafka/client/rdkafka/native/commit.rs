//! `Commit`: offsets of a group on their way.
//!
//! Invariant: an answer is told to who asked: each question has a queue of its own.

#![allow(
    unsafe_code,
    reason = "the wrapper commits without a limit of time or without an answer"
)]

use rdkafka::TopicPartitionList;
use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// A commit that was asked for.
pub(in super::super) struct Commit<'a> {
    queue: NonNull<c::rd_kafka_queue_t>,
    consumer: PhantomData<&'a ()>,
}

impl<'a> Commit<'a> {
    /// Asks for it.
    pub(in super::super) fn ask<C: ConsumerContext>(
        consumer: &'a BaseConsumer<C>,
        offsets: &TopicPartitionList,
    ) -> Result<Self, RDKafkaErrorCode> {
        let client = consumer.client().native_ptr();
        // SAFETY: the client lives as long as the consumer.
        let queue = NonNull::new(unsafe { c::rd_kafka_queue_new(client) });
        let queue = queue.ok_or(RDKafkaErrorCode::CriticalSystemResource)?;
        let commit = Commit {
            queue,
            consumer: PhantomData,
        };
        // SAFETY: as above; the list is copied, and without a function to call the answer becomes an
        // event in the queue.
        let said = unsafe {
            c::rd_kafka_commit_queue(client, offsets.ptr(), queue.as_ptr(), None, ptr::null_mut())
        };
        match said {
            c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(commit),
            other => Err(other.into()),
        }
    }

    /// The answer, if it comes in time.
    pub(in super::super) fn answer(
        &self,
        within: Duration,
    ) -> Option<Result<(), RDKafkaErrorCode>> {
        let millis = i32::try_from(within.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is ours; the event becomes so, and is freed after it was looked at.
        let said = unsafe {
            let event = NonNull::new(c::rd_kafka_queue_poll(self.queue.as_ptr(), millis))?;
            let said = c::rd_kafka_event_error(event.as_ptr());
            c::rd_kafka_event_destroy(event.as_ptr());
            said
        };
        Some(match said {
            c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            other => Err(other.into()),
        })
    }
}

impl Drop for Commit<'_> {
    fn drop(&mut self) {
        // SAFETY: ours since `ask`; an answer that comes later finds nobody.
        unsafe { c::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}
