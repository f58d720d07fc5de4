//! `FrameHeader`: what one atomic append says of itself; its prefix and its mark.
//!
//! Owns their byte forms. Invariant: nothing is decoded whose checksum is wrong.

use super::{encoded, word};
use crc32c::{crc32c, crc32c_append};
use serde::{Deserialize, Serialize};
use whitebeam_sdk::{Result, Timestamp};

/// Bytes before a frame's header: magic, length and checksum of the header.
pub(in crate::log) const PREFIX: usize = 12;
/// Bytes of the mark that ends a frame.
pub(in crate::log) const MARK: usize = 20;
/// No header is longer: a length beyond it is damage.
const LONGEST_HEADER: u32 = 256 << 20;
pub(in crate::log) const MARK_MAGIC: [u8; 4] = *b"WbM1";
const FRAME_MAGIC: [u8; 4] = *b"WbF1";

/// Whose commit a frame is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::log) struct Commit {
    pub(in crate::log) sink: String,
    pub(in crate::log) epoch: u64,
    /// Tells the epoch from one of the same number of another run.
    pub(in crate::log) token: u64,
}

/// Records of one partition that stand together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::log) struct Block {
    pub(in crate::log) partition: u32,
    /// Offset of its first record.
    pub(in crate::log) first: u64,
    pub(in crate::log) count: u32,
    pub(in crate::log) bytes: u32,
    pub(in crate::log) crc: u32,
    /// The latest time of its records.
    pub(in crate::log) latest: Timestamp,
}

impl Block {
    /// The offset behind its last record.
    pub(in crate::log) fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }
}

/// What stands at the head of a frame.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::log) struct FrameHeader {
    /// Counted from 0 along the topic.
    pub(in crate::log) number: u64,
    /// Never before that of the frame before.
    pub(in crate::log) appended: Timestamp,
    /// Which incarnation of the topic's writer wrote it.
    pub(in crate::log) generation: u64,
    pub(in crate::log) commit: Option<Commit>,
    /// In the order in which they follow.
    pub(in crate::log) blocks: Vec<Block>,
}

/// Where a frame stands: mixed into its checksums.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::log) struct Salt {
    pub(in crate::log) segment: u128,
    pub(in crate::log) at: u64,
}

impl Salt {
    fn crc(self) -> u32 {
        crc32c_append(crc32c(&self.segment.to_le_bytes()), &self.at.to_le_bytes())
    }
}

/// A prefix that looks like one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::log) struct Prefix {
    pub(in crate::log) header_len: u32,
    pub(in crate::log) header_crc: u32,
}

impl Prefix {
    /// Reads it from the first [`PREFIX`] bytes.
    pub(in crate::log) fn parse(bytes: &[u8]) -> Option<Self> {
        let header_len = word(bytes, 4);
        let fits = bytes.len() >= PREFIX && bytes.starts_with(&FRAME_MAGIC);
        (fits && header_len <= LONGEST_HEADER).then(|| Prefix {
            header_len,
            header_crc: word(bytes, 8),
        })
    }
}

impl FrameHeader {
    /// Prefix and header, as written; and the checksum that the mark repeats.
    pub(in crate::log) fn encode(&self, salt: Salt) -> Result<(Vec<u8>, u32)> {
        let header = encoded(self)?;
        let crc = crc32c_append(salt.crc(), &header);
        let mut bytes = Vec::with_capacity(PREFIX + header.len());
        bytes.extend_from_slice(&FRAME_MAGIC);
        bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&header);
        Ok((bytes, crc))
    }

    /// The header that follows `prefix`, if the checksum is right.
    pub(in crate::log) fn decode(bytes: &[u8], prefix: Prefix, salt: Salt) -> Option<Self> {
        if crc32c_append(salt.crc(), bytes) != prefix.header_crc {
            return None;
        }
        postcard::from_bytes(bytes).ok()
    }

    /// Bytes of all blocks together.
    pub(in crate::log) fn body_len(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.bytes)).sum()
    }
}

/// The mark of a frame.
pub(in crate::log) fn mark(salt: Salt, header_crc: u32) -> [u8; MARK] {
    let mut bytes = [0; MARK];
    bytes[..4].copy_from_slice(&MARK_MAGIC);
    bytes[4..12].copy_from_slice(&salt.at.to_le_bytes());
    bytes[12..16].copy_from_slice(&header_crc.to_le_bytes());
    let crc = crc32c_append(salt.crc(), &bytes[..16]);
    bytes[16..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The place of the frame whose mark these bytes begin with, in a segment of this number.
pub(in crate::log) fn mark_at(bytes: &[u8], segment: u128) -> Option<u64> {
    let found: &[u8; MARK] = bytes.first_chunk()?;
    let at = u64::from(word(found, 4)) | (u64::from(word(found, 8)) << 32);
    let salt = Salt { segment, at };
    (*found == mark(salt, word(found, 12))).then_some(at)
}
