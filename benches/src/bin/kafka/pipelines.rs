//! The pipelines: from a topic through a map to nothing, or to another topic.

use crate::input::{BINARY, Event, JSON, create, remove};
use crate::{Result, Taken, clock};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as Span;
use whitebeam::batch::Batch;
use whitebeam::io::codec::Postcard;
use whitebeam::io::kafka::{Kafka, KafkaSink, KafkaSource};
use whitebeam::prelude::*;
use whitebeam::runners::StreamingRunner;
use whitebeam::sink::{Committed, Epoch, Shard, SinkWriter};

/// Adds up what it is given, and keeps nothing.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<(u64, i64)>>);

pub(crate) struct TallyWriter(Tally);

impl Sink<i64> for Tally {
    type Staged = ();
    type Writer = TallyWriter;

    fn open(&self, _: Shard) -> whitebeam::Result<TallyWriter> {
        Ok(TallyWriter(self.clone()))
    }

    fn commit(&self, _: Epoch, _: Vec<()>) -> whitebeam::Result<Committed> {
        Ok(Committed::Now)
    }
}

impl SinkWriter<i64> for TallyWriter {
    type Staged = ();

    fn write(&mut self, batch: &Batch<i64>) -> whitebeam::Result<()> {
        let mut tally = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        tally.0 += batch.len() as u64;
        tally.1 += batch.values().iter().sum::<i64>();
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> whitebeam::Result<Vec<()>> {
        Ok(Vec::new())
    }
}

fn endless_until_end() -> StreamingRunner {
    StreamingRunner::new().parallelism(1).until_end(true)
}

fn to_nothing(read: impl FnOnce(&Pipeline) -> PCollection<Event>) -> Result<Taken> {
    let began = clock::wall();
    let p = Pipeline::new();
    let tally = Tally::default();
    read(&p).map(|event| event.cents).write(tally.clone());
    endless_until_end().run(&p)?;
    let answer = *tally.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Taken {
        wall_seconds: clock::wall() - began,
        answer,
        ..Taken::default()
    })
}

pub(crate) fn json(brokers: &str) -> Result<Taken> {
    let kafka = Kafka::at(brokers);
    to_nothing(|p| p.read(KafkaSource::<Event>::json(&kafka, JSON)))
}

pub(crate) fn binary(brokers: &str) -> Result<Taken> {
    let kafka = Kafka::at(brokers);
    to_nothing(|p| {
        p.read(KafkaSource::<Event, _>::with_codec(
            &kafka, BINARY, Postcard,
        ))
    })
}

/// From topic to topic, with checkpoints every second.
fn to_topic(
    brokers: &str,
    topic: &str,
    sink: impl FnOnce(KafkaSink<Event>) -> KafkaSink<Event>,
) -> Result<Taken> {
    create(brokers, &[topic])?;
    let sink = sink(KafkaSink::json(&Kafka::at(brokers), topic));
    let folder = tempfile::tempdir()?;
    let kafka = Kafka::at(brokers);
    let began = clock::wall();
    let p = Pipeline::new();
    let tally = Tally::default();
    let events = p.read(KafkaSource::<Event, _>::with_codec(
        &kafka, BINARY, Postcard,
    ));
    let events = events.map(|event| Event {
        cents: event.cents * 3 + 1,
        ..event
    });
    events.clone().map(|event| event.cents).write(tally.clone());
    events.write(sink);
    endless_until_end()
        .interval(Span::from_secs(1))
        .checkpoints(folder.path().join("kept"))
        .run(&p)?;
    let wall_seconds = clock::wall() - began;
    remove(brokers, topic)?;
    let answer = *tally.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Taken {
        wall_seconds,
        answer,
        ..Taken::default()
    })
}

pub(crate) fn at_least_once(brokers: &str, run: u32) -> Result<Taken> {
    let topic = format!("at-least-once-{run}");
    to_topic(brokers, &topic, KafkaSink::at_least_once)
}

pub(crate) fn exactly_once(brokers: &str, run: u32) -> Result<Taken> {
    let topic = format!("exactly-once-{run}");
    to_topic(brokers, &topic, |sink| sink.exactly_once(&topic))
}
