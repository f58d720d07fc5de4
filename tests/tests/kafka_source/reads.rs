//! What is there is read, once, by every runner.

use super::{LONG, Topic, go_on};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use whitebeam::batch::Batch;
use whitebeam::io::kafka::{Decoded, KafkaPlace};
use whitebeam::prelude::*;
use whitebeam::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam::source::{Poll, Source};
use whitebeam::{Error, Result};
use whitebeam_runner_streaming::{PolledRun, Settings, Turn};
use whitebeam_testkit::Collect;
use whitebeam_testkit::sim::Machine;
use whitebeam_tests::reading::{read, real_pause};
use whitebeam_tests::services::Kafka;
use whitebeam_tests::streaming::keeper::MemoryKeeper;

/// Numbers in four partitions: alone, in committed transactions and in aborted ones, which end each
/// partition. Those that count.
fn mixed(topic: &Topic) -> Vec<u32> {
    let mut committed = Vec::new();
    // Who writes under the same id fences the other: topics share a broker.
    let producer = |what: &str| topic.producer(Some(&format!("{}-{what}", topic.name)));
    let (mut good, mut bad) = (producer("good"), producer("bad"));
    for round in 0..5 {
        good.begin().unwrap();
        for partition in 0..4 {
            let first = round * 1_000 + partition * 100;
            topic.append(partition, first..first + 20);
            let in_transaction = first + 20..first + 50;
            let texts: Vec<String> = in_transaction.map(|n| n.to_string()).collect();
            let values: Vec<_> = texts.iter().map(|text| Some(text.as_str())).collect();
            topic.send(&mut *good, partition, &values);
            committed.extend(first..first + 50);
        }
        good.commit(LONG).unwrap();
        bad.begin().unwrap();
        for partition in 0..4 {
            topic.send(&mut *bad, partition, &[Some("666"), Some("667")]);
        }
        bad.abort(LONG).unwrap();
    }
    committed.sort_unstable();
    committed
}

#[test]
fn batch_reads_what_was_written_and_comes_to_an_end() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "mixed", 4);
    let expected = mixed(&topic);
    for bounded in [true, false] {
        let source = match bounded {
            true => topic.numbers().until(KafkaPlace::Latest),
            false => topic.numbers(),
        };
        let p = Pipeline::new();
        let read = p.read(source).collect();
        // Where the source has no end, the runner asks for the present one.
        let runner = BatchRunner::new().parallelism(2).until_end(!bounded);
        runner.run(&p).unwrap();
        assert_eq!(read.sorted(), expected, "{bounded}");
    }
    let all = topic.numbers().read_uncommitted().until(KafkaPlace::Latest);
    let p = Pipeline::new();
    let read = p.read(all).collect();
    BatchRunner::new().run(&p).unwrap();
    assert_eq!(read.sorted().len(), expected.len() + 5 * 4 * 2);
}

#[test]
fn places_mean_what_the_broker_says() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "places", 2);
    topic.append(0, 0..5);
    topic.append(1, 10..12);
    let client = &topic.client;
    let group = [(1, 1)].into();
    client
        .commit_group_offsets("places", "places", &group, LONG)
        .unwrap();
    let far = Timestamp::from_secs(4_000_000_000);
    for (from, until, expected) in [
        (KafkaPlace::Earliest, KafkaPlace::Latest, [0..5, 10..12]),
        (KafkaPlace::Offset(1), KafkaPlace::Offset(2), [1..2, 11..12]),
        (KafkaPlace::Latest, KafkaPlace::Latest, [0..0, 0..0]),
        (KafkaPlace::Time(far), KafkaPlace::Latest, [0..0, 0..0]),
        (KafkaPlace::Earliest, KafkaPlace::Time(far), [0..5, 10..12]),
        (
            KafkaPlace::group("places", KafkaPlace::Offset(3)),
            KafkaPlace::Latest,
            [3..5, 11..12],
        ),
    ] {
        let source = topic.numbers().from(from.clone()).until(until.clone());
        let read = read(&source, &mut real_pause).unwrap();
        let expected = expected.map(Vec::from_iter);
        assert_eq!(read, expected, "{from:?} {until:?}");
    }
}

#[test]
fn tombstones_and_poison_records_move_on() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "poison", 1);
    let mut producer = topic.producer(None);
    let values = [Some("1"), None, Some("x"), Some("2"), None];
    topic.send(&mut *producer, 0, &values);
    let e = go_on(&topic.numbers(), None).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Data);
    assert_eq!(e.position(), Some("topic poison partition 0 offset 2"));
    let kept = topic.numbers().keep_tombstones().keep_undecodable();
    let all = go_on(&kept, None).unwrap();
    let [
        Decoded::Ok(Some(1)),
        Decoded::Ok(None),
        Decoded::Undecodable(dead),
        Decoded::Ok(Some(2)),
        Decoded::Ok(None),
    ] = &all.values[..]
    else {
        panic!("{all:?}");
    };
    assert_eq!((dead.offset, &dead.raw[..]), (2, &b"x"[..]));
    assert_eq!(dead.key.as_deref(), Some(&b"k"[..]));
    topic.append(0, [3]);
    // The last record that was read was a tombstone, which is known again like any other.
    let skipping = topic.numbers().keep_undecodable();
    let [Decoded::Ok(3)] = go_on(&skipping, Some(all.at)).unwrap().values[..] else {
        panic!("one more");
    };
}

