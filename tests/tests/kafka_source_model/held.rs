//! What somebody has written in a transaction and left open.

use super::{append, model, numbers, send};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use whitebeam::batch::Batch;
use whitebeam::io::kafka::client::{Producer, ProducerOptions};
use whitebeam::prelude::*;
use whitebeam::source::{Poll, Reader, Source};
use whitebeam_testkit::kafka::KafkaModel;

/// What is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn of(&self, act: impl FnOnce()) {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(subscriber.finish(), act);
    }

    fn warnings(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter(|line| line.contains("WARN"));
        lines.map(str::to_owned).collect()
    }
}

/// A transaction that may stay open for long.
fn opened(model: &KafkaModel) -> Box<dyn Producer> {
    let options = ProducerOptions {
        transactional_id: Some("of-somebody".to_owned()),
        transaction_timeout: Duration::from_secs(900),
    };
    let mut producer = model.client().producer(&options).unwrap();
    producer.init(super::LONG).unwrap();
    producer.begin().unwrap();
    producer
}

/// Polls once a second; what was read.
fn watch(model: &KafkaModel, reader: &mut dyn Reader<u32>, times: u32) -> Vec<u32> {
    let mut read = Vec::new();
    for _ in 0..times {
        model.client().pause(Duration::from_secs(1));
        let mut batch = Batch::default();
        assert_ne!(reader.poll(&mut batch).unwrap(), Poll::End);
        read.append(&mut batch.take_values());
    }
    read
}

#[test]
fn what_an_open_transaction_holds_back_is_told_by_a_warning_and_a_number() {
    let model = model(1);
    append(&model, 0, 0..2);
    let mut open = opened(&model);
    send(&mut *open, 0, 2..5);
    append(&model, 0, 5..6);
    let source = numbers(&model.kafka());
    let splits = source.discover(&[], 1).unwrap();
    let mut reader = source
        .open(splits[0].clone(), None, &Default::default())
        .unwrap();
    let (reader, lines) = (&mut *reader, Lines::default());
    lines.of(|| {
        assert_eq!(reader.held_back(), None, "nobody has answered yet");
        assert_eq!(watch(&model, reader, 60), [0, 1]);
        assert_eq!(reader.held_back(), Some(seconds(59)));
        assert_eq!(lines.warnings(), [""; 0]);
        watch(&model, reader, 1);
        assert_eq!(lines.warnings().len(), 1);
        // It goes on, and so does what is behind it; it is told less and less often.
        append(&model, 0, 6..8);
        watch(&model, reader, 180);
        assert_eq!(reader.held_back(), Some(seconds(240)));
    });
    let warnings = lines.warnings();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for (warning, end, time) in
        [(0, 6, 60), (1, 8, 120), (2, 8, 240)].map(|(n, end, time)| (&warnings[n], end, time))
    {
        for part in [
            "topic=\"t\"",
            "partition=0",
            "at=2",
            &format!("end={end}"),
            &format!("seconds={time}"),
            "open transaction",
        ] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
    }
    open.commit(super::LONG).unwrap();
    lines.of(|| {
        assert_eq!(watch(&model, reader, 2), [2, 3, 4, 5, 6, 7]);
        assert_eq!(reader.held_back(), None);
        watch(&model, reader, 500);
    });
    assert_eq!(lines.warnings().len(), 3);
}

#[test]
fn when_it_is_told_can_be_chosen_and_who_reads_everything_is_never_held_back() {
    let model = model(1);
    let mut open = opened(&model);
    send(&mut *open, 0, 0..3);
    for (source, expected) in [
        (numbers(&model.kafka()).warn_when_held_back(seconds(5)), 1),
        (numbers(&model.kafka()).warn_when_held_back(minutes(5)), 0),
        (
            numbers(&model.kafka())
                .read_uncommitted()
                .warn_when_held_back(seconds(1)),
            0,
        ),
    ] {
        let splits = source.discover(&[], 1).unwrap();
        let mut reader = source
            .open(splits[0].clone(), None, &Default::default())
            .unwrap();
        let lines = Lines::default();
        lines.of(|| drop(watch(&model, &mut *reader, 9)));
        let warnings = lines.warnings();
        assert_eq!(warnings.len(), expected, "{source:?} {warnings:?}");
    }
}
