//! `StagedRecords`: what a writer hands over at the end of an epoch.
//!
//! Owns the form of records while they wait in a checkpoint, and the receipt that says what the sink
//! knew when they were written. Does not own when they are sent. Invariant: a chunk is one string of
//! bytes to whoever stores it, and says by its checksum whether it is still what was written.

use crate::kafka::client::NewRecord;
use crc32c::{crc32c, crc32c_append};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use whitebeam_sdk::{Error, Result, Timestamp};

/// A chunk holds no more than this, except for a record that alone is longer.
pub(super) const CHUNK: usize = 1 << 20;

/// Records of one epoch that wait for its commit, or the receipt of those that wrote them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StagedRecords(pub(super) Part);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Part {
    Receipt(Receipt),
    Chunk(Chunk),
}

/// What a sink knew when an epoch was staged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Receipt {
    /// Which process' run wrote it: nobody else draws the same.
    pub(super) run: u128,
    /// What the progress topic said, for runs that asked it before they began.
    pub(super) known: Option<Known>,
}

/// What a process knew of the progress topic, so that a topic that says less later is recognised.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    /// Who wrote the first marker of all.
    pub(super) origin: String,
    /// How many processes had taken the sink over.
    pub(super) incarnation: u64,
    /// The last epoch that was committed.
    pub(super) epoch: Option<u64>,
}

/// Encoded records.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Chunk {
    pub(super) run: u128,
    pub(super) count: u64,
    pub(super) crc: u32,
    pub(super) bytes: Bytes,
}

/// Bytes that a coder moves in one piece.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfBytes;
        impl<'de> Visitor<'de> for OfBytes {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(OfBytes)
    }
}

const HAS_KEY: u8 = 1;
const HAS_VALUE: u8 = 2;
const HAS_TIME: u8 = 4;

/// A record in a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Encoded<'a> {
    pub(super) partition: u32,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
}

impl<'a> Encoded<'a> {
    pub(super) fn to(self, topic: &'a str) -> NewRecord<'a> {
        NewRecord {
            topic,
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key,
            value: self.value,
        }
    }

    /// How many bytes it takes in a chunk.
    fn size(&self) -> usize {
        let parts = [self.key, self.value].into_iter().flatten();
        let time = self.timestamp.map_or(0, |_| 8);
        5 + time + parts.map(|part| 4 + part.len()).sum::<usize>()
    }

    fn append_to(&self, out: &mut Vec<u8>) {
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        let flags = flag(self.key.is_some(), HAS_KEY)
            | flag(self.value.is_some(), HAS_VALUE)
            | flag(self.timestamp.is_some(), HAS_TIME);
        out.push(flags);
        out.extend_from_slice(&self.partition.to_le_bytes());
        if let Some(at) = self.timestamp {
            out.extend_from_slice(&at.micros().to_le_bytes());
        }
        for part in [self.key, self.value].into_iter().flatten() {
            // A record is at most as long as a broker takes: far below.
            out.extend_from_slice(&(part.len() as u32).to_le_bytes());
            out.extend_from_slice(part);
        }
    }

    /// Reads a record from the front of `bytes` and moves past it; `None` if there is none.
    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let flags = take(bytes, 1)?[0];
        let number =
            |bytes: &mut &'a [u8]| Some(u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?));
        let partition = number(bytes)?;
        let timestamp = match flags & HAS_TIME != 0 {
            true => {
                let micros = i64::from_le_bytes(take(bytes, 8)?.try_into().ok()?);
                Some(Timestamp::from_micros(micros))
            }
            false => None,
        };
        let mut part = |bit: u8| match flags & bit != 0 {
            true => {
                let len = number(bytes)?;
                Some(Some(take(bytes, len as usize)?))
            }
            false => Some(None),
        };
        Some(Encoded {
            partition,
            timestamp,
            key: part(HAS_KEY)?,
            value: part(HAS_VALUE)?,
        })
    }
}

fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(n)?;
    *bytes = rest;
    Some(taken)
}

/// Chunks while they are written.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    done: Vec<Chunk>,
    open: Vec<u8>,
    count: u64,
    /// Bytes in all of them.
    pub(super) bytes: u64,
}

impl Chunks {
    pub(super) fn put(&mut self, run: u128, record: &Encoded<'_>) {
        let size = record.size();
        if !self.open.is_empty() && self.open.len() + size > CHUNK {
            self.end_chunk(run);
            // It fills up as well: it need not grow.
            self.open.reserve_exact(CHUNK.max(size));
        }
        record.append_to(&mut self.open);
        self.count += 1;
        self.bytes += size as u64;
    }

    fn end_chunk(&mut self, run: u128) {
        let bytes = std::mem::take(&mut self.open);
        let chunk = Chunk {
            run,
            count: std::mem::take(&mut self.count),
            crc: crc32c(&bytes),
            bytes: Bytes(bytes),
        };
        self.done.push(chunk);
    }

