//! Our own connectors keep the contracts of sources and sinks that the test kit offers to everybody.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use whitebeam_io::file::{Compression, CsvSource, JsonLinesSink, JsonLinesSource, TextSource};
use whitebeam_io::kafka::client::{NewRecord, Producer, ProducerOptions};
use whitebeam_io::kafka::{KafkaPlace, KafkaSink, KafkaSource};
use whitebeam_io::log::{Log, LogPlace, LogSink, LogSource};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::source::{Poll, ReadOptions, Source};
use whitebeam_sdk::time::seconds;
use whitebeam_sdk::{Result, Timestamp};
use whitebeam_testkit::contract::{self, SinkTarget};
use whitebeam_testkit::kafka::{Faults, KafkaModel};
use whitebeam_testkit::sim::Machine;

/// A number and its second.
type Row = (u64, i64);

/// Neighbours change places in time.
fn rows() -> Vec<Row> {
    (0..40).map(|n| (n, (n ^ 1) as i64)).collect()
}

fn time((_, second): &Row) -> Timestamp {
    Timestamp::from_secs(*second)
}

/// What a source yields that keeps its contract, in order of its values.
fn kept<S>(source: &S) -> Vec<S::Out>
where
    S: Source,
    S::Out: PartialEq + std::fmt::Debug + Ord,
{
    let splits = contract::source(source).unwrap();
    let mut values: Vec<_> = splits
        .concat()
        .into_iter()
        .map(|(value, _)| value)
        .collect();
    values.sort();
    values
}

fn lines(rows: &[Row]) -> String {
    let lines = rows
        .iter()
        .map(|row| serde_json::to_string(row).unwrap() + "\n");
    lines.collect()
}

#[test]
fn files_keep_the_contract_of_sources() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for (name, rows) in [("a.json", &rows()[..15]), ("b.json", &rows()[15..])] {
        std::fs::write(at(name), lines(rows)).unwrap();
    }
    let sink = JsonLinesSink::new(at("gz")).compression(Compression::Gzip);
    stage_and_commit(&sink, rows());

    let ranges = JsonLinesSource::<Row>::files(at("*.json")).min_range(40);
    assert_eq!(kept(&ranges), rows());
    let whole = JsonLinesSource::<Row>::files(at("gz/*.gz"));
    assert_eq!(kept(&whole), rows());
    let texts = TextSource::files(at("*.json")).min_range(25);
    assert_eq!(kept(&texts).len(), 40);

    let table: String = rows()
        .iter()
        .map(|(n, second)| format!("{n},{second}\n"))
        .collect();
    std::fs::write(at("t.csv"), format!("n,second\n{table}")).unwrap();
    for is_splittable in [false, true] {
        let source = CsvSource::<Row>::files(at("t.csv")).min_range(30);
        let source = if is_splittable {
            source.splittable()
        } else {
            source
        };
        assert_eq!(kept(&source), rows());
    }
}

fn stage_and_commit<S: Sink<Row>>(sink: &S, rows: Vec<Row>) {
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    writer.write(&Batch::of(rows)).unwrap();
    let staged = writer.stage(Epoch(1)).unwrap();
    sink.commit(Epoch(1), staged).unwrap();
    sink.finish().unwrap();
}

#[test]
fn logs_keep_the_contract_of_sources() {
    let folder = TempDir::new().unwrap();
    let log = Log::at(folder.path());
    let sink = LogSink::json(&log, "t").create(3);
    stage_and_commit(&sink, rows());
    let timed = || {
        let source = LogSource::<Row>::json(&log, "t").event_time(time);
        source.bounded_out_of_orderness(seconds(8))
    };
    assert_eq!(kept(&timed()), rows());
    assert_eq!(kept(&timed().until(LogPlace::Latest)), rows());
    let untimed = LogSource::<Row>::json(&log, "t").until(LogPlace::Latest);
    assert_eq!(kept(&untimed), rows());
}

struct Folder(TempDir);

impl SinkTarget<Row> for Folder {
    type Sink = JsonLinesSink;

    fn sink(&self) -> JsonLinesSink {
        JsonLinesSink::new(self.0.path())
    }

