//! Reads the records of one split of a CSV file.
//!
//! Owns headers, the number of fields and where records begin. Invariant: between two records the
//! parser stands right behind the first byte of a line break that follows a record, or at the
//! beginning of the file; so a position is the parser's offset and nothing else.

use super::Dialect;
use super::boundary::boundary;
use super::decode::CsvDecode;
use crate::file::decoded::{OnError, Undecodable};
use crate::file::error;
use crate::file::fill::fill;
use crate::file::input::{CHUNK, Input};
use crate::file::line_number::LineNumbers;
use crate::file::split::{FileSplit, Place, fraction_of};
use csv::ByteRecord;
use std::marker::PhantomData;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::source::{Poll, Position, Progress, ReadOptions, Reader, Residual};
use whitebeam_sdk::{Element, Error, Result, Timestamp};

pub(super) struct CsvReader<T, D, P> {
    records: Records,
    record: ByteRecord,
    decode: D,
    options: ReadOptions,
    types: PhantomData<fn() -> (T, P)>,
}

/// The records of a split, before they are decoded.
struct Records {
    split: FileSplit,
    dialect: Dialect,
    csv: csv::Reader<Input>,
    /// Offset in the text where `csv` began.
    base: u64,
    header: Option<ByteRecord>,
    /// How many fields a record has: as many as the header, or as the first record of this reader.
    fields: Option<usize>,
    numbers: LineNumbers,
}

fn parser(split: &FileSplit, dialect: Dialect, offset: u64) -> Result<csv::Reader<Input>> {
    let input = Input::open(&split.path, split.compression, offset)?;
    Ok(csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.delimiter)
        .buffer_capacity(CHUNK)
        .from_reader(input))
}

fn failed(csv: &csv::Reader<Input>, e: csv::Error) -> Error {
    match e.into_kind() {
        csv::ErrorKind::Io(e) => csv.get_ref().error(e),
        kind => Error::internal(format!("the CSV parser refuses bytes: {kind:?}")),
    }
}

impl Records {
    fn open(mut split: FileSplit, dialect: Dialect) -> Result<Self> {
        let mut csv = parser(&split, dialect, 0)?;
        let mut header = None;
        if dialect.has_header {
            let mut record = ByteRecord::new();
            let found = csv.read_byte_record(&mut record);
            if found.map_err(|e| failed(&csv, e))? {
                header = Some(record);
            }
        }
        let mut base = 0;
        let cut = dialect.splittable && split.is_plain();
        if cut {
            split.start = boundary(&split.path, split.start)?;
            if let Some(end) = split.end.filter(|&end| end < split.bytes) {
                split.end = Some(boundary(&split.path, end)?);
            }
        }
        if split.start > csv.position().byte() {
            base = split.start;
            csv = parser(&split, dialect, base)?;
        }
        Ok(Records {
            fields: header.as_ref().map(ByteRecord::len),
            numbers: LineNumbers::of(&split),
            split,
            dialect,
            csv,
            base,
            header,
        })
    }

    fn offset(&self) -> u64 {
        self.base + self.csv.position().byte()
    }

    /// Reads the next record; false at the end of the split.
    #[inline]
    fn read(&mut self, record: &mut ByteRecord) -> Result<bool> {
        let offset = self.offset();
        if self.split.end.is_some_and(|end| offset >= end) {
            return Ok(false);
        }
        match self.csv.read_byte_record(record) {
            Ok(true) => Ok(true),
            Ok(false) => self.check_size().map(|()| false),
            Err(e) => Err(failed(&self.csv, e)),
        }
    }

