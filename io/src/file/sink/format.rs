//! Elements to bytes: text, CSV, JSON lines.
//!
//! Owns what a part looks like inside; knows no files.

use serde::Serialize;
use std::any::type_name;
use std::fmt::Debug;
use std::sync::Arc;
use whitebeam_sdk::{Element, Error, Result};

use super::FileSink;

/// Writes elements of type `T` to parts.
pub trait FileFormat<T>: Clone + Debug + Send + Sync + 'static {
    /// How names of parts end, such as `.csv`.
    fn ending(&self) -> &'static str;
    /// Appends `values` to `out`; `is_first` at the beginning of a part.
    fn encode(&self, values: &[T], is_first: bool, out: &mut Vec<u8>) -> Result<()>;
}

/// See [`TextSink`](super::TextSink).
#[derive(Clone, Copy, Debug, Default)]
pub struct TextFormat;

impl<T: Element + AsRef<str>> FileFormat<T> for TextFormat {
    fn ending(&self) -> &'static str {
        ".txt"
    }

    fn encode(&self, values: &[T], _: bool, out: &mut Vec<u8>) -> Result<()> {
        for value in values {
            out.extend_from_slice(value.as_ref().as_bytes());
            out.push(b'\n');
        }
        Ok(())
    }
}

/// See [`JsonLinesSink`](super::JsonLinesSink).
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLinesFormat;

impl<T: Element> FileFormat<T> for JsonLinesFormat {
    fn ending(&self) -> &'static str {
        ".jsonl"
    }

    fn encode(&self, values: &[T], _: bool, out: &mut Vec<u8>) -> Result<()> {
        for value in values {
            serde_json::to_writer(&mut *out, value).map_err(|e| {
                unwritten::<T>("JSON", e).help("keys of JSON maps are strings or numbers")
            })?;
            out.push(b'\n');
        }
        Ok(())
    }
}

/// See [`CsvSink`](super::CsvSink).
#[derive(Clone, Debug)]
pub struct CsvFormat {
    header: Header,
    delimiter: u8,
}

#[derive(Clone, Debug)]
enum Header {
    Fields,
    Given(Arc<[String]>),
    None,
}

impl Default for CsvFormat {
    fn default() -> Self {
        CsvFormat {
            header: Header::Fields,
            delimiter: b',',
        }
    }
}

impl FileSink<CsvFormat> {
    /// Begins each part with these names instead of the fields' own.
    #[must_use]
    pub fn header<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.format.header = Header::Given(names.into_iter().map(Into::into).collect());
        self
    }

    /// Parts have no header.
    #[must_use]
    pub fn no_header(mut self) -> Self {
        self.format.header = Header::None;
        self
    }

    /// Separates fields by this byte instead of a comma.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.format.delimiter = delimiter;
        self
    }
}

impl<T: Element> FileFormat<T> for CsvFormat {
    fn ending(&self) -> &'static str {
        ".csv"
    }

    fn encode(&self, values: &[T], is_first: bool, out: &mut Vec<u8>) -> Result<()> {
        let mut writer = csv::WriterBuilder::new()
            .has_headers(is_first && matches!(self.header, Header::Fields))
            .delimiter(self.delimiter)
            .from_writer(out);
        if let (true, Header::Given(names)) = (is_first, &self.header) {
            writer.write_record(names.iter()).map_err(refused::<T>)?;
        }
        for value in values {
            writer.serialize(value).map_err(refused::<T>)?;
        }
        writer.flush().map_err(|e| unwritten::<T>("CSV", e))
    }
}

fn refused<T: Serialize>(e: csv::Error) -> Error {
    unwritten::<T>("CSV", e)
        .help(
            "a record is a struct or tuple of numbers, strings and options, as many as the header",
        )
        .help("map elements to such a struct before they are written")
}

fn unwritten<T>(format: &str, e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::user_code(format!(
        "an element of type {} cannot be written as {format}",
        type_name::<T>()
    ))
    .caused_by(e)
    .help(format!(
        "map elements to a type that {format} can hold before they are written"
    ))
}
