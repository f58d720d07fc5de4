//! `Event`: what the topics hold.

use crate::Result;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(crate) const PARTITIONS: i32 = 4;
pub(crate) const JSON: &str = "json";
pub(crate) const BINARY: &str = "binary";

/// Something that somebody bought: about 100 bytes of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) event_id: u64,
    pub(crate) user: u32,
    pub(crate) cents: i64,
    pub(crate) country: String,
    pub(crate) event_type: String,
}

impl Event {
    pub(crate) fn nth(n: u64) -> Self {
        // Steele, Lea, Flood: a 64-bit mix, so that fields do not follow each other.
        let mixed = (n ^ (n >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
        Event {
            event_id: n,
            user: (mixed >> 40) as u32,
            cents: (mixed % 100_000) as i64,
            country: ["GB", "FR", "DE", "NO"][(mixed >> 20) as usize % 4].to_owned(),
            event_type: "paid".to_owned(),
        }
    }
}

/// A producer that the hand-written parts use.
pub(crate) fn producer(brokers: &str) -> Result<BaseProducer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "5")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "1000000")
        .create()?)
}

fn admin(brokers: &str) -> Result<AdminClient<DefaultClientContext>> {
    let mut config = ClientConfig::new();
    Ok(config.set("bootstrap.servers", brokers).create()?)
}

/// Takes a topic away, so that its pages are not written to the disk while others are measured.
pub(crate) fn remove(brokers: &str, topic: &str) -> Result<()> {
    let admin = admin(brokers)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for gone in runtime.block_on(admin.delete_topics(&[topic], &AdminOptions::new()))? {
        gone.map_err(|(topic, code)| format!("{topic}: {code}"))?;
    }
    Ok(())
}

pub(crate) fn create(brokers: &str, topics: &[&str]) -> Result<()> {
    let admin = admin(brokers)?;
    let topics: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)))
        .map(|topic| topic.set("file.delete.delay.ms", "100"))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let made = runtime.block_on(admin.create_topics(&topics, &AdminOptions::new()))?;
    for made in made {
        made.map_err(|(topic, code)| format!("{topic}: {code}"))?;
    }
    Ok(())
}

/// Puts a record into the queue, waiting while that is full.
pub(crate) fn send(
    producer: &BaseProducer,
    topic: &str,
    partition: i32,
    value: &[u8],
) -> Result<()> {
    let mut record = BaseRecord::<(), [u8]>::to(topic)
        .partition(partition)
        .payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                producer.poll(Duration::from_millis(10));
                record = again;
            }
            Err((e, _)) => return Err(e.into()),
        }
    }
}

/// The topics that are read.
pub(crate) fn fill(brokers: &str, records: u64) -> Result<()> {
    create(brokers, &[JSON, BINARY])?;
    let producer = producer(brokers)?;
    for n in 0..records {
        let event = Event::nth(n);
        let partition = (n % PARTITIONS as u64) as i32;
        send(&producer, JSON, partition, &serde_json::to_vec(&event)?)?;
        send(&producer, BINARY, partition, &postcard::to_stdvec(&event)?)?;
        if n % 1_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(())
}
