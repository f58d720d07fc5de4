//! `ClientError`: what a cluster, or the way to it, answered instead of doing what was asked.
//!
//! Owns the classes that a caller tells apart. Does not own what to do about them. Invariant: no text
//! holds a secret.

use std::fmt;

/// What an error means for who asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Failure {
    /// No answer within the time: it may have been done or not. The same call again finds out.
    Unknown,
    /// Nothing was done; the same call may succeed later.
    Retriable,
    /// The queue of records to be sent is full.
    Full,
    /// The open transaction can only be aborted; the producer goes on.
    Abortable,
    /// Another producer has taken the transactional id, or the cluster has ended the transaction
    /// because it took too long: this producer can do nothing any more.
    Fenced,
    /// This producer, or reader, can do nothing any more.
    Fatal,
    /// No broker answers.
    Unreachable,
    /// The cluster does not know who asks, or the connection is not trusted.
    Credentials,
    /// Who asks may not.
    Forbidden,
    /// There is no such topic or partition.
    NoTopic,
    /// There is no such offset.
    OffsetOutOfRange,
    /// The topic exists already.
    Exists,
    /// A record is too large for the topic or the client.
    TooLarge,
    /// What was asked is not right, such as a record without key for a compacted topic or a setting
    /// that does not exist.
    Invalid,
    /// A record's bytes are not what was written.
    Corrupt,
}

/// An error of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientError {
    /// What it means.
    pub failure: Failure,
    /// What was asked, such as `commit a transaction`.
    pub action: String,
    /// What the client said, such as `Broker: Producer fenced`.
    pub said: String,
}

impl ClientError {
    /// An error while doing `action`.
    pub fn new(failure: Failure, action: impl Into<String>, said: impl Into<String>) -> Self {
        ClientError {
            failure,
            action: action.into(),
            said: said.into(),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.action, self.said)
    }
}

impl std::error::Error for ClientError {}
