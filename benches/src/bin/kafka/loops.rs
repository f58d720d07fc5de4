//! The bare loops: poll, decode, add up.
//!
//! The client is the same, with the settings that matter for reading as the connector has them.

use crate::input::{BINARY, Event, JSON, PARTITIONS};
use crate::{Result, Taken, clock};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::time::Duration;

/// A consumer of all partitions of a topic, from their beginning.
pub(crate) fn consumer(brokers: &str, topic: &str, from: Offset) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", "50")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(topic, partition, from)?;
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

fn read(brokers: &str, topic: &str, decode: impl Fn(&[u8]) -> Result<Event>) -> Result<Taken> {
    let began = clock::wall();
    let consumer = consumer(brokers, topic, Offset::Beginning)?;
    let mut left = 0;
    for partition in 0..PARTITIONS {
        let (_, end) = consumer.fetch_watermarks(topic, partition, Duration::from_secs(10))?;
        left += end;
    }
    let mut answer = (0, 0);
    while left > 0 {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message?;
        let event = decode(message.payload().unwrap_or_default())?;
        answer.0 += 1;
        answer.1 += event.cents;
        left -= 1;
    }
    Ok(Taken {
        wall_seconds: clock::wall() - began,
        answer,
        ..Taken::default()
    })
}

pub(crate) fn json(brokers: &str) -> Result<Taken> {
    read(brokers, JSON, |bytes| Ok(serde_json::from_slice(bytes)?))
}

pub(crate) fn binary(brokers: &str) -> Result<Taken> {
    read(brokers, BINARY, |bytes| Ok(postcard::from_bytes(bytes)?))
}
