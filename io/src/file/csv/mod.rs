//! `CsvSource`: records of CSV files, decoded by serde or column by column.
//!
//! Owns the settings; `reader` reads, `decode` decodes, `boundary` cuts. A record's fields are
//! borrowed from one buffer that all records of a reader use.

mod boundary;
mod decode;
mod reader;

pub use decode::{ByName, Columns, CsvDecode, WithColumns};

use super::compression::Compression;
use super::decoded::{Fail, Keep, OnError};
use super::files::Files;
use super::split::{self, Cut, FileSplit};
use reader::CsvReader;
use std::marker::PhantomData;
use whitebeam_sdk::source::{Position, ReadOptions, Reader, Source};
use whitebeam_sdk::{Element, Result};

/// How a file is to be read as CSV.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) has_header: bool,
    pub(super) splittable: bool,
}

/// Reads CSV files (RFC 4180; empty lines are passed over).
///
/// By default the first record of every file is a header, and records are decoded by serde: a
/// struct's fields by their names, a tuple's by their order.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use whitebeam_io::file::CsvSource;
/// # use whitebeam_sdk::source::Source;
/// #[derive(Clone, Serialize, Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Order {
///     invoice_no: String,
///     quantity: i64,
/// }
///
/// let source = CsvSource::<Order>::files("orders/*.csv.gz");
/// assert_eq!(source.describe(), "CSV of orders/*.csv.gz");
/// ```
#[derive(Debug)]
pub struct CsvSource<T, D = ByName, P = Fail> {
    files: Files,
    min_range: Option<u64>,
    dialect: Dialect,
    decode: D,
    types: PhantomData<fn() -> (T, P)>,
}

impl<T: Element> CsvSource<T> {
    /// Reads `files`: a path, a glob, or a list of them.
    pub fn files(files: impl Into<Files>) -> Self {
        CsvSource::decoded_by(files.into(), ByName)
    }
}

impl<T: Element, F> CsvSource<T, WithColumns<F>>
where
    F: Fn(&Columns<'_>) -> Result<T> + Send + Sync + 'static,
{
    /// Reads `files` and makes an element of the named columns of each record, without going
    /// through serde.
    ///
    /// ```
    /// # use whitebeam_io::file::CsvSource;
    /// # use whitebeam_sdk::{Str, source::Source};
    /// let source = CsvSource::with_columns("orders.csv", ["Country", "Quantity"], |record| {
    ///     Ok((Str::from(record.text(0)?), record.parse::<f64>(1)?))
    /// });
    /// assert_eq!(source.describe(), "CSV of orders.csv");
    /// ```
    pub fn with_columns<N: Into<String>>(
        files: impl Into<Files>,
        columns: impl IntoIterator<Item = N>,
        decode: F,
    ) -> Self {
        CsvSource::decoded_by(files.into(), WithColumns::new(columns, decode))
    }
}

impl<T: Element, D> CsvSource<T, D> {
    fn decoded_by(files: Files, decode: D) -> Self {
        CsvSource {
            files,
            min_range: None,
            dialect: Dialect {
                delimiter: b',',
                has_header: true,
                splittable: false,
            },
            decode,
            types: PhantomData,
        }
    }

    /// Yields [`Decoded`](super::Decoded) elements, so that undecodable records can be routed to a
    /// dead-letter output instead of ending the run.
    pub fn keep_undecodable(self) -> CsvSource<T, D, Keep> {
        CsvSource {
            files: self.files,
            min_range: self.min_range,
            dialect: self.dialect,
            decode: self.decode,
            types: PhantomData,
        }
    }
}

impl<T, D, P> CsvSource<T, D, P> {
    /// Reads all files by this codec, whatever their endings say.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.files = self.files.compression(compression);
        self
    }

    /// Fields are separated by this byte instead of a comma.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.dialect.delimiter = delimiter;
        self
    }

    /// The first record of a file is a record like all others.
    #[must_use]
    pub fn no_header(mut self) -> Self {
        self.dialect.has_header = false;
        self
    }

    /// Promises that no field holds a line break, so that plain files can be read in ranges by
    /// several workers. Where the promise does not hold, records are cut in the middle.
    #[must_use]
    pub fn splittable(mut self) -> Self {
        self.dialect.splittable = true;
        self
    }

    /// Cuts files into ranges of no fewer bytes than this (1 MiB unless given), if they are
    /// [`splittable`](Self::splittable).
    #[must_use]
    pub fn min_range(mut self, bytes: u64) -> Self {
        self.min_range = Some(bytes);
        self
    }
}

impl<T: Element, D: CsvDecode<T>, P: OnError<T>> Source for CsvSource<T, D, P> {
    type Split = FileSplit;
    type Out = P::Out;

    fn discover(&self, known: &[FileSplit], desired: usize) -> Result<Vec<FileSplit>> {
        let cut = if self.dialect.splittable {
            Cut::Ranges
        } else {
            Cut::WholeFiles
        };
        split::discover(&self.files, known, desired, cut, self.min_range)
    }

    fn open(
        &self,
        split: FileSplit,
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<P::Out>>> {
        let split = split.resumed(at.as_ref())?;
        let decode = self.decode.clone();
        let reader = CsvReader::<T, D, P>::open(split, self.dialect, decode, *options)?;
        Ok(Box::new(reader))
    }

    fn describe(&self) -> String {
        format!("CSV of {}", self.files.describe())
    }

    fn describe_split(&self, split: &FileSplit) -> String {
        split.describe()
    }
}