    /// Ends the epoch: everything since the last.
    pub(super) fn take(&mut self, run: u128) -> Vec<Chunk> {
        if !self.open.is_empty() {
            self.end_chunk(run);
        }
        self.bytes = 0;
        std::mem::take(&mut self.done)
    }
}

/// Everything that was staged for one epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Epochal {
    pub(super) receipts: Vec<Receipt>,
    pub(super) chunks: Vec<Chunk>,
}

/// What tells the records of an epoch from any others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Content {
    pub(super) run: u128,
    pub(super) count: u64,
    pub(super) crc: u32,
}

impl Epochal {
    /// Checks what was staged; an error if it is not what was written. What `run`, this process' own,
    /// has staged never left its memory.
    pub(super) fn of(staged: Vec<StagedRecords>, run: Option<u128>) -> Result<Self> {
        let mut epochal = Epochal::default();
        for StagedRecords(part) in staged {
            match part {
                Part::Receipt(receipt) => epochal.receipts.push(receipt),
                Part::Chunk(chunk) => epochal.chunks.push(chunk),
            }
        }
        let is_sound = |chunk: &Chunk| Some(chunk.run) == run || chunk.is_whole();
        if epochal.chunks.iter().all(is_sound) {
            return Ok(epochal);
        }
        Err(
            Error::data("records that were staged for Kafka are damaged")
                .note("Their epoch is not sent: it would not be what the checkpoint says.")
                .help(
                    "restore the checkpoint's files from a copy, or go back to an older checkpoint",
                ),
        )
    }

    pub(super) fn content(&self) -> Content {
        let crc = |crc: u32, chunk: &Chunk| crc32c_append(crc, &chunk.crc.to_le_bytes());
        Content {
            run: self.chunks.first().map_or(0, |chunk| chunk.run),
            count: self.chunks.iter().map(|chunk| chunk.count).sum(),
            crc: self.chunks.iter().fold(0, crc),
        }
    }

    /// All records, in order.
    pub(super) fn records(&self) -> impl Iterator<Item = Encoded<'_>> {
        self.chunks.iter().flat_map(Chunk::records)
    }
}

impl Chunk {
    fn is_whole(&self) -> bool {
        crc32c(&self.bytes.0) == self.crc && self.records().count() as u64 == self.count
    }

    fn records(&self) -> impl Iterator<Item = Encoded<'_>> {
        let mut rest = self.bytes.0.as_slice();
        std::iter::from_fn(move || Encoded::read(&mut rest))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const RUN: u128 = 7;

    fn staged(lengths: &[usize]) -> Vec<Chunk> {
        let mut chunks = Chunks::default();
        for (partition, length) in (0..).zip(lengths) {
            let record = Encoded {
                partition,
                timestamp: (length % 2 == 0).then(|| Timestamp::from_micros(5)),
                key: (length % 3 == 0).then_some(b"key"),
                value: Some(&vec![7; *length]),
            };
            chunks.put(RUN, &record);
        }
        let mut bytes = 0;
        std::mem::swap(&mut bytes, &mut chunks.bytes);
        let done = chunks.take(RUN);
        assert_eq!(
            done.iter()
                .map(|chunk| chunk.bytes.0.len() as u64)
                .sum::<u64>(),
            bytes
        );
        done
    }

    #[test]
    fn chunks_are_full_and_not_longer_unless_a_record_is() {
        let small = vec![1_000; 2_500];
        let sizes = |lengths: &[usize]| -> Vec<usize> {
            let chunks = staged(lengths);
            chunks.iter().map(|chunk| chunk.bytes.0.len()).collect()
        };
        let found = sizes(&small);
        assert_eq!(found.len(), 3);
        assert!(
            found[..2]
                .iter()
                .all(|n| (CHUNK - 1_100..=CHUNK).contains(n)),
            "{found:?}"
        );
        let found = sizes(&[10, 2 * CHUNK, 10]);
        assert_eq!(found.len(), 3);
        assert!(found[1] > 2 * CHUNK);
    }

    #[test]
    fn damaged_chunks_of_another_process_are_refused() {
        let parts = |chunks: Vec<Chunk>| chunks.into_iter().map(Part::Chunk).map(StagedRecords);
        let lengths = [3, 4, 5, 6];
        let mut chunks = staged(&lengths);
        let whole = Epochal::of(parts(chunks.clone()).collect(), None).unwrap();
        assert_eq!(whole.records().count(), lengths.len());
        let found: Vec<_> = whole.records().map(|r| r.value.map(<[u8]>::len)).collect();
        assert_eq!(found, lengths.map(Some));
        chunks[0].bytes.0[20] ^= 1;
        let damaged = |run| Epochal::of(parts(chunks.clone()).collect(), run);
        assert!(damaged(None).is_err());
        assert!(damaged(Some(RUN + 1)).is_err());
        assert!(damaged(Some(RUN)).is_ok());
    }
}
