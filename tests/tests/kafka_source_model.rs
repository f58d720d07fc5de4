//! `KafkaSource` on the model of Kafka: every record once, whatever else lies between records and
//! wherever reading stops and goes on; and what a topic that is not the same any more is told from.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "kafka_source_model/held.rs"]
mod held;
#[path = "kafka_source_model/lost.rs"]
mod lost;
#[path = "kafka_source_model/places.rs"]
mod places;
#[path = "kafka_source_model/records.rs"]
mod records;
#[path = "kafka_source_model/resumed.rs"]
mod resumed;
#[path = "kafka_source_model/watermarks.rs"]
mod watermarks;

use std::time::Duration;
use whitebeam::io::kafka::client::{NewRecord, Producer, ProducerOptions};
use whitebeam::io::kafka::{Kafka, KafkaSource};
use whitebeam::source::Source;
use whitebeam::{Error, Result};
use whitebeam_testkit::kafka::{Faults, KafkaModel, Row};
use whitebeam_testkit::sim::Machine;
use whitebeam_tests::reading;

const LONG: Duration = Duration::from_secs(60);

/// A cluster with topic `t`.
fn model(partitions: u32) -> KafkaModel {
    let model = KafkaModel::new(&Machine::new(1), 1, Faults::none());
    model.create("t", partitions);
    model
}

/// Appends numbers to a partition of `t`.
fn append(model: &KafkaModel, partition: u32, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        let row = Row::of(number.to_string());
        model.append("t", partition, row).unwrap();
    }
}

/// A producer of transactions.
fn writer(model: &KafkaModel, id: &str) -> Box<dyn Producer> {
    let mut producer = model
        .client()
        .producer(&ProducerOptions {
            transactional_id: Some(id.to_owned()),
            transaction_timeout: LONG,
        })
        .unwrap();
    producer.init(LONG).unwrap();
    producer
}

/// Writes numbers to a partition of `t` in the open transaction.
fn send(producer: &mut dyn Producer, partition: u32, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        let value = number.to_string();
        let record = NewRecord {
            topic: "t",
            partition,
            timestamp: None,
            key: None,
            value: Some(value.as_bytes()),
        };
        producer.send(&record).unwrap();
    }
    while producer.in_flight() > 0 {
        producer.deliveries(LONG);
    }
}

/// The numbers of topic `t`.
fn numbers(kafka: &Kafka) -> KafkaSource<u32> {
    KafkaSource::json(kafka, "t")
}

/// Reads every split as far as it goes now.
fn read<S: Source>(source: &S) -> Result<Vec<Vec<S::Out>>> {
    reading::read(source, &mut || panic!("nothing is under way"))
}

fn refused<T: std::fmt::Debug>(result: Result<T>) -> Error {
    result.unwrap_err()
}
