//! Framed files: frames one after the other, each with its length, a tag and a CRC32C.
//!
//! Owns the form of state files and of sinks' logs, and their writing and reading. A file is
//! written once, by one writer, and is of use only when it was finished: synced, with its length
//! and checksum known. Reading checks each frame and asks for no more memory than the file is long.

use super::Result;
use super::book::Ticket;
use super::error::Error;
use std::path::{Path, PathBuf};
use whitebeam_env::{Readable, SharedFiles, Writable};

/// What stands at the beginning of a framed file.
pub(crate) type Magic = [u8; 8];

/// Magic, version and their CRC.
pub(crate) const START: u64 = 16;
/// Length, tag and CRC of a frame.
const HEAD: usize = 12;
/// Bytes gathered before they are written.
const BUFFER: usize = 64 * 1024;
/// A frame is at most this long: a longer one is a mistake, not state.
const LONGEST: usize = 1 << 30;

/// A whole file as its writer left it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Finished {
    pub(crate) len: u64,
    pub(crate) crc: u32,
    pub(crate) frames: u64,
}

/// Writes a framed file.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    files: SharedFiles,
    file: Box<dyn Writable>,
    /// Holds the file's right to be there; condemned unless finished.
    ticket: Ticket,
    buffer: Vec<u8>,
    /// What was given to the file and the buffer so far.
    so_far: Finished,
    /// An append failed: nothing is known of the file's end.
    failed: bool,
}

impl FrameWriter {
    pub(crate) fn create(
        files: SharedFiles,
        path: &Path,
        magic: Magic,
        version: u32,
        ticket: Ticket,
    ) -> Result<Self> {
        let file = files.create_new(path)?;
        let mut buffer = Vec::with_capacity(BUFFER);
        buffer.extend_from_slice(&start(magic, version));
        Ok(FrameWriter {
            files,
            file,
            ticket,
            so_far: Finished {
                len: buffer.len() as u64,
                crc: crc32c::crc32c(&buffer),
                frames: 0,
            },
            buffer,
            failed: false,
        })
    }

    /// Where the next frame will begin.
    pub(crate) fn offset(&self) -> u64 {
        self.so_far.len
    }

    pub(crate) fn append(&mut self, tag: u32, bytes: &[u8]) -> Result<()> {
        if self.failed {
            return Err(Error::Misused("a file was written to after it had failed"));
        }
        if bytes.len() > LONGEST {
            return Err(Error::Misused("a frame of more than a GiB"));
        }
        let head = head(tag, bytes);
        for part in [&head[..], bytes] {
            self.so_far.crc = crc32c::crc32c_append(self.so_far.crc, part);
            self.so_far.len += part.len() as u64;
            self.buffer.extend_from_slice(part);
        }
        self.so_far.frames += 1;
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    /// Makes the bytes durable; the name is made so before a manifest names it.
    pub(crate) fn finish(mut self) -> Result<Finished> {
        if self.failed {
            return Err(Error::Misused("a file was finished after it had failed"));
        }
        self.flush()?;
        self.files.point("file.written");
        self.file.sync()?;
        self.files.point("file.fsynced");
        self.ticket.keep();
        Ok(self.so_far)
    }

    fn flush(&mut self) -> Result<()> {
        self.failed = true;
        self.file.append(&self.buffer)?;
        self.failed = false;
        self.buffer.clear();
        Ok(())
    }
}

fn start(magic: Magic, version: u32) -> [u8; START as usize] {
    let mut start = [0; START as usize];
    start[..8].copy_from_slice(&magic);
    start[8..12].copy_from_slice(&version.to_le_bytes());
    let crc = crc32c::crc32c(&start[..12]);
    start[12..].copy_from_slice(&crc.to_le_bytes());
    start
}

fn head(tag: u32, bytes: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    // Checked against `LONGEST` before.
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    head[..4].copy_from_slice(&len.to_le_bytes());
    head[4..8].copy_from_slice(&tag.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&head[..8]), bytes);
    head[8..].copy_from_slice(&crc.to_le_bytes());
    head
}

/// Reads the frames that lie in a part of a file.
#[derive(Debug)]
pub(crate) struct FrameReader {
    file: Box<dyn Readable>,
    at: u64,
    end: u64,
}

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tagged {
    pub(crate) tag: u32,
    pub(crate) bytes: Vec<u8>,
}

impl FrameReader {
    /// Opens a file that was finished with this length, at its first frame.
    pub(crate) fn open(
        files: &SharedFiles,
        path: &Path,
        magic: Magic,
        version: u32,
        len: u64,
    ) -> Result<Self> {
        let file = files.open(path)?;
        let damaged = |reason: &str| damaged(path, reason);
        if file.len()? != len {
            return Err(damaged("its length is not the one its checkpoint states"));
        }
        let mut found = [0; START as usize];
        if len < START {
            return Err(damaged("it is too short"));
        }
        file.read_exact_at(0, &mut found)?;
        if found != start(magic, version) {
            return Err(damaged("it does not begin as such a file does"));
        }
        Ok(FrameReader {
            file,
            at: START,
            end: len,
        })
    }

    /// Goes on with the frames of a part of it.
    pub(crate) fn seek(&mut self, offset: u64, len: u64) -> Result<()> {
        let end = offset.checked_add(len);
        match (end, self.file.len()?) {
            (Some(end), file) if offset >= START && end <= file => {
                (self.at, self.end) = (offset, end);
                Ok(())
            }
            _ => Err(damaged(self.file.path(), "its index points outside of it")),
        }
    }

    /// The next frame, or the end of the part.
    pub(crate) fn next(&mut self) -> Result<Option<Tagged>> {
        if self.at == self.end {
            return Ok(None);
        }
        let left = self.end - self.at;
        let damaged = |reason: &str| damaged(self.file.path(), reason);
        if left < HEAD as u64 {
            return Err(damaged("it ends within a frame"));
        }
        let mut head_found = [0; HEAD];
        self.file.read_exact_at(self.at, &mut head_found)?;
        let [a, b, c, d, e, f, g, h, ..] = head_found;
        let (len, tag) = (
            u32::from_le_bytes([a, b, c, d]),
            u32::from_le_bytes([e, f, g, h]),
        );
        if u64::from(len) > left - HEAD as u64 || len as usize > LONGEST {
            return Err(damaged("a frame is longer than the rest of it"));
        }
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(self.at + HEAD as u64, &mut bytes)?;
        if head(tag, &bytes) != head_found {
            return Err(damaged("the checksum of a frame does not match"));
        }
        self.at += HEAD as u64 + u64::from(len);
        Ok(Some(Tagged { tag, bytes }))
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// Whether a whole file is what was written.
pub(crate) fn verify(files: &SharedFiles, path: &Path, len: u64, crc: u32) -> Result<()> {
    let file = files.open(path)?;
    if file.len()? != len {
        return Err(damaged(
            path,
            "its length is not the one its checkpoint states",
        ));
    }
    let mut buffer = vec![0; BUFFER];
    let (mut at, mut found) = (0, 0);
    loop {
        match file.read_at(at, &mut buffer)? {
            0 => break,
            n => {
                found = crc32c::crc32c_append(found, &buffer[..n]);
                at += n as u64;
            }
        }
    }
    if (at, found) != (len, crc) {
        return Err(damaged(path, "its checksum does not match"));
    }
    Ok(())
}

pub(crate) fn damaged(path: &Path, reason: &str) -> Error {
    Error::Damaged {
        file: PathBuf::from(path),
        reason: reason.to_owned(),
    }
}
