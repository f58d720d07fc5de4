//! From event to visible record: an event is written to a topic, goes through a pipeline that writes
//! exactly once with checkpoints every second, and is read by a reader of committed records.

use crate::input::{PARTITIONS, create, producer, send};
use crate::{Result, Taken, clock, loops};
use rdkafka::{Message, Offset};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as Span;
use whitebeam::io::kafka::{Kafka, KafkaPlace, KafkaSink, KafkaSource};
use whitebeam::prelude::*;
use whitebeam::runners::{Stop, StreamingRunner};

const FROM: &str = "live";
const TO: &str = "live-visible";
const PER_SECOND: u64 = 2_000;

pub(crate) fn measure(brokers: &str, seconds: u64) -> Result<Taken> {
    create(brokers, &[FROM, TO])?;
    let folder = tempfile::tempdir()?;
    let kafka = Kafka::at(brokers);
    let p = Pipeline::new();
    let source = KafkaSource::<f64>::json(&kafka, FROM).from(KafkaPlace::Earliest);
    let sink = KafkaSink::<f64>::json(&kafka, TO).exactly_once("live");
    p.read(source).write(sink);
    let runner = StreamingRunner::new()
        .parallelism(1)
        .interval(Span::from_secs(1))
        .checkpoints(folder.path().join("kept"));
    let stop = runner.stop_handle();
    let is_over = AtomicBool::new(false);
    let latencies = std::thread::scope(|scope| -> Result<Vec<f64>> {
        let ran = scope.spawn(|| runner.run(&p));
        let fed = scope.spawn(|| feed(brokers, &is_over).map_err(|e| e.to_string()));
        let seen = visible(brokers, seconds);
        is_over.store(true, Ordering::Relaxed);
        fed.join().map_err(|_| "the feeder panicked")??;
        stop.stop(Stop::Suspend);
        ran.join().map_err(|_| "the pipeline panicked")??;
        seen
    })?;
    Ok(Taken {
        latencies,
        ..Taken::default()
    })
}

fn feed(brokers: &str, is_over: &AtomicBool) -> Result<()> {
    let producer = producer(brokers)?;
    let mut n = 0;
    let began = clock::wall();
    while !is_over.load(Ordering::Relaxed) {
        let due = ((clock::wall() - began) * PER_SECOND as f64) as u64;
        while n < due {
            let value = serde_json::to_vec(&clock::wall())?;
            send(&producer, FROM, (n % PARTITIONS as u64) as i32, &value)?;
            n += 1;
        }
        producer.poll(Span::from_millis(1));
    }
    Ok(())
}

/// Milliseconds that each record took until it could be read. The first seconds are not counted.
fn visible(brokers: &str, seconds: u64) -> Result<Vec<f64>> {
    let consumer = loops::consumer(brokers, TO, Offset::Beginning)?;
    let mut latencies = Vec::new();
    let began = clock::wall();
    while clock::wall() < began + 3.0 + seconds as f64 {
        let Some(message) = consumer.poll(Span::from_millis(20)) else {
            continue;
        };
        let now = clock::wall();
        let sent: f64 = serde_json::from_slice(message?.payload().unwrap_or_default())?;
        if sent > began + 3.0 {
            latencies.push((now - sent) * 1e3);
        }
    }
    Ok(latencies)
}
