//! `SegmentHeader`: what stands at the head of a segment; `Index`, which lies beside it.
//!
//! Owns their byte forms. The index is a help: where it is missing or damaged, frames are read from
//! the segment's beginning.

use super::{Commit, Ends, encoded, word};
use crc32c::crc32c;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use whitebeam_sdk::{Result, Timestamp};

/// Bytes before the header: magic with the version of the format, length, checksum.
const HEAD: usize = 12;
const SEGMENT_MAGIC: [u8; 4] = *b"WbS1";
const INDEX_MAGIC: [u8; 4] = *b"WbI1";
/// About how many bytes of frames lie between two entries of an index.
pub(in crate::log) const INDEX_ENTRY_BYTES: u64 = if cfg!(test) { 256 } else { 256 << 10 };
/// How many epochs of a sink are recognised when they are committed again. A runner has two under
/// way at the most.
const RECENT: usize = 8;

/// The epochs that sinks committed last, by sink.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(in crate::log) struct Commits(BTreeMap<String, Vec<(u64, u64)>>);

impl Commits {
    /// Notes a commit.
    pub(in crate::log) fn note(&mut self, commit: &Commit) {
        let recent = self.0.entry(commit.sink.clone()).or_default();
        recent.push((commit.epoch, commit.token));
        let first = recent.len().saturating_sub(RECENT);
        recent.drain(..first);
    }

    /// True if this very commit was noted.
    pub(in crate::log) fn knows(&self, commit: &Commit) -> bool {
        let recent = self.0.get(&commit.sink).map_or(&[][..], Vec::as_slice);
        recent.contains(&(commit.epoch, commit.token))
    }

    /// The last epoch that a sink committed.
    pub(in crate::log) fn last(&self, sink: &str) -> Option<u64> {
        self.0.get(sink)?.last().map(|(epoch, _)| *epoch)
    }
}

/// What stands at the head of a segment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::log) struct SegmentHeader {
    /// Tells the topic from another of the same name.
    pub(in crate::log) topic: u128,
    /// Tells the segment's bytes from any others.
    pub(in crate::log) id: u128,
    /// Which incarnation of the topic's writer writes it.
    pub(in crate::log) generation: u64,
    /// The `id` of the segment before, and where its frames end.
    pub(in crate::log) previous: u128,
    pub(in crate::log) previous_len: u64,
    pub(in crate::log) created: Timestamp,
    /// What lies before it.
    pub(in crate::log) start: Ends,
    pub(in crate::log) commits: Commits,
}

/// Some places in a segment and what lies before each.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(in crate::log) struct Index {
    /// Of the segment.
    pub(in crate::log) id: u128,
    pub(in crate::log) entries: Vec<IndexEntry>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::log) struct IndexEntry {
    /// Where a frame begins.
    pub(in crate::log) at: u64,
    pub(in crate::log) before: Ends,
}

impl SegmentHeader {
    pub(in crate::log) fn encode(&self) -> Result<Vec<u8>> {
        sealed(SEGMENT_MAGIC, self)
    }

    /// The header and its length, if `bytes` begin with a whole one.
    pub(in crate::log) fn decode(bytes: &[u8]) -> Option<(Self, u64)> {
        unsealed(SEGMENT_MAGIC, bytes)
    }

    /// How many bytes have to be read for a header that begins so.
    pub(in crate::log) fn len_of(bytes: &[u8]) -> usize {
        HEAD + word(bytes, 4) as usize
    }
}

impl Index {
    pub(in crate::log) fn encode(&self) -> Result<Vec<u8>> {
        sealed(INDEX_MAGIC, self)
    }

    pub(in crate::log) fn decode(bytes: &[u8]) -> Option<Self> {
        unsealed(INDEX_MAGIC, bytes).map(|(index, _)| index)
    }
}

fn sealed<T: Serialize>(magic: [u8; 4], value: &T) -> Result<Vec<u8>> {
    let body = encoded(value)?;
    let mut bytes = Vec::with_capacity(HEAD + body.len());
    bytes.extend_from_slice(&magic);
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn unsealed<T: DeserializeOwned>(magic: [u8; 4], bytes: &[u8]) -> Option<(T, u64)> {
    let (len, crc) = (word(bytes, 4) as usize, word(bytes, 8));
    let body = bytes.get(HEAD..HEAD.checked_add(len)?)?;
    if !bytes.starts_with(&magic) || crc32c(body) != crc {
        return None;
    }
    let value = postcard::from_bytes(body).ok()?;
    Some((value, (HEAD + len) as u64))
}
