//! Files: text, CSV and JSON lines, plain or compressed, found by globs and written atomically.
//!
//! Owns how files are found, cut into splits, read on from a position, and how parts become
//! visible. Knows no other transport.
//!
//! # Reading
//!
//! - A path is taken literally if such a file exists, and as a glob otherwise; globs never match
//!   names that begin with a dot. Files are read in the order of their names.
//! - The ending says how a file is compressed (`.gz`, `.zst`), unless the source says it.
//! - Plain text and JSON lines are read in byte ranges, in parallel. Compressed files are not: they
//!   can only be read from their beginning. CSV is not, unless [`CsvSource::splittable`] promises
//!   that no quoted field holds a line break, since a range that began within such a field would
//!   yield records that the file does not have, without anything that could notice.
//! - A reader can be closed and opened again at its position, which goes on with the next record.
//! - Watermarks stay at the beginning of time until the end of a split.
//!
//! # Writing
//!
//! Parts are written to a hidden folder within the target and renamed when their epoch is
//! committed; see [`FileSink`] for what holds when something fails in between.

mod compression;
mod csv;
mod decoded;
mod error;
mod files;
mod fill;
mod input;
mod json;
mod line_number;
mod lines;
mod sink;
mod split;
mod text;

pub use self::csv::{ByName, Columns, CsvDecode, CsvSource, WithColumns};
pub use compression::Compression;
pub use decoded::{Decoded, Fail, Keep, OnError, Undecodable};
pub use files::Files;
pub use json::JsonLinesSource;
pub use sink::{
    CsvFormat, CsvSink, FileFormat, FileSink, FileWriter, JsonLinesFormat, JsonLinesSink,
    StagedPart, TextFormat, TextSink,
};
pub use split::FileSplit;
pub use text::TextSource;

#[cfg(test)]
mod tests;