#[test]
fn what_kafka_says_of_a_record_is_there() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "whole", 1);
    let before = topic.client.now();
    topic.append(0, 7..9);
    let records = go_on(&topic.numbers().records(), None).unwrap().values;
    let [first, second] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!((first.offset, first.value), (0, 7));
    assert_eq!((second.offset, second.value), (1, 8));
    assert_eq!(first.key_text(), Some("k"));
    let lag = first.timestamp.unwrap() - before;
    assert!(lag.micros().abs() < 60_000_000, "{lag}");
}

#[test]
fn a_checkpoint_is_shown_to_who_watches_the_group() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "watched", 1);
    topic.append(0, 0..5);
    let source = topic.numbers().commit_group_offsets("dashboard");
    let split = source.discover(&[], 1).unwrap().remove(0);
    let at = go_on(&source, None).unwrap().at;
    source.checkpointed(&[(split, at)]).unwrap();
    let offsets = topic.client.group_offsets("dashboard", "watched", 1, LONG);
    assert_eq!(offsets.unwrap(), [(0, 5)].into());
}

#[derive(Clone, Default)]
struct Collected(Arc<Mutex<BTreeMap<u64, Vec<u32>>>>);

struct Writer(Vec<u32>);

impl Sink<u32> for Collected {
    type Staged = u32;
    type Writer = Writer;

    fn open(&self, _: Shard) -> Result<Writer> {
        Ok(Writer(Vec::new()))
    }

    fn commit(&self, epoch: Epoch, staged: Vec<u32>) -> Result<Committed> {
        let mut all = self.0.lock().map_err(|_| Error::internal("poisoned"))?;
        // An epoch is committed once, however often that is asked for.
        all.entry(epoch.0).or_insert(staged);
        Ok(Committed::Now)
    }
}

impl SinkWriter<u32> for Writer {
    type Staged = u32;

    fn write(&mut self, batch: &Batch<u32>) -> Result<()> {
        self.0.extend(batch.values());
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<u32>> {
        Ok(std::mem::take(&mut self.0))
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_reads_every_record_once() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "killed", 4);
    let expected = mixed(&topic);
    let collected = Collected::default();
    let keeper = MemoryKeeper::default();
    let machine = Machine::new(1);
    let mut draws = fastrand::Rng::with_seed(1);
    let p = Pipeline::new();
    p.read(topic.numbers()).write(collected.clone());
    let graph = p.finish().unwrap();
    let count = || -> usize { collected.0.lock().unwrap().values().map(Vec::len).sum() };
    let mut lives = 0;
    while count() < expected.len() {
        lives += 1;
        assert!(lives < 100, "it does not come to an end");
        let settings = Settings {
            parallelism: draws.usize(1..4),
            interval: Duration::from_millis(2),
            max_rate: Some(4_000.0),
            ..Settings::default()
        };
        let keep = Arc::new(keeper.clone());
        let mut run = PolledRun::new(&graph, machine.start(), settings, Some(keep)).unwrap();
        for _ in 0..draws.usize(200..900) {
            match run.turn() {
                Turn::Worked => machine.advance(Duration::from_micros(50)),
                Turn::Idle(pause) => {
                    machine.advance(pause.unwrap_or(Duration::from_millis(1)));
                    real_pause();
                }
                Turn::Over => break,
            }
        }
    }
    assert!(lives > 3, "it was killed {lives} times only");
    let committed = collected.0.lock().unwrap();
    let mut all: Vec<u32> = committed.values().flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(all, expected);
}

#[test]
fn partitions_that_come_later_are_read_from_their_first_record() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "growing", 1);
    let source = topic.numbers().from(KafkaPlace::Latest);
    let known = source.discover(&[], 1).unwrap();
    let arguments = ["--alter", "--topic", "growing", "--partitions", "2"];
    let at = ["--bootstrap-server", broker.address()];
    Kafka::tool("TopicCommand", &[&at[..], &arguments[..]].concat());
    topic.append(1, 5..8);
    let mut new = source.discover(&known, 1).unwrap();
    assert_eq!(new.len(), 1);
    let reader = source.open(new.remove(0), None, &Default::default());
    let read = whitebeam_tests::reading::drain(reader.unwrap(), &mut real_pause).unwrap();
    assert_eq!(read.values, [5, 6, 7]);
    assert!(matches!(read.ended, Poll::Idle(_)));
}
