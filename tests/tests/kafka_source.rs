//! `KafkaSource` on a real broker: what is read, where reading goes on, and what is told when a topic,
//! or the way to it, is not what it was.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for real servers"
)]

#[path = "kafka_source/changed.rs"]
mod changed;
#[path = "kafka_source/compressed.rs"]
mod compressed;
#[path = "kafka_source/outage.rs"]
mod outage;
#[path = "kafka_source/reads.rs"]
mod reads;

use std::sync::Arc;
use std::time::Duration;
use whitebeam::Result;
use whitebeam::io::kafka::client::{Client, NewRecord, NewTopic, Producer, ProducerOptions};
use whitebeam::io::kafka::{Kafka, KafkaSource};
use whitebeam::source::{Position, ReadOptions, Source};
use whitebeam_tests::reading::{Read, drain, real_pause};
use whitebeam_tests::services;

const LONG: Duration = Duration::from_secs(60);

/// A topic of one test, and how it is written.
struct Topic {
    broker: String,
    name: &'static str,
    client: Arc<dyn Client>,
}

impl Topic {
    fn new(broker: &services::Kafka, name: &'static str, partitions: u32) -> Self {
        let topic = Topic {
            broker: broker.address().to_owned(),
            name,
            client: Kafka::at(broker.address()).client().unwrap(),
        };
        topic.create(partitions);
        topic
    }

    fn create(&self, partitions: u32) {
        let topic = NewTopic {
            name: self.name.to_owned(),
            partitions,
            compacted: false,
        };
        self.client.create_topic(&topic, LONG).unwrap();
    }

    /// The cluster as a program of its own sees it.
    fn kafka(&self) -> Kafka {
        Kafka::at(&self.broker)
    }

    fn numbers(&self) -> KafkaSource<u32> {
        KafkaSource::json(&self.kafka(), self.name)
    }

    fn producer(&self, id: Option<&str>) -> Box<dyn Producer> {
        let options = ProducerOptions {
            transactional_id: id.map(str::to_owned),
            transaction_timeout: LONG,
        };
        let mut producer = self.client.producer(&options).unwrap();
        if id.is_some() {
            producer.init(LONG).unwrap();
        }
        producer
    }

    /// Writes records with values as JSON; `None` is a tombstone.
    fn send(&self, producer: &mut dyn Producer, partition: u32, values: &[Option<&str>]) {
        for value in values {
            let record = NewRecord {
                topic: self.name,
                partition,
                timestamp: None,
                key: Some(b"k"),
                value: value.map(str::as_bytes),
            };
            producer.send(&record).unwrap();
        }
        while producer.in_flight() > 0 {
            let told = producer.deliveries(LONG);
            assert!(told.failed.is_empty(), "{told:?}");
        }
    }

    /// Appends numbers, of no transaction.
    fn append(&self, partition: u32, numbers: impl IntoIterator<Item = u32>) {
        let texts: Vec<String> = numbers.into_iter().map(|n| n.to_string()).collect();
        let values: Vec<_> = texts.iter().map(|text| Some(text.as_str())).collect();
        self.send(&mut *self.producer(None), partition, &values);
    }
}

/// Reads partition 0 from `at` on, as far as it goes.
fn go_on<S: Source>(source: &S, at: Option<Position>) -> Result<Read<S::Out>> {
    let split = source.discover(&[], 1)?.remove(0);
    let reader = source.open(split, at, &ReadOptions::default())?;
    drain(reader, &mut real_pause)
}
