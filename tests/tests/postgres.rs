//! The PostgreSQL sink on a real server: what is refused before a run begins, what arrives in which
//! form, and that each epoch is there once and whole, whatever is killed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "postgres/commits.rs"]
mod commits;
#[path = "postgres/contract.rs"]
mod contract;
#[path = "postgres/forms.rs"]
mod forms;
#[path = "postgres/lives.rs"]
mod lives;
#[path = "postgres/outages.rs"]
mod outages;
#[path = "postgres/refused.rs"]
mod refused;

use whitebeam::batch::Batch;
use whitebeam::io::postgres::{PostgresSink, StagedRows};
use whitebeam::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam::{Element, Result};
use whitebeam_tests::services::Postgres;

/// An empty database of the server that all tests share.
struct Database {
    server: &'static Postgres,
    name: String,
    url: String,
}

impl Database {
    /// None where the test is skipped.
    #[track_caller]
    fn new(name: &str) -> Option<Database> {
        let server = Postgres::shared()?;
        Some(Database {
            server,
            name: name.to_owned(),
            url: server.database(name),
        })
    }

    #[track_caller]
    fn sql(&self, statements: &str) -> String {
        self.server.sql_in(&self.name, statements)
    }
}

/// What a shard of `sink` stages for `epoch` when it is given `rows`.
fn staged<T: Element>(sink: &PostgresSink<T>, epoch: u64, rows: Vec<T>) -> Vec<StagedRows> {
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    writer.write(&Batch::of(rows)).unwrap();
    writer.stage(Epoch(epoch)).unwrap()
}

/// Writes `rows` as all of `epoch`.
fn write<T: Element>(sink: &PostgresSink<T>, epoch: u64, rows: Vec<T>) -> Result<Committed> {
    sink.commit(Epoch(epoch), staged(sink, epoch, rows))
}
