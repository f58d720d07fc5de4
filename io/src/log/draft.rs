//! `Draft`: records on their way into a block, before anybody knows their offsets.
//!
//! Owns how blocks are cut and which partition a record goes to. Invariant: records of
//! one partition keep the order in which they came.

use super::format::{Block, put};
use crate::key::partition_of_key;
use crc32c::crc32c;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::{Error, Result, Timestamp};

/// About how long a block is: what is read and checked at once.
const BLOCK_BYTES: usize = if cfg!(test) { 64 } else { 128 << 10 };
/// No record is longer.
const LONGEST_RECORD: usize = 256 << 20;

/// A record that is going to be written.
///
/// ```
/// use whitebeam_io::log::Message;
/// use whitebeam_sdk::Timestamp;
///
/// let message = Message::of(b"six pieces").key(b"UK").at(Timestamp::from_secs(1_291_191_960));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: &'a [u8],
    pub(super) event_time: Option<Timestamp>,
    pub(super) partition: Option<u32>,
}

impl<'a> Message<'a> {
    /// A record that says this, in a partition of the writer's choice.
    pub fn of(value: &'a [u8]) -> Self {
        Message {
            key: None,
            value,
            event_time: None,
            partition: None,
        }
    }

    /// Gives it a key: records of equal keys go to one partition.
    #[must_use]
    pub fn key(mut self, key: &'a [u8]) -> Self {
        self.key = Some(key);
        self
    }

    /// Says when it happened.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        self.event_time = Some(time);
        self
    }

    /// Puts it into this partition, whatever its key.
    #[must_use]
    pub fn to(mut self, partition: u32) -> Self {
        self.partition = Some(partition);
        self
    }
}

/// A block as far as its writer knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Draft {
    pub(super) partition: u32,
    pub(super) count: u32,
    pub(super) bytes: u32,
    pub(super) crc: u32,
    /// The latest event time of its records.
    pub(super) latest: Timestamp,
    /// Some records have no event time: theirs is the time of the append.
    pub(super) has_untimed: bool,
}

impl Draft {
    /// The block that it becomes when it is appended.
    pub(super) fn block(&self, first: u64, appended: Timestamp) -> Block {
        let latest = match self.has_untimed {
            true => self.latest.max(appended),
            false => self.latest,
        };
        Block {
            partition: self.partition,
            first,
            count: self.count,
            bytes: self.bytes,
            crc: self.crc,
            latest,
        }
    }
}

/// The block of one partition that is being filled.
#[derive(Debug)]
struct Filling {
    bytes: Vec<u8>,
    count: u32,
    before: i64,
    latest: Timestamp,
    has_untimed: bool,
}

impl Filling {
    fn new() -> Self {
        Filling {
            bytes: Vec::new(),
            count: 0,
            before: 0,
            latest: Timestamp::MIN,
            has_untimed: false,
        }
    }

    fn end(&mut self, partition: u32) -> (Draft, Vec<u8>) {
        let done = std::mem::replace(self, Filling::new());
        let draft = Draft {
            partition,
            count: done.count,
            bytes: done.bytes.len() as u32,
            crc: crc32c(&done.bytes),
            latest: done.latest,
            has_untimed: done.has_untimed,
        };
        (draft, done.bytes)
    }
}

/// The blocks of all partitions that are being filled.
#[derive(Debug)]
pub(super) struct Drafts {
    filling: Vec<Filling>,
    /// The partition of the next record without a key.
    turn: u32,
}

impl Drafts {
    /// Of so many partitions; records without keys begin with the partition `turn`.
    pub(super) fn new(partitions: u32, turn: u32) -> Self {
        Drafts {
            filling: (0..partitions).map(|_| Filling::new()).collect(),
            turn,
        }
    }

    /// Takes a record; answers with a block if one is full now.
    pub(super) fn put(
        &mut self,
        topic: &str,
        message: &Message<'_>,
    ) -> Result<Option<(Draft, Vec<u8>)>> {
        let key = message.key.map_or(0, <[u8]>::len);
        if message.value.len() + key > LONGEST_RECORD {
            let error =
                format!("a record for topic `{topic}` is longer than {LONGEST_RECORD} bytes");
            return Err(Error::data(error).help("cut it into parts before it is written"));
        }
        let partition = self.partition_of(topic, message)?;
        let filling = &mut self.filling[partition as usize];
        match message.event_time {
            Some(time) => filling.latest = filling.latest.max(time),
            None => filling.has_untimed = true,
        }
        put(
            &mut filling.bytes,
            message.key,
            message.value,
            message.event_time,
            &mut filling.before,
        );
        filling.count += 1;
        let is_full = filling.bytes.len() >= BLOCK_BYTES;
        Ok(is_full.then(|| filling.end(partition)))
    }

    fn partition_of(&mut self, topic: &str, message: &Message<'_>) -> Result<u32> {
        let partitions = self.filling.len() as u32;
        match (message.partition, message.key) {
            (Some(partition), _) if partition >= partitions => {
                Err(super::error::no_partition(topic, partition, partitions))
            }
            (Some(partition), _) => Ok(partition),
            (None, Some(key)) => Ok(partition_of_key(key, partitions)),
            (None, None) => {
                let turn = self.turn % partitions.max(1);
                self.turn = (turn + 1) % partitions.max(1);
                Ok(turn)
            }
        }
    }

    /// Takes out the blocks that are not full.
    pub(super) fn rest(&mut self) -> Vec<(Draft, Vec<u8>)> {
        let filling = self.filling.iter_mut().zip(0..);
        let begun = filling.filter(|(filling, _)| filling.count > 0);
        begun
            .map(|(filling, partition)| filling.end(partition))
            .collect()
    }
}
