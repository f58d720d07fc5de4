//! The contract of sinks, kept on a real server.

use super::Database;
use std::cell::Cell;
use whitebeam::Result;
use whitebeam::io::postgres::PostgresSink;
use whitebeam_testkit::contract::{self, SinkTarget};

type Row = (String, i64);

struct Table<'a> {
    db: &'a Database,
    name: String,
    replaces: bool,
}

impl SinkTarget<Row> for Table<'_> {
    type Sink = PostgresSink<Row>;

    fn sink(&self) -> PostgresSink<Row> {
        let (url, name) = (&self.db.url, self.name.as_str());
        let sink = match self.replaces {
            true => PostgresSink::upsert(url, name, ["name"]),
            false => PostgresSink::append(url, name),
        };
        sink.columns(["name", "n"])
    }

    fn seen(&self) -> Result<Vec<Row>> {
        let rows = self.db.sql(&format!("SELECT name, n FROM {}", self.name));
        let row = |line: &str| {
            let (name, n) = line.split_once('|').unwrap();
            (name.to_owned(), n.parse().unwrap())
        };
        Ok(rows.lines().map(row).collect())
    }
}

#[test]
fn sink_keeps_the_contract() {
    let Some(db) = Database::new("contract") else {
        return;
    };
    let rows: Vec<Row> = (0..9).map(|n| (format!("row {n}"), n * n)).collect();
    for replaces in [false, true] {
        let tables = Cell::new(0);
        let fresh = || {
            tables.set(tables.get() + 1);
            let name = format!("t_{replaces}_{}", tables.get());
            db.sql(&format!(
                "CREATE TABLE {name} (name text PRIMARY KEY, n bigint)"
            ));
            Table {
                db: &db,
                name,
                replaces,
            }
        };
        contract::sink(fresh, &rows).unwrap();
        assert!(tables.get() > 5);
    }
}
