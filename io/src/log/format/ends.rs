//! `Ends`: how far a topic goes at some place in it.
//!
//! Owns the step over a frame and its check. Invariant: everything in it only grows along a topic,
//! so that a place can be found by halving.

use super::frame::{Block, FrameHeader};
use serde::{Deserialize, Serialize};
use whitebeam_sdk::Timestamp;

/// What lies before a place in a topic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::log) struct Ends {
    /// One per partition.
    pub(in crate::log) partitions: Vec<PartitionEnd>,
    /// When the last frame was appended.
    pub(in crate::log) appended: Timestamp,
    /// How many frames there are.
    pub(in crate::log) frames: u64,
}

/// What lies before a place in one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::log) struct PartitionEnd {
    /// The offset of the next record.
    pub(in crate::log) next: u64,
    /// The latest time of a record.
    pub(in crate::log) latest: Timestamp,
}

impl Ends {
    /// The beginning of an empty topic.
    pub(in crate::log) fn new(partitions: u32) -> Self {
        let mut ends = Ends {
            partitions: Vec::new(),
            appended: Timestamp::MIN,
            frames: 0,
        };
        ends.grow(partitions);
        ends
    }

    /// Adds empty partitions until there are so many.
    pub(in crate::log) fn grow(&mut self, partitions: u32) {
        let nothing = PartitionEnd {
            next: 0,
            latest: Timestamp::MIN,
        };
        self.partitions.resize(partitions as usize, nothing);
    }

    /// The offset of the next record of a partition, which may not exist yet.
    pub(in crate::log) fn next(&self, partition: u32) -> u64 {
        let end = self.partitions.get(partition as usize);
        end.map_or(0, |end| end.next)
    }

    /// The latest time of a record of a partition.
    pub(in crate::log) fn latest(&self, partition: u32) -> Timestamp {
        let end = self.partitions.get(partition as usize);
        end.map_or(Timestamp::MIN, |end| end.latest)
    }

    /// Steps over a frame; false, and half done, if it does not belong here.
    #[must_use]
    pub(in crate::log) fn pass(&mut self, frame: &FrameHeader) -> bool {
        let fits = frame.number == self.frames && frame.appended >= self.appended;
        self.frames += 1;
        self.appended = frame.appended;
        fits && frame.blocks.iter().all(|block| self.pass_block(block))
    }

    fn pass_block(&mut self, block: &Block) -> bool {
        match self.partitions.get_mut(block.partition as usize) {
            Some(end) if end.next == block.first => {
                end.next += u64::from(block.count);
                end.latest = end.latest.max(block.latest);
                true
            }
            _ => false,
        }
    }
}
