//! `Mark`: enough of a record to know it again.
//!
//! Owns what is compared. Invariant: two marks of one record are the same, whatever the client knew
//! of it each time.

use crate::kafka::client::Record;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::Timestamp;

/// Enough of a record to know it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) offset: u64,
    pub(super) leader_epoch: Option<i32>,
    timestamp: Option<Timestamp>,
    /// CRC-32C of key and value.
    crc: u32,
}

impl Mark {
    #[inline]
    pub(super) fn of(record: &Record<'_>) -> Self {
        let key = record.key.map_or(0, crc32c::crc32c);
        Mark {
            offset: record.offset,
            leader_epoch: record.leader_epoch,
            timestamp: record.timestamp,
            crc: crc32c::crc32c_append(key, record.value.unwrap_or_default()),
        }
    }

    /// What tells this record from the one that stood there before, if anything does.
    pub(super) fn differs(&self, before: &Mark) -> Option<&'static str> {
        if self.crc != before.crc {
            return Some("Its key or value is another.");
        }
        if self.timestamp != before.timestamp {
            return Some("Its timestamp is another.");
        }
        match (self.leader_epoch, before.leader_epoch) {
            (Some(now), Some(then)) if now != then => Some("Another leader wrote it."),
            _ => None,
        }
    }

    /// A leader wrote this record whose term was over when `before` was written, which lies before
    /// it.
    #[inline]
    pub(super) fn is_of_older_leader(&self, before: &Mark) -> bool {
        match (self.leader_epoch, before.leader_epoch) {
            (Some(now), Some(then)) => now < then,
            _ => false,
        }
    }
}
