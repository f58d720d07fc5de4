//! From a kill to the first newly visible record of the next process.

use crate::input::{BINARY, Event};
use crate::{Contender, Options, Result, child, clock, loops};
use rdkafka::consumer::BaseConsumer;
use rdkafka::{Offset, error::KafkaError};
use std::process::Child;
use std::time::Duration as Span;
use whitebeam::io::codec::Postcard;
use whitebeam::io::kafka::{Kafka, KafkaSink, KafkaSource};
use whitebeam::prelude::*;
use whitebeam::runners::StreamingRunner;

fn topic(run: u32) -> String {
    format!("killed-{run}")
}

/// Slow enough that it does not come to its end.
const RATE: f64 = 20_000.0;

/// From topic to topic, exactly once, with checkpoints every second, until it is killed.
pub(crate) fn endless(brokers: &str, run: u32) -> Result<()> {
    let kafka = Kafka::at(brokers);
    let p = Pipeline::new();
    let events = p.read(KafkaSource::<Event, _>::with_codec(
        &kafka, BINARY, Postcard,
    ));
    let sink = KafkaSink::<Event>::json(&kafka, topic(run));
    events.write(sink.create(4).exactly_once(topic(run)));
    let kept = std::env::temp_dir().join(format!("whitebeam-bench-{}-{run}", parent()));
    StreamingRunner::new()
        .parallelism(1)
        .checkpoints(kept)
        .interval(Span::from_secs(1))
        .max_rate(RATE)
        .run(&p)?;
    Ok(())
}

fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

/// Seconds.
pub(crate) fn killed_to_visible(brokers: &str, run: u32, options: &Options) -> Result<f64> {
    let start = || {
        Ok::<Child, Box<dyn std::error::Error>>(
            child(Contender::Endless, brokers, run, options)?.spawn()?,
        )
    };
    let mut first = start()?;
    std::thread::sleep(Span::from_secs(2));
    let consumer = loops::consumer(brokers, &topic(run), Offset::Beginning)?;
    // Three epochs are to be seen.
    let watched = clock::wall() + 4.0;
    while clock::wall() < watched {
        seen(&consumer, Span::from_millis(20))?;
    }
    let killed = clock::wall();
    first.kill()?;
    first.wait()?;
    // What was committed before the kill may still be on its way to this reader.
    while seen(&consumer, Span::from_millis(100))? {}
    let mut second = start()?;
    while !seen(&consumer, Span::from_millis(5))? {
        if clock::wall() > killed + 60.0 {
            return Err("nothing became visible for a minute".into());
        }
    }
    let seconds = clock::wall() - killed;
    second.kill()?;
    second.wait()?;
    let kept = std::env::temp_dir().join(format!("whitebeam-bench-{}-{run}", std::process::id()));
    std::fs::remove_dir_all(kept)?;
    Ok(seconds)
}

fn seen(consumer: &BaseConsumer, within: Span) -> Result<bool> {
    match consumer.poll(within) {
        None => Ok(false),
        Some(Ok(_)) => Ok(true),
        Some(Err(KafkaError::MessageConsumption(
            rdkafka::error::RDKafkaErrorCode::UnknownTopicOrPartition,
        ))) => Ok(false),
        Some(Err(e)) => Err(e.into()),
    }
}
