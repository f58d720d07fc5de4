//! State files: frames by key group, with an index.
//!
//! Owns the index. What a frame says is its stage's; a worker reads the frames of its own groups
//! and those of the stage as a whole.

use super::Result;
use super::error::Error;
use super::frame::{FrameReader, FrameWriter, Magic};
use super::manifest::{DataFile, Span};
use std::collections::VecDeque;
use std::path::Path;
use whitebeam_env::SharedFiles;
use whitebeam_sdk::hash::KeyGroup;

pub(crate) const MAGIC: Magic = *b"WBSTATE\0";
pub(crate) const VERSION: u32 = 1;

/// The tag of a frame that belongs to no key group.
const PLAIN: u32 = u32::MAX;

/// Writes one state file.
#[derive(Debug)]
pub struct DataWriter {
    name: String,
    frames: FrameWriter,
    spans: Vec<Span>,
}

/// One piece of state as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The key group it belongs to; none for the stage as a whole.
    pub group: Option<KeyGroup>,
    /// What was written.
    pub bytes: Vec<u8>,
}

impl DataWriter {
    pub(crate) fn new(name: String, frames: FrameWriter) -> Self {
        let spans = Vec::new();
        DataWriter {
            name,
            frames,
            spans,
        }
    }

    /// Adds a frame. Frames of one key group should follow each other: each change of group costs
    /// an entry in the index.
    pub fn append(&mut self, group: Option<KeyGroup>, bytes: &[u8]) -> Result<()> {
        let offset = self.frames.offset();
        let tag = group.map_or(PLAIN, |KeyGroup(group)| u32::from(group));
        self.frames.append(tag, bytes)?;
        let len = self.frames.offset() - offset;
        match self.spans.last_mut() {
            Some(last) if last.group == group => last.len += len,
            _ => self.spans.push(Span { group, offset, len }),
        }
        Ok(())
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.frames.offset()
    }

    /// Whether no frame was added.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Makes the file durable. Dropped instead, it is as if it had never been.
    pub fn finish(self) -> Result<DataFile> {
        let finished = self.frames.finish()?;
        Ok(DataFile {
            name: self.name,
            len: finished.len,
            crc: finished.crc,
            spans: self.spans,
        })
    }
}

/// Reads the frames of some key groups from one state file.
#[derive(Debug)]
pub struct DataReader {
    frames: FrameReader,
    spans: VecDeque<Span>,
    reading: Option<Option<KeyGroup>>,
}

impl DataReader {
    /// `wanted` is asked once per span.
    pub(crate) fn open(
        files: &SharedFiles,
        path: &Path,
        file: &DataFile,
        wanted: impl Fn(Option<KeyGroup>) -> bool,
    ) -> Result<Self> {
        let spans = file.spans.iter().filter(|span| wanted(span.group));
        Ok(DataReader {
            frames: FrameReader::open(files, path, MAGIC, VERSION, file.len)?,
            spans: spans.copied().collect(),
            reading: None,
        })
    }

    /// The next frame, in the order in which they were written.
    pub fn next_frame(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(group) = self.reading
                && let Some(found) = self.frames.next()?
            {
                let expected = group.map_or(PLAIN, |KeyGroup(group)| u32::from(group));
                if found.tag != expected {
                    return Err(Error::Damaged {
                        file: self.frames.path().to_owned(),
                        reason: "a frame is not of the key group that its index states".into(),
                    });
                }
                let bytes = found.bytes;
                return Ok(Some(Frame { group, bytes }));
            }
            let Some(span) = self.spans.pop_front() else {
                self.reading = None;
                return Ok(None);
            };
            self.frames.seek(span.offset, span.len)?;
            self.reading = Some(span.group);
        }
    }
}
