//! The revenue as a table of PostgreSQL.
//!
//! Owns the form of its rows.

use super::per_minute::Revenue;
use serde::{Deserialize, Serialize};
use whitebeam::Result;
use whitebeam::io::postgres::PostgresSink;
use whitebeam::prelude::*;

/// A row of `fact_revenue_1m`: what a country paid in a minute, as far as one pane knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Fact {
    country: Str,
    minute: Timestamp,
    cents: i64,
    pane_index: i64,
    pane_timing: Str,
}

impl From<Revenue> for Fact {
    fn from(row: Revenue) -> Self {
        let minute = row.minute.parse();
        Fact {
            country: row.country,
            minute: minute.expect("a minute was written by `Timestamp`"),
            cents: row.cents,
            pane_index: i64::from(row.pane_index),
            pane_timing: row.pane_timing,
        }
    }
}

/// Writes revenue into table `fact_revenue_1m`, each pane once; the table is made if it is not there.
pub(crate) fn write(revenue: PCollection<Revenue>, url: &str) -> Result<()> {
    let pane = ["country", "minute", "pane_index"];
    let sink = PostgresSink::<Fact>::upsert(url, "fact_revenue_1m", pane).create_table();
    revenue.map(Fact::from).named("Facts").write(sink);
    Ok(())
}
