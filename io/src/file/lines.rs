//! `Lines`: the lines of a byte range, in chunks that end with a line.
//!
//! Owns where lines begin and end, and how a range of them is given up. A line belongs to the range
//! that its first byte lies in; a range that begins within a line leaves it to the range before.
//! Invariant: the lines of any ranges that together cover a file are the lines of the file.

use super::error;
use super::input::{CHUNK, Input};
use super::line_number::LineNumbers;
use super::split::{FileSplit, Place, fraction_of};
use std::io::Read;
use std::ops::Range;
use whitebeam_sdk::source::{Position, Progress, Residual};
use whitebeam_sdk::{Error, Result, Timestamp};

/// A line longer than this is rather a file that is not what it is taken for.
const LONGEST: usize = 256 << 20;

/// What lines are slices of.
pub(super) trait Chunk: Default + Send {
    /// Takes over the bytes, or says from which on they are not what the format wants.
    fn of(bytes: Vec<u8>) -> Result<Self, (usize, Error)>;
    fn bytes(&self) -> &[u8];
    /// Memory for the next chunk, if this one can give it.
    fn recycle(self) -> Vec<u8>;
}

/// Finds lines; see the module.
pub(super) struct Lines<C> {
    split: FileSplit,
    input: Input,
    chunk: C,
    /// Offset of the chunk in the text.
    base: u64,
    /// Where the next line begins in the chunk.
    next: usize,
    /// What follows the chunk and is read already: the beginning of a line.
    carry: Vec<u8>,
    at_end: bool,
    numbers: LineNumbers,
}

impl<C: Chunk> Lines<C> {
    pub(super) fn open(split: FileSplit, at: Option<&Position>) -> Result<Self> {
        let split = split.resumed(at)?;
        // The byte before decides whether a line begins here. Compressed text is only ever left
        // between lines.
        let before = split.is_plain() && split.start > 0;
        let base = split.start - u64::from(before);
        let mut lines = Lines {
            input: Input::open(&split.path, split.compression, base)?,
            numbers: LineNumbers::of(&split),
            split,
            chunk: C::default(),
            base,
            next: 0,
            carry: Vec::new(),
            at_end: false,
        };
        if before {
            lines.leave_first()?;
        }
        Ok(lines)
    }

    /// Drops what is read up to the first line break.
    fn leave_first(&mut self) -> Result<()> {
        while !self.at_end {
            let mut bytes = std::mem::take(&mut self.carry);
            self.read_more(&mut bytes)?;
            let found = memchr::memchr(b'\n', &bytes);
            let dropped = found.map_or(bytes.len(), |at| at + 1);
            self.base += dropped as u64;
            bytes.drain(..dropped);
            self.carry = bytes;
            if found.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next line of the range, as a range of [`Lines::chunk`] without its line break.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Range<usize>>> {
        loop {
            let start = self.next;
            if self.split.end.is_some_and(|end| self.offset() >= end) {
                return Ok(None);
            }
            let bytes = self.chunk.bytes();
            if start < bytes.len() {
                let rest = &bytes[start..];
                let Some(len) = memchr::memchr(b'\n', rest) else {
                    self.next = bytes.len();
                    return Ok(Some(start..bytes.len()));
                };
                self.next = start + len + 1;
                let len = len - usize::from(len > 0 && rest[len - 1] == b'\r');
                return Ok(Some(start..start + len));
            }
            if !self.advance()? {
                return Ok(None);
            }
        }
    }

    pub(super) fn chunk(&self) -> &C {
        &self.chunk
    }

    /// Offset in the text of a place in the chunk.
    pub(super) fn offset_of(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    fn offset(&self) -> u64 {
        self.offset_of(self.next)
    }

    /// Replaces the chunk by the one behind it; false at the end.
    #[cold]
    fn advance(&mut self) -> Result<bool> {
        let done = std::mem::take(&mut self.chunk);
        self.base += done.bytes().len() as u64;
        self.next = 0;
        let mut bytes = done.recycle();
        bytes.clear();
        bytes.append(&mut self.carry);
        while !self.at_end && memchr::memrchr(b'\n', &bytes).is_none() {
            self.read_more(&mut bytes)?;
        }
        if let (false, Some(last)) = (self.at_end, memchr::memrchr(b'\n', &bytes)) {
            self.carry.extend_from_slice(&bytes[last + 1..]);
            bytes.truncate(last + 1);
        }
        if bytes.is_empty() {
            return self.check_size().map(|()| false);
        }
        self.chunk = C::of(bytes).map_err(|(at, e)| self.place(e, self.base + at as u64))?;
        Ok(true)
    }

    fn read_more(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        if bytes.len() > LONGEST {
            let error = Error::data(format!("a line is longer than {} MiB", LONGEST >> 20))
                .help("is this a text file, and not compressed? .compression(..) names a codec");
            return Err(self.place(error, self.base));
        }
        // A line longer than a chunk is read in growing steps, so that looking for its end again
        // after each step stays linear.
        let want = bytes.len() + CHUNK.max(bytes.len());
        while bytes.len() < want {
            let had = bytes.len();
            bytes.resize(want, 0);
            let read = self.input.read(&mut bytes[had..]);
            bytes.truncate(had + read.as_ref().map_or(0, |n| *n));
            if read.map_err(|e| self.input.error(e))? == 0 {
                self.at_end = true;
                break;
            }
        }
        Ok(())
    }

    /// At the end of the file: it must not have shrunk since the splits were made.
    fn check_size(&self) -> Result<()> {
        match self.split.end {
            Some(end) if self.split.is_plain() && self.base < end => {
                Err(error::shrunk(&self.split.path, self.split.bytes, self.base))
            }
            _ => Ok(()),
        }
    }

    /// Adds to `error` that it concerns the line at `byte`.
    pub(super) fn place(&mut self, error: Error, byte: u64) -> Error {
        match self.numbers.line_of(byte) {
            Ok(place) => error.at_position(place.describe(&self.split)),
            Err(_) => error.at_position(format!("{} byte {byte}", self.split.path)),
        }
    }

    pub(super) fn line_of(&mut self, byte: u64) -> Result<u64> {
        Ok(self.numbers.line_of(byte)?.line)
    }

    pub(super) fn path(&self) -> &str {
        &self.split.path
    }

    pub(super) fn position(&self) -> Position {
        let (next, end) = (self.offset(), self.split.end);
        Place { next, end }.position()
    }

    pub(super) fn progress(&self) -> Progress {
        self.split.progress(self.offset(), self.input.consumed())
    }

    pub(super) fn describe_position(&self) -> String {
        let byte = self.offset();
        match LineNumbers::of(&self.split).line_of(byte) {
            Ok(place) => format!("line {} (byte {byte})", place.line),
            Err(_) => format!("byte {byte}"),
        }
    }

    /// Gives up the lines that begin behind `fraction` of what is left. Compressed text has no
    /// length before it is read: there the choice is all that is left or nothing.
    pub(super) fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        let next = self.offset();
        let limit = match (self.split.is_plain(), self.split.end) {
            (true, Some(end)) => fraction_of(next, end, fraction),
            _ if fraction > 0.0 => return Ok(None),
            _ => next,
        };
        let nothing_left = self.split.end.is_some_and(|end| limit >= end)
            || (self.at_end && self.carry.is_empty() && self.next == self.chunk.bytes().len());
        if nothing_left {
            return Ok(None);
        }
        let rest = FileSplit {
            start: limit,
            ..self.split.clone()
        };
        self.split.end = Some(limit);
        Residual::of(&rest, Timestamp::MIN).map(Some)
    }
}
