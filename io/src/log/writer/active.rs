//! `Active`: the segment that a writer writes.
//!
//! Owns the order of writes and syncs that makes an append atomic: everything, a sync, the mark, a
//! sync. Invariant: a file on which a sync failed is never written or synced again.

use crate::log::error::unwritable;
use crate::log::format::{
    Ends, FrameHeader, INDEX_ENTRY_BYTES, Index, IndexEntry, MARK, Salt, SegmentHeader, mark,
};
use crate::log::topic::Topic;
use whitebeam_env::Writable;
use whitebeam_sdk::{Error, Result};

/// Small writes are gathered up to this size.
const GATHER: usize = 1 << 20;

/// What is going to be appended: a header's blocks, one after the other.
pub(in crate::log) trait Blocks {
    /// Replaces `into` by the bytes of the block of this number.
    fn read(&mut self, block: usize, into: &mut Vec<u8>) -> Result<()>;
}

#[derive(Debug)]
pub(super) struct Active {
    pub(super) number: u64,
    file: Box<dyn Writable>,
    /// Where its frames end.
    pub(super) len: u64,
    index: IndexBuilder,
}

/// A failed append, and whether readers may have seen it all the same.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) may_be_seen: bool,
}

impl Active {
    /// Makes segment `number`, durably, with `first` in it from the beginning if there is one: no
    /// crash leaves the segment without it.
    pub(super) fn create(
        topic: &Topic,
        number: u64,
        header: &SegmentHeader,
        first: Option<(&FrameHeader, &mut dyn Blocks)>,
    ) -> Result<Self> {
        let files = topic.files();
        let path = topic.segment_path(number);
        let unfinished = path.with_extension("new");
        match files.remove(&unfinished) {
            Err(e) if !e.is_not_found() => return Err(unwritable(e)),
            _ => {}
        }
        let mut file = files.create_new(&unfinished).map_err(unwritable)?;
        let bytes = header.encode()?;
        file.append(&bytes).map_err(unwritable)?;
        let mut made = Active {
            number,
            file,
            len: bytes.len() as u64,
            index: IndexBuilder::new(header.id),
        };
        match first {
            Some((frame, blocks)) => made
                .append(topic, frame, &header.start, blocks)
                .map_err(|failed| failed.error)?,
            None => made.file.sync().map_err(unwritable)?,
        }
        files.point("log.segment_written");
        files
            .rename_noreplace(&unfinished, &path)
            .map_err(unwritable)?;
        files.sync_dir(&topic.folder()).map_err(|e| {
            // After a sync that failed, the next one says nothing of this name: nobody may build on
            // it.
            let _ = files.remove(&path);
            unwritable(e)
        })?;
        files.point("log.segment_created");
        Ok(made)
    }

    /// Appends a frame.
    pub(super) fn append(
        &mut self,
        topic: &Topic,
        frame: &FrameHeader,
        before: &Ends,
        blocks: &mut dyn Blocks,
    ) -> Result<(), Failed> {
        self.index.note(self.len, before);
        let mark = self.write(topic, frame, blocks).map_err(|error| Failed {
            error,
            may_be_seen: false,
        })?;
        self.show(topic, &mark).map_err(|error| Failed {
            error,
            may_be_seen: true,
        })
    }

    /// Brings a frame to the disk, where it is nothing yet; its mark is still to be written.
    fn write(
        &mut self,
        topic: &Topic,
        frame: &FrameHeader,
        blocks: &mut dyn Blocks,
    ) -> Result<[u8; MARK]> {
        let salt = Salt {
            segment: self.index.0.id,
            at: self.len,
        };
        let (mut gathered, header_crc) = frame.encode(salt)?;
        let mut block = Vec::new();
        for number in 0..frame.blocks.len() {
            blocks.read(number, &mut block)?;
            if gathered.len() + block.len() > GATHER {
                self.file.append(&gathered).map_err(unwritable)?;
                gathered.clear();
            }
            gathered.extend_from_slice(&block);
        }
        self.file.append(&gathered).map_err(unwritable)?;
        topic.files().point("log.frame_written");
        self.file.sync().map_err(unwritable)?;
        topic.files().point("log.frame_synced");
        Ok(mark(salt, header_crc))
    }

    /// From here on readers may see the frame.
    fn show(&mut self, topic: &Topic, mark: &[u8; MARK]) -> Result<()> {
        self.file.append(mark).map_err(unwritable)?;
        topic.files().point("log.mark_written");
        self.file.sync().map_err(unwritable)?;
        topic.files().point("log.mark_synced");
        self.len = self.file.len();
        Ok(())
    }

    /// Leaves the segment for the next one: its index is written beside it.
    pub(super) fn leave(self, topic: &Topic) {
        self.index.write(topic, self.number);
    }
}

/// Gathers the entries of an index.
#[derive(Debug)]
pub(super) struct IndexBuilder(Index);

impl IndexBuilder {
    pub(super) fn new(id: u128) -> Self {
        IndexBuilder(Index {
            id,
            entries: Vec::new(),
        })
    }

    /// A frame begins at `at`, with this before it.
    pub(super) fn note(&mut self, at: u64, before: &Ends) {
        let last = self.0.entries.last().map_or(0, |entry| entry.at);
        if at >= last + INDEX_ENTRY_BYTES {
            let before = before.clone();
            self.0.entries.push(IndexEntry { at, before });
        }
    }

    /// Writes the index of a segment that gets no more frames. Best effort: without it a place in
    /// the segment is found by reading its frames; whether it is whole its checksum says.
    pub(super) fn write(&self, topic: &Topic, number: u64) {
        let path = topic.index_path(number);
        let _ = topic.files().remove(&path);
        if let (Ok(bytes), Ok(mut file)) = (self.0.encode(), topic.files().create_new(&path)) {
            let _ = file.append(&bytes);
        }
    }
}
