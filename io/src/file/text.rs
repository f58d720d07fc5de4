//! `TextSource`: the lines of text files.
//!
//! Owns nothing but the check for UTF-8, once per chunk; lines are slices of it.

use super::compression::Compression;
use super::files::Files;
use super::fill::fill;
use super::lines::{Chunk, Lines};
use super::split::{self, Cut, FileSplit};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::source::{Poll, Position, Progress, ReadOptions, Reader, Residual, Source};
use whitebeam_sdk::text::Block;
use whitebeam_sdk::{Error, Line, Result};

/// Reads text files line by line. Line breaks (`\n` or `\r\n`) are not part of a line; the last
/// line may lack its own; empty lines are elements.
///
/// ```
/// # use whitebeam_io::file::TextSource;
/// # use whitebeam_sdk::source::Source;
/// let source = TextSource::files("logs/2024-*.log.gz");
/// assert_eq!(source.describe(), "lines of logs/2024-*.log.gz");
/// ```
#[derive(Clone, Debug)]
pub struct TextSource {
    files: Files,
    min_range: Option<u64>,
}

impl TextSource {
    /// Reads `files`: a path, a glob, or a list of them.
    pub fn files(files: impl Into<Files>) -> Self {
        TextSource {
            files: files.into(),
            min_range: None,
        }
    }

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

impl Source for TextSource {
    type Split = FileSplit;
    type Out = Line;

    fn discover(&self, known: &[FileSplit], desired: usize) -> Result<Vec<FileSplit>> {
        split::discover(&self.files, known, desired, Cut::Ranges, self.min_range)
    }

    fn open(
        &self,
        split: FileSplit,
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<Line>>> {
        Ok(Box::new(TextReader {
            lines: Lines::open(split, at.as_ref())?,
            options: *options,
        }))
    }

    fn describe(&self) -> String {
        format!("lines of {}", self.files.describe())
    }

    fn describe_split(&self, split: &FileSplit) -> String {
        split.describe()
    }
}

impl Chunk for Block {
    fn of(bytes: Vec<u8>) -> Result<Self, (usize, Error)> {
        Block::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            let error = Error::data("a line is not UTF-8")
                .caused_by(e.utf8_error())
                .help("convert the file, such as by `iconv -f LATIN1 -t UTF-8`");
            (at, error)
        })
    }

    fn bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    fn recycle(self) -> Vec<u8> {
        // Lines that were handed out still point into it.
        Vec::new()
    }
}

struct TextReader {
    lines: Lines<Block>,
    options: ReadOptions,
}

impl Reader<Line> for TextReader {
    fn poll(&mut self, out: &mut Batch<Line>) -> Result<Poll> {
        let lines = &mut self.lines;
        fill(out, &self.options, || {
            let Some(range) = lines.next()? else {
                return Ok(None);
            };
            let line = lines.chunk().line(range);
            line.map(Some)
                .ok_or_else(|| Error::internal("a line does not lie within its chunk"))
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
