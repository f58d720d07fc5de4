//! `JsonLinesSource`: one JSON value per line.
//!
//! Owns decoding and what is said about lines that are not JSON or not the type wanted.

use super::compression::Compression;
use super::decoded::{Fail, Keep, OnError, Undecodable};
use super::files::Files;
use super::fill::fill;
use super::lines::{Chunk, Lines};
use super::split::{self, Cut, FileSplit};
use std::marker::PhantomData;
use std::ops::Range;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::source::{Poll, Position, Progress, ReadOptions, Reader, Residual, Source};
use whitebeam_sdk::{Element, Error, Result};

/// Reads files with one JSON value per line. Lines of white space are passed over.
///
/// ```
/// # use whitebeam_io::file::JsonLinesSource;
/// # use whitebeam_sdk::source::Source;
/// let source = JsonLinesSource::<(u32, String)>::files(vec!["a.jsonl", "b.jsonl.zst"]);
/// assert_eq!(source.describe(), "JSON lines of a.jsonl, b.jsonl.zst");
/// ```
#[derive(Debug)]
pub struct JsonLinesSource<T, P = Fail> {
    files: Files,
    min_range: Option<u64>,
    types: PhantomData<fn() -> (T, P)>,
}

impl<T: Element> JsonLinesSource<T> {
    /// Reads `files`: a path, a glob, or a list of them.
    pub fn files(files: impl Into<Files>) -> Self {
        JsonLinesSource {
            files: files.into(),
            min_range: None,
            types: PhantomData,
        }
    }

    /// Yields [`Decoded`](super::Decoded) elements, so that undecodable lines can be routed to a
    /// dead-letter output instead of ending the run.
    pub fn keep_undecodable(self) -> JsonLinesSource<T, Keep> {
        JsonLinesSource {
            files: self.files,
            min_range: self.min_range,
            types: PhantomData,
        }
    }
}

impl<T, P> JsonLinesSource<T, P> {
    /// Reads all files by this codec, whatever their endings say.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.files = self.files.compression(compression);
        self
    }

    /// Cuts files into ranges of no fewer bytes than this (1 MiB unless given).
    #[must_use]
    pub fn min_range(mut self, bytes: u64) -> Self {
        self.min_range = Some(bytes);
        self
    }
}

impl<T: Element, P: OnError<T>> Source for JsonLinesSource<T, P> {
    type Split = FileSplit;
    type Out = P::Out;

    fn discover(&self, known: &[FileSplit], desired: usize) -> Result<Vec<FileSplit>> {
        split::discover(&self.files, known, desired, Cut::Ranges, self.min_range)
    }

    fn open(
        &self,
        split: FileSplit,
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<P::Out>>> {
        Ok(Box::new(JsonReader {
            lines: Lines::open(split, at.as_ref())?,
            options: *options,
            types: PhantomData::<fn() -> (T, P)>,
        }))
    }

    fn describe(&self) -> String {
        format!("JSON lines of {}", self.files.describe())
    }

    fn describe_split(&self, split: &FileSplit) -> String {
        split.describe()
    }
}

impl Chunk for Vec<u8> {
    fn of(bytes: Vec<u8>) -> Result<Self, (usize, Error)> {
        Ok(bytes)
    }

    fn bytes(&self) -> &[u8] {
        self
    }

    fn recycle(self) -> Vec<u8> {
        self
    }
}

struct JsonReader<T, P> {
    lines: Lines<Vec<u8>>,
    options: ReadOptions,
    types: PhantomData<fn() -> (T, P)>,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The next line that holds something.
fn next_value(lines: &mut Lines<Vec<u8>>) -> Result<Option<Range<usize>>> {
    while let Some(mut range) = lines.next()? {
        let line = &lines.chunk()[range.clone()];
        if lines.offset_of(range.start) == 0 && line.starts_with(BYTE_ORDER_MARK) {
            range.start += BYTE_ORDER_MARK.len();
        }
        if !lines.chunk()[range.clone()].trim_ascii().is_empty() {
            return Ok(Some(range));
        }
    }
    Ok(None)
}

#[cold]
fn undecodable<T: Element, P: OnError<T>>(
    lines: &mut Lines<Vec<u8>>,
    range: &Range<usize>,
    e: &serde_json::Error,
) -> Result<P::Out> {
    let byte = lines.offset_of(range.start);
    let line = lines.line_of(byte)?;
    let what = if e.is_data() {
        "a line is JSON, but not of the type that is read"
    } else {
        "a line is not JSON"
    };
    // The decoder saw one line, so that its own line number says nothing.
    let why = e.to_string();
    let why = why.rsplit_once(" at line ").map_or(&*why, |(why, _)| why);
    let error = Error::data(format!("{what}: {why} (column {})", e.column()));
    let letter = |error| {
        Ok(Undecodable {
            raw: lines.chunk()[range.clone()].to_vec(),
            file: lines.path().to_owned(),
            line,
            byte,
            error,
        })
    };
    P::undecodable(error, letter).map_err(|error| lines.place(error, byte))
}

impl<T: Element, P: OnError<T>> Reader<P::Out> for JsonReader<T, P> {
    fn poll(&mut self, out: &mut Batch<P::Out>) -> Result<Poll> {
        let lines = &mut self.lines;
        fill(out, &self.options, || {
            let Some(range) = next_value(lines)? else {
                return Ok(None);
            };
            match serde_json::from_slice(&lines.chunk()[range.clone()]) {
                Ok(value) => Ok(Some(P::decoded(value))),
                Err(e) => undecodable::<T, P>(lines, &range, &e).map(Some),
            }
        })
    }

    fn position(&self) -> Position {
        self.lines.position()
    }

    fn progress(&self) -> Progress {
        self.lines.progress()
    }

    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        self.lines.try_split(fraction)
    }

    fn describe_position(&self) -> String {
        self.lines.describe_position()
    }
}
