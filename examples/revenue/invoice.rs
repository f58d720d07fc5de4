//! `InvoiceLine`: one line of an invoice of the shop, and how it is read from CSV and from a log.
//!
//! Owns what a line means: whether it is paid, when it happened, how many cents it is worth.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use whitebeam::Result;
use whitebeam::io::file::{Columns, CsvSource};
use whitebeam::io::log::{Log, LogPlace, LogSource};
use whitebeam::prelude::*;

/// What a line says about money.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Pieces that were sold for a price.
    Paid,
    /// A line of an invoice that takes another one back.
    Cancelled,
    /// Neither: gifts, losses, corrections of the stock.
    Unpaid,
}

/// One line of an invoice: an event of the shop.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct InvoiceLine {
    pub(crate) kind: Kind,
    pub(crate) at: Timestamp,
    pub(crate) country: Str,
    pub(crate) cents: i64,
}

const COLUMNS: [&str; 5] = [
    "InvoiceNo",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "Country",
];

/// Reads invoice lines from CSV files, plain or compressed.
pub(crate) fn invoices(files: Vec<PathBuf>) -> impl Source<Out = InvoiceLine> {
    CsvSource::with_columns(files, COLUMNS, read)
}

/// The same, each with the number of its invoice.
pub(crate) fn numbered(files: Vec<PathBuf>) -> impl Source<Out = (Str, InvoiceLine)> {
    CsvSource::with_columns(files, COLUMNS, |record| {
        Ok((Str::new(record.text(0)?), read(record)?))
    })
}

/// The topic of invoice lines.
pub(crate) const TOPIC: &str = "invoices";

/// Reads invoice lines from a log, in the order in which they arrived: hardly any comes more than
/// half a minute after a later one.
pub(crate) fn logged(folder: &Path, from: LogPlace) -> impl Source<Out = InvoiceLine> {
    LogSource::<InvoiceLine>::json(&Log::at(folder), TOPIC)
        .from(from)
        .event_time(|line: &InvoiceLine| line.at)
        .bounded_out_of_orderness(seconds(30))
}

fn read(record: &Columns<'_>) -> Result<InvoiceLine> {
    let (quantity, price): (Decimal, Decimal) = (record.parse(1)?, record.parse(3)?);
    let kind = if record.bytes(0)?.starts_with(b"C") {
        Kind::Cancelled
    } else if quantity > Decimal::ZERO && price > Decimal::ZERO {
        Kind::Paid
    } else {
        Kind::Unpaid
    };
    let cents = cents(quantity, price)
        .ok_or_else(|| Error::data(format!("{quantity} pieces at {price} are too much money")))?;
    Ok(InvoiceLine {
        kind,
        at: utc(record.parse(2)?),
        country: Str::new(record.text(4)?),
        cents,
    })
}

/// The price of `quantity` pieces in cents, rounded half up.
pub(crate) fn cents(quantity: Decimal, price: Decimal) -> Option<i64> {
    let exact = quantity
        .checked_mul(price)?
        .checked_mul(Decimal::ONE_HUNDRED)?;
    exact
        .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)
        .to_i64()
}

/// The shop's clock, read as UTC.
pub(crate) fn utc(civil: jiff::civil::DateTime) -> Timestamp {
    let seconds = jiff::tz::Offset::UTC.to_timestamp(civil);
    seconds.map_or(Timestamp::MIN, |at| {
        Timestamp::from_micros(at.as_microsecond())
    })
}
