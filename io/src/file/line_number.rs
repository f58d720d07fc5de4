//! Line numbers, counted only when something is wrong.
//!
//! Owns a second reading of a file up to a place in it: readers of byte ranges do not know the
//! lines before them, and counting while nothing is wrong would cost every run. Invariant: for
//! places in rising order the file is read once.

use super::compression::Compression;
use super::input::{CHUNK, Input};
use super::split::FileSplit;
use std::io::Read;
use whitebeam_sdk::Result;

/// A place in a file, in words and numbers.
#[derive(Clone, Debug)]
pub(super) struct Location {
    /// From 1.
    pub(super) line: u64,
    /// Offset in the text, after decompression.
    pub(super) byte: u64,
}

/// Finds lines of one file.
pub(super) struct LineNumbers {
    path: String,
    compression: Compression,
    at: Option<Counting>,
}

struct Counting {
    input: Input,
    buffer: Vec<u8>,
    next: usize,
    line: u64,
    byte: u64,
}

impl LineNumbers {
    pub(super) fn of(split: &FileSplit) -> Self {
        LineNumbers {
            path: split.path.clone(),
            compression: split.compression,
            at: None,
        }
    }

    /// The line in which `byte` lies.
    pub(super) fn line_of(&mut self, byte: u64) -> Result<Location> {
        let counting = self.up_to(byte)?;
        let line = counting.line;
        Ok(Location { line, byte })
    }

    /// The first place from `byte` on that is not a line break: where a CSV record begins.
    pub(super) fn record_from(&mut self, byte: u64) -> Result<Location> {
        let counting = self.up_to(byte)?;
        while let Some(b'\r' | b'\n') = counting.peek()? {
            counting.step();
        }
        Ok(Location {
            line: counting.line,
            byte: counting.byte,
        })
    }

    fn up_to(&mut self, byte: u64) -> Result<&mut Counting> {
        if self.at.as_ref().is_some_and(|at| at.byte > byte) {
            self.at = None;
        }
        let at = match self.at.take() {
            Some(at) => at,
            None => Counting::open(&self.path, self.compression)?,
        };
        let at = self.at.insert(at);
        while at.byte < byte && at.peek()?.is_some() {
            at.step();
        }
        Ok(at)
    }
}

impl Counting {
    fn open(path: &str, compression: Compression) -> Result<Self> {
        Ok(Counting {
            input: Input::open(path, compression, 0)?,
            buffer: Vec::new(),
            next: 0,
            line: 1,
            byte: 0,
        })
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        if self.next == self.buffer.len() {
            self.buffer.resize(CHUNK, 0);
            let read = self.input.read(&mut self.buffer);
            self.buffer.truncate(read.map_err(|e| self.input.error(e))?);
            self.next = 0;
        }
        Ok(self.buffer.get(self.next).copied())
    }

    fn step(&mut self) {
        self.line += u64::from(self.buffer[self.next] == b'\n');
        self.next += 1;
        self.byte += 1;
    }
}

impl Location {
    /// Such as `orders.csv line 17 (byte 1234)`.
    pub(super) fn describe(&self, split: &FileSplit) -> String {
        let Location { line, byte } = self;
        match split.compression {
            Compression::Plain => format!("{} line {line} (byte {byte})", split.path),
            _ => format!("{} line {line} (byte {byte} of its text)", split.path),
        }
    }
}
