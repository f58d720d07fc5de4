//! Readers of one client share one consumer, and none gets in another's way.

use std::time::Duration;

use whitebeam_io::kafka::client::{Failure, Record};
use whitebeam_tests::services::Kafka;

use super::helps::{Topic, at_end, client, read_to, reader, until};

/// librdkafka's threads of this process.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| {
        let comm = task.ok()?.path().join("comm");
        std::fs::read_to_string(comm).ok()
    });
    names.filter(|name| name.starts_with("rdk:")).count()
}

#[test]
fn two_hundred_partitions_are_read_by_one_consumer() {
    let Some(broker) = Kafka::start() else { return };
    let client = client(&broker);
    let topic = Topic::new(&*client, 200);
    topic.fill((0..200).map(|p| (p, format!("{p}"))));
    let mut readers: Vec<_> = (0..200)
        .map(|p| reader(&*client, &topic.name, p, 0))
        .collect();
    let first = reader(&*client, &topic.name, 0, 0);
    let with_two = threads();
    drop(first);
    for (p, reader) in readers.iter_mut().enumerate() {
        assert_eq!(read_to(&mut **reader, 1), [p.to_string()]);
    }
    // A consumer has a thread of its own and a few for each broker; other tests have some too.
    assert!(with_two < 60, "{with_two} threads");
}

#[test]
fn two_readers_of_one_partition_both_see_everything() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let client = client(broker);
    let topic = Topic::new(&*client, 1);
    let all = topic.fill((0..100).map(|n| (0, format!("{n}"))));
    let mut first = reader(&*client, &topic.name, 0, 0);
    let mut second = reader(&*client, &topic.name, 0, 40);
    assert_eq!(read_to(&mut *second, 100), all[40..]);
    assert_eq!(read_to(&mut *first, 100), all);
    drop(first);
    // The place of the first is free again, and the second goes on.
    let mut third = reader(&*client, &topic.name, 0, 99);
    topic.fill([(0, "more".to_owned())]);
    assert_eq!(read_to(&mut *third, 101), ["99", "more"]);
    assert_eq!(read_to(&mut *second, 101), ["more"]);
}

#[test]
fn a_reader_that_begins_where_another_ended_gets_nothing_of_it() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let client = client(broker);
    let topic = Topic::new(&*client, 1);
    let all = topic.fill((0..3000).map(|n| (0, format!("{n}"))));
    // Each leaves a queue full of records behind.
    for from in [0_usize, 2900, 10, 1500, 0, 2999] {
        let mut reader = reader(&*client, &topic.name, 0, from as u64);
        let mut one = Vec::new();
        until("a record", || {
            let mut take = |record: &Record<'_>| {
                one.push(record.offset);
                false
            };
            reader.poll(1, &mut take).unwrap();
            !one.is_empty()
        });
        assert_eq!(one, [from as u64]);
    }
    let mut last = reader(&*client, &topic.name, 0, 2990);
    assert_eq!(read_to(&mut *last, 3000), all[2990..]);
}

#[test]
fn an_end_is_no_end_while_the_broker_is_silent() {
    let Some(broker) = Kafka::start() else { return };
    let client = client(&broker);
    let topic = Topic::new(&*client, 1);
    topic.fill([(0, "a".to_owned())]);
    let mut reader = reader(&*client, &topic.name, 0, 0);
    until("the end", || at_end(&mut *reader));
    std::thread::sleep(Duration::from_secs(3));
    assert!(at_end(&mut *reader), "while it answers");
    for silence in ["paused", "killed"] {
        match silence {
            "paused" => broker.pause(),
            _ => broker.kill(),
        }
        until(silence, || !at_end(&mut *reader));
        match silence {
            "paused" => broker.resume(),
            _ => broker.restart(),
        }
        until("it answers again", || at_end(&mut *reader));
    }
}

#[test]
fn a_topic_that_is_deleted_ends_its_readers() {
    let Some(broker) = Kafka::start() else { return };
    let client = client(&broker);
    let topic = Topic::new(&*client, 1);
    topic.fill([(0, "a".to_owned())]);
    let mut reader = reader(&*client, &topic.name, 0, 0);
    until("the end", || at_end(&mut *reader));
    broker.topic(&["delete", &topic.name]);
    let mut failure = None;
    until("the reader fails", || {
        failure = reader.poll(1, &mut |_| true).err().map(|e| e.failure);
        failure.is_some()
    });
    assert_eq!(failure, Some(Failure::NoTopic));
}

#[test]
fn damaged_records_are_refused() {
    let Some(broker) = Kafka::start() else { return };
    let client = client(&broker);
    let topic = Topic::new(&*client, 1);
    topic.fill([(0, "good".to_owned())]);
    topic.fill([(0, "damaged-record".to_owned())]);
    topic.fill([(0, "behind it".to_owned())]);
    broker.stop();
    let log = broker
        .folder()
        .join("data")
        .join(format!("{}-0", topic.name))
        .join("00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let at = bytes.windows(7).position(|w| w == b"damaged").unwrap();
    bytes[at] = b'D';
    std::fs::write(&log, bytes).unwrap();
    broker.restart();
    let mut reader = reader(&*client, &topic.name, 0, 0);
    let mut values = Vec::new();
    let mut failure = None;
    until("the reader fails", || {
        let polled = reader.poll(10, &mut |record| {
            values.push(record.value.map(<[u8]>::to_vec));
            true
        });
        failure = polled.err().map(|e| e.failure);
        failure.is_some()
    });
    assert_eq!(failure, Some(Failure::Corrupt));
    assert_eq!(values, [Some(b"good".to_vec())]);
}
