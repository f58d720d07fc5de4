//! What librdkafka has and its safe wrapper has not.
//!
//! Owns all of the connector's `unsafe`, a file for each of librdkafka's objects: queues, messages,
//! commits. Does not own what they mean.

mod commit;
mod message;
mod queue;

pub(super) use commit::Commit;
pub(super) use message::{Found, Message, Notice};
pub(super) use queue::Queue;
