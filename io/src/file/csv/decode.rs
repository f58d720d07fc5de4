//! From the fields of a record to an element: by serde, or column by column.
//!
//! Owns decoding and its errors; knows no files. Nothing here allocates unless the element does or
//! something is wrong.

use csv::ByteRecord;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use whitebeam_sdk::{Error, ErrorKind, Result};

/// Makes elements of CSV records. Implemented by [`ByName`] and [`WithColumns`] only.
pub trait CsvDecode<T>: Clone + Send + Sync + 'static + sealed::Sealed {
    /// Looks up in a file's header what it needs.
    #[doc(hidden)]
    fn bind(&mut self, header: Option<&ByteRecord>) -> Result<()>;
    /// Decodes one record.
    #[doc(hidden)]
    fn decode(&self, record: &ByteRecord, header: Option<&ByteRecord>) -> Result<T>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ByName {}
    impl<F> Sealed for super::WithColumns<F> {}
}

/// Decodes by serde: structs by the names in the header, tuples by order.
#[derive(Clone, Copy, Debug)]
pub struct ByName;

impl<T: DeserializeOwned> CsvDecode<T> for ByName {
    fn bind(&mut self, _: Option<&ByteRecord>) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn decode(&self, record: &ByteRecord, header: Option<&ByteRecord>) -> Result<T> {
        record
            .deserialize(header)
            .map_err(|e| explain(&e, record, header))
    }
}

/// Decodes by a function of some columns; see
/// [`CsvSource::with_columns`](super::CsvSource::with_columns).
#[derive(Debug)]
pub struct WithColumns<F> {
    names: Arc<[String]>,
    indices: Vec<usize>,
    decode: Arc<F>,
}

impl<F> Clone for WithColumns<F> {
    fn clone(&self) -> Self {
        WithColumns {
            names: Arc::clone(&self.names),
            indices: self.indices.clone(),
            decode: Arc::clone(&self.decode),
        }
    }
}

impl<F> WithColumns<F> {
    pub(super) fn new<N: Into<String>>(names: impl IntoIterator<Item = N>, decode: F) -> Self {
        WithColumns {
            names: names.into_iter().map(Into::into).collect(),
            indices: Vec::new(),
            decode: Arc::new(decode),
        }
    }
}

impl<T, F> CsvDecode<T> for WithColumns<F>
where
    F: Fn(&Columns<'_>) -> Result<T> + Send + Sync + 'static,
{
    fn bind(&mut self, header: Option<&ByteRecord>) -> Result<()> {
        let Some(header) = header else {
            return Err(Error::new(
                ErrorKind::InvalidPipeline,
                "columns are read by name, and the file is said to have no header",
            )
            .help("leave out .no_header(), or read tuples: CsvSource::<(A, B)>::files(..)"));
        };
        let index_of = |name: &String| {
            let found = header.iter().position(|h| h == name.as_bytes());
            found.ok_or_else(|| {
                Error::data(format!("there is no column `{name}`"))
                    .note(in_header(header))
                    .help("name columns as the header does, letter by letter")
                    .help("or, for a file without a header, read tuples: .no_header()")
            })
        };
        self.indices = self.names.iter().map(index_of).collect::<Result<_>>()?;
        Ok(())
    }

    #[inline]
    fn decode(&self, record: &ByteRecord, _: Option<&ByteRecord>) -> Result<T> {
        (self.decode)(&Columns {
            record,
            names: &self.names,
            indices: &self.indices,
        })
    }
}

/// The named columns of one record, in the order in which they were named.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    record: &'a ByteRecord,
    names: &'a [String],
    indices: &'a [usize],
}

impl<'a> Columns<'a> {
    /// The bytes of a column.
    #[inline]
    pub fn bytes(&self, column: usize) -> Result<&'a [u8]> {
        let field = self.indices.get(column).and_then(|&at| self.record.get(at));
        field.ok_or_else(|| {
            Error::user_code(format!(
                "column {column} is asked for, and {} are named",
                self.names.len()
            ))
            .help("name it in with_columns(..)")
        })
    }

    /// A column as text.
    #[inline]
    pub fn text(&self, column: usize) -> Result<&'a str> {
        let bytes = self.bytes(column)?;
        std::str::from_utf8(bytes).map_err(|e| self.wrong(column, bytes, &e))
    }

    /// A column as a value that can be parsed.
    #[inline]
    pub fn parse<N: FromStr<Err: Display>>(&self, column: usize) -> Result<N> {
        let text = self.text(column)?;
        text.parse()
            .map_err(|e| self.wrong(column, text.as_bytes(), &e))
    }

    #[cold]
    fn wrong(&self, column: usize, value: &[u8], e: &dyn Display) -> Error {
        wrong_field(self.names.get(column).map(String::as_bytes), value, e)
    }
}

fn wrong_field(name: Option<&[u8]>, value: &[u8], e: &dyn Display) -> Error {
    let column = name.map_or_else(
        || "a field".to_owned(),
        |name| format!("column `{}`", String::from_utf8_lossy(name)),
    );
    let value = String::from_utf8_lossy(value);
    Error::data(format!("{column} holds {value:?}: {e}"))
}

fn in_header(header: &ByteRecord) -> String {
    let names: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
    format!("The header has {}.", names.join(", "))
}

#[cold]
fn explain(e: &csv::Error, record: &ByteRecord, header: Option<&ByteRecord>) -> Error {
    let csv::ErrorKind::Deserialize { err, .. } = e.kind() else {
        return Error::data(e.to_string());
    };
    // The parser counts lines from where this reader began: only the field is of use.
    let field = err.field().and_then(|at| usize::try_from(at).ok());
    let value = field.and_then(|at| record.get(at));
    match (value, header) {
        (Some(value), header) => {
            let name = field.and_then(|at| header?.get(at));
            wrong_field(name, value, err.kind())
        }
        (None, Some(header)) => Error::data(err.kind().to_string()).note(in_header(header)),
        (None, None) => Error::data(err.kind().to_string()),
    }
}
