//! How a topic looks on the disk.
//!
//! Owns the byte forms and their checks; opens no file. A topic is a row of *segments*. A segment
//! is a header and *frames*. A frame is one atomic append: a header that lists *blocks*, the blocks
//! (records of one partition each), and a *mark* that is written only after everything before it is
//! on the disk. Invariants, which everything else follows from:
//!
//! - A frame with a mark is whole and durable. Readers look at no other, so that they never see
//!   what a crash takes back.
//! - A segment is written by one writer, from its creation to its end. The header of the next one
//!   says where the frames of the one before end, so that whatever lies behind is known to be none.
//! - Checksums are mixed with the segment's own number and the place, so that bytes from elsewhere
//!   are not taken for frames.

mod ends;
mod frame;
mod record;
mod segment;

pub(super) use ends::Ends;
pub(super) use frame::{
    Block, Commit, FrameHeader, MARK, MARK_MAGIC, PREFIX, Prefix, Salt, mark, mark_at,
};
pub use record::LogRecord;
pub(super) use record::{Walk, put};
pub(super) use segment::{Commits, INDEX_ENTRY_BYTES, Index, IndexEntry, SegmentHeader};

use whitebeam_sdk::{Error, Result};

/// A value of ours in postcard's form.
pub(super) fn encoded<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(value)
        .map_err(|e| Error::internal("a part of a log has no encoding").caused_by(e))
}

/// The four bytes at the front as a number; callers have checked that they are there.
fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    if let Some(found) = bytes.get(at..at + 4) {
        word.copy_from_slice(found);
    }
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests;
