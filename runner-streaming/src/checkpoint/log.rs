//! Sinks' logs: what a shard staged in an epoch, for the runner to commit when that is durable.
//!
//! Owns the record form and the check of count and checksum. What a record says is the sink's own
//! (`SinkWriter::Staged`, encoded).

use super::Result;
use super::frame::{self, FrameReader, FrameWriter, Magic};
use super::manifest::LogFile;
use std::path::Path;
use whitebeam_env::SharedFiles;

pub(crate) const MAGIC: Magic = *b"WBEPOCH\0";
pub(crate) const VERSION: u32 = 1;

/// Writes what one shard of a sink stages in one epoch.
#[derive(Debug)]
pub struct LogWriter {
    name: String,
    frames: FrameWriter,
}

impl LogWriter {
    pub(crate) fn new(name: String, frames: FrameWriter) -> Self {
        LogWriter { name, frames }
    }

    /// Adds a record.
    pub fn append(&mut self, record: &[u8]) -> Result<()> {
        self.frames.append(0, record)
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.frames.offset()
    }

    /// Whether no record was added.
    pub fn is_empty(&self) -> bool {
        self.len() == frame::START
    }

    /// Makes the log durable. Dropped instead, it is as if it had never been.
    pub fn finish(self) -> Result<LogFile> {
        let finished = self.frames.finish()?;
        Ok(LogFile {
            name: self.name,
            len: finished.len,
            records: finished.frames,
            crc: finished.crc,
        })
    }
}

/// Reads a log that was finished.
#[derive(Debug)]
pub struct LogReader {
    frames: FrameReader,
    left: u64,
}

impl LogReader {
    pub(crate) fn open(files: &SharedFiles, path: &Path, log: &LogFile) -> Result<Self> {
        frame::verify(files, path, log.len, log.crc)?;
        Ok(LogReader {
            frames: FrameReader::open(files, path, MAGIC, VERSION, log.len)?,
            left: log.records,
        })
    }

    /// The next record; an error when there are not as many as were written.
    pub fn next_record(&mut self) -> Result<Option<Vec<u8>>> {
        match (self.frames.next()?, self.left) {
            (None, 0) => Ok(None),
            (Some(found), left) if left > 0 => {
                self.left = left - 1;
                Ok(Some(found.bytes))
            }
            _ => {
                let reason = "its number of records is not the one its checkpoint states";
                Err(frame::damaged(self.frames.path(), reason))
            }
        }
    }
}