    fn seen(&self) -> Result<Vec<Row>> {
        let is_seen = |name: &str| !name.starts_with('.');
        let mut seen = Vec::new();
        for name in names(self.0.path()).iter().filter(|name| is_seen(name)) {
            let text = std::fs::read_to_string(self.0.path().join(name)).unwrap();
            seen.extend(
                text.lines()
                    .map(|line| serde_json::from_str::<Row>(line).unwrap()),
            );
        }
        Ok(seen)
    }

    fn litter(&self) -> Vec<String> {
        let mut names = names(self.0.path());
        names.retain(|name| name.starts_with('.') && !name.ends_with(".committed"));
        names
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().to_string_lossy().into_owned()
    };
    entries.map(name).collect()
}

#[test]
fn files_keep_the_contract_of_sinks() {
    contract::sink(|| Folder(TempDir::new().unwrap()), &rows()).unwrap();
}

struct Topic(TempDir);

impl SinkTarget<Row> for Topic {
    type Sink = LogSink<Row>;

    fn sink(&self) -> LogSink<Row> {
        LogSink::json(&Log::at(self.0.path()), "t").create(2)
    }

    fn seen(&self) -> Result<Vec<Row>> {
        if names(self.0.path()).is_empty() {
            return Ok(Vec::new());
        }
        let log = Log::at(self.0.path());
        let source = LogSource::<Row>::json(&log, "t").until(LogPlace::Latest);
        let mut seen = Vec::new();
        for split in source.discover(&[], 1)? {
            let mut reader = source.open(split, None, &ReadOptions::default())?;
            loop {
                let mut batch = Batch::default();
                let polled = reader.poll(&mut batch)?;
                seen.extend(batch.take_values());
                if polled == Poll::End {
                    break;
                }
            }
        }
        Ok(seen)
    }
}

#[test]
fn logs_keep_the_contract_of_sinks() {
    contract::sink(|| Topic(TempDir::new().unwrap()), &rows()).unwrap();
}

fn kafka(partitions: u32) -> KafkaModel {
    let model = KafkaModel::new(&Machine::new(1), 1, Faults::none());
    model.create("t", partitions);
    model
}

/// Writes rows in transactions of four, every second one of which is aborted and written again.
fn write(producer: &mut dyn Producer, rows: &[Row]) {
    let long = Duration::from_secs(60);
    producer.init(long).unwrap();
    for rows in rows.chunks(4) {
        for is_kept in [false, true] {
            producer.begin().unwrap();
            for row in rows {
                let value = serde_json::to_vec(row).unwrap();
                let record = NewRecord {
                    topic: "t",
                    partition: row.0 as u32 % 3,
                    timestamp: None,
                    key: None,
                    value: Some(&value),
                };
                producer.send(&record).unwrap();
            }
            match is_kept {
                true => producer.commit(long).unwrap(),
                false => producer.abort(long).unwrap(),
            }
        }
    }
}

#[test]
fn kafka_keeps_the_contract_of_sources() {
    let model = kafka(3);
    let options = ProducerOptions {
        transactional_id: Some("writer".to_owned()),
        transaction_timeout: Duration::from_secs(60),
    };
    let mut producer = model.client().producer(&options).unwrap();
    write(&mut *producer, &rows());
    let timed = || {
        let source = KafkaSource::<Row>::json(&model.kafka(), "t").event_time(time);
        source.bounded_out_of_orderness(seconds(8))
    };
    assert_eq!(kept(&timed()), rows());
    assert_eq!(kept(&timed().until(KafkaPlace::Latest)), rows());
}

struct OnKafka(KafkaModel);

impl SinkTarget<Row> for OnKafka {
    type Sink = KafkaSink<Row>;

    fn sink(&self) -> KafkaSink<Row> {
        KafkaSink::json(&self.0.kafka(), "t").exactly_once("contract")
    }

    fn seen(&self) -> Result<Vec<Row>> {
        let rows = self.0.committed("t").concat();
        let value = |row: &Vec<u8>| serde_json::from_slice(row).unwrap();
        Ok(rows
            .iter()
            .filter_map(|row| row.row.value.as_ref())
            .map(value)
            .collect())
    }
}

#[test]
fn kafka_keeps_the_contract_of_sinks() {
    contract::sink(|| OnKafka(kafka(2)), &rows()).unwrap();
}