    /// At the end of the file: it must not have shrunk since the splits were made.
    fn check_size(&self) -> Result<()> {
        let (split, offset) = (&self.split, self.offset());
        match split.end {
            Some(end) if split.is_plain() && offset < end => {
                Err(error::shrunk(&split.path, split.bytes, offset))
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn check_fields(&mut self, record: &ByteRecord) -> Result<()> {
        match self.fields {
            Some(fields) if fields == record.len() => Ok(()),
            None => {
                self.fields = Some(record.len());
                Ok(())
            }
            Some(fields) => Err(wrong_number(record.len(), fields, self.header.is_some())),
        }
    }

    fn letter(&mut self, record: &ByteRecord, byte: u64, error: String) -> Result<Undecodable> {
        let place = self.numbers.record_from(byte)?;
        Ok(Undecodable {
            raw: written_out(record, self.dialect),
            file: self.split.path.clone(),
            line: place.line,
            byte: place.byte,
            error,
        })
    }

    fn place(&mut self, error: Error, byte: u64) -> Error {
        match self.numbers.record_from(byte) {
            Ok(place) => error.at_position(place.describe(&self.split)),
            Err(_) => error.at_position(format!("{} byte {byte}", self.split.path)),
        }
    }
}

#[cold]
fn wrong_number(is: usize, wanted: usize, by_header: bool) -> Error {
    let by = if by_header {
        "the header"
    } else {
        "the first record"
    };
    Error::data(format!("a record has {is} fields, and {by} has {wanted}"))
        .note("An unclosed or stray quote, or an unquoted delimiter, is the usual reason.")
}

/// The record as a line of CSV.
fn written_out(record: &ByteRecord, dialect: Dialect) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(dialect.delimiter)
        .from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_byte_record(record);
    let mut line = writer.into_inner().unwrap_or_default();
    line.pop_if(|last| *last == b'\n');
    line
}

impl<T: Element, D: CsvDecode<T>, P: OnError<T>> CsvReader<T, D, P> {
    pub(super) fn open(
        split: FileSplit,
        dialect: Dialect,
        mut decode: D,
        options: ReadOptions,
    ) -> Result<Self> {
        let records = Records::open(split, dialect)?;
        // A file without any byte has neither header nor records.
        if records.header.is_some() || !dialect.has_header {
            decode
                .bind(records.header.as_ref())
                .map_err(|e| e.at_position(format!("{} line 1", records.split.path)))?;
        }
        Ok(CsvReader {
            records,
            record: ByteRecord::new(),
            decode,
            options,
            types: PhantomData,
        })
    }
}

#[cold]
fn undecodable<T: Element, P: OnError<T>>(
    records: &mut Records,
    record: &ByteRecord,
    byte: u64,
    error: Error,
) -> Result<P::Out> {
    let letter = |error| records.letter(record, byte, error);
    P::undecodable(error, letter).map_err(|e| records.place(e, byte))
}

impl<T: Element, D: CsvDecode<T>, P: OnError<T>> Reader<P::Out> for CsvReader<T, D, P> {
    fn poll(&mut self, out: &mut Batch<P::Out>) -> Result<Poll> {
        let (records, record, decode) = (&mut self.records, &mut self.record, &self.decode);
        fill(out, &self.options, || {
            let byte = records.offset();
            if !records.read(record)? {
                return Ok(None);
            }
            let checked = records.check_fields(record);
            let decoded = checked.and_then(|()| decode.decode(record, records.header.as_ref()));
            match decoded {
                Ok(value) => Ok(Some(P::decoded(value))),
                Err(e) => undecodable::<T, P>(records, record, byte, e).map(Some),
            }
        })
    }

    fn position(&self) -> Position {
        Place {
            next: self.records.offset(),
            end: self.records.split.end,
        }
        .position()
    }

    fn progress(&self) -> Progress {
        let consumed = self.records.csv.get_ref().consumed();
        self.records.split.progress(self.records.offset(), consumed)
    }

    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        let next = self.records.offset();
        let split = &self.records.split;
        let cut = self.records.dialect.splittable && split.is_plain();
        let limit = match split.end {
            Some(end) if cut => {
                let limit = fraction_of(next, end, fraction);
                // Right behind a record no line break has to be looked for.
                if limit == next {
                    next
                } else {
                    boundary(&split.path, limit)?
                }
            }
            _ if fraction > 0.0 => return Ok(None),
            _ => next,
        };
        if self.records.csv.is_done() || split.end.is_some_and(|end| limit >= end) {
            return Ok(None);
        }
        let rest = FileSplit {
            start: limit,
            ..split.clone()
        };
        self.records.split.end = Some(limit);
        Residual::of(&rest, Timestamp::MIN).map(Some)
    }

    fn describe_position(&self) -> String {
        let byte = self.records.offset();
        match LineNumbers::of(&self.records.split).record_from(byte) {
            Ok(place) => format!("line {} (byte {})", place.line, place.byte),
            Err(_) => format!("byte {byte}"),
        }
    }
}
