//! Cases without transactions: topics, partitions, records, readers, groups.

use super::world::{Got, LONG, Outcome, World, fails, holds, plain, poll, same, texts};
use crate::kafka::Row;
use std::collections::BTreeMap;
use whitebeam_io::kafka::client::{Failure, Isolation, NewRecord, NewTopic, Producer};
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::time::{micros, millis, seconds};

pub(super) fn order(world: &World<'_>) -> Outcome {
    let topic = world.topic(3)?;
    let mut producer = world.producer()?;
    let values: Vec<_> = (0..300).map(|n| (n % 3, n.to_string())).collect();
    let sent: Vec<_> = values
        .iter()
        .map(|(p, value)| (*p, value.as_str()))
        .collect();
    let offsets = world.fill(&mut *producer, &topic, &sent)?;
    for partition in 0..3 {
        let place = (topic.clone(), partition);
        same("offsets told", &offsets.get(&place), &Some(&(0, 99)))?;
        let ends = world.ends(&topic, partition)?;
        same("ends", &(ends.first, ends.stable, ends.end), &(0, 100, 100))?;
        let got = world.read(&topic, partition, (0, 100), Isolation::Committed)?;
        let should = sent.iter().filter(|(p, _)| *p == partition);
        let should: Vec<_> = should.map(|(_, value)| value.to_string()).collect();
        same("values", &texts(&got), &should)?;
        let offsets: Vec<_> = got.iter().map(|got| got.offset).collect();
        same("offsets", &offsets, &(0..100).collect())?;
    }
    Ok(())
}

pub(super) fn fields(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut producer = world.producer()?;
    // Kafka's times have milliseconds.
    let now = Timestamp::from_millis(world.client.now().micros() / 1_000);
    let record = NewRecord {
        topic: &topic,
        partition: 0,
        timestamp: None,
        key: None,
        value: None,
    };
    let records = [
        NewRecord {
            timestamp: Some(now - seconds(3_600)),
            key: Some(b"k"),
            value: Some(b"v"),
            ..record
        },
        NewRecord {
            timestamp: Some(now - seconds(7_200) + micros(999)),
            key: Some(b""),
            value: Some(b""),
            ..record
        },
        NewRecord {
            key: Some(b"k"),
            ..record
        },
        record,
    ];
    for record in &records {
        world.send(&mut *producer, record)?;
    }
    world.deliver(&mut *producer)?;
    let got = world.read(&topic, 0, (0, 4), Isolation::Uncommitted)?;
    same("count", &got.len(), &records.len())?;
    for (got, record) in got.iter().zip(&records) {
        same("key", &got.key.as_deref(), &record.key)?;
        same("value", &got.value.as_deref(), &record.value)?;
        same("headers", &got.headers, &Vec::new())?;
    }
    same("time", &got[0].time, &Some(now - seconds(3_600)))?;
    same("time of later", &got[1].time, &Some(now - seconds(7_200)))?;
    // The client's clock and ours are one.
    let is_now = |got: &Got| {
        got.time
            .is_some_and(|t| t >= now && t <= world.client.now())
    };
    holds(
        "records without a time get the present one",
        got[2..].iter().all(is_now),
    )
}

pub(super) fn headers(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let row = Row::of("v")
        .header("a", "1")
        .header("b", "")
        .header("a", "2");
    if !world.around.append(&topic, 0, &row) {
        return Ok(());
    }
    let end = world.decided(&topic, 0)?.end;
    let got = world.read(&topic, 0, (0, end), Isolation::Committed)?;
    same("headers", &got[0].headers, &row.headers)
}

pub(super) fn polls(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut producer = world.producer()?;
    let values = ["0", "1", "2", "3", "4", "5"].map(|value| (0, value));
    world.fill(&mut *producer, &topic, &values)?;
    let mut reader = world.reader(&topic, 0, 2, Isolation::Committed)?;
    let mut got = Vec::new();
    world.until("a record comes", || {
        poll(&mut *reader, 1, &mut got)?;
        Ok(!got.is_empty())
    })?;
    same("first", &texts(&got), &vec!["2".to_owned()])?;
    let mut next = 3;
    let mut offered = 0;
    world.until("a record is refused", || {
        next = reader
            .poll(10, &mut |_| {
                offered += 1;
                false
            })?
            .next;
        Ok(offered > 0)
    })?;
    same("offered", &offered, &1)?;
    same("next", &next, &4)?;
    world.until("the end", || Ok(poll(&mut *reader, 10, &mut got)?.at_end))?;
    same(
        "rest",
        &texts(&got),
        &["2", "4", "5"].map(String::from).to_vec(),
    )?;
    same("known end", &reader.known_end(), &Some(6))?;
    let polled = poll(&mut *reader, 10, &mut got)?;
    same("next at the end", &polled.next, &6)
}

pub(super) fn offset_at(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut producer = world.producer()?;
    let start = Timestamp::from_millis(world.client.now().micros() / 1_000) - seconds(60);
    for n in 0..3 {
        let record = NewRecord {
            timestamp: Some(start + seconds(10) * n),
            ..plain(&topic, 0, "v")
        };
        world.send(&mut *producer, &record)?;
        // Batches of their own.
        world.deliver(&mut *producer)?;
    }
    let cases = [
        (millis(-1), 0),
        (millis(0), 0),
        (millis(1), 1),
        (seconds(10), 1),
        (seconds(20), 2),
        (seconds(20) + millis(1), 3),
        (seconds(86_400), 3),
    ];
    for (after, should) in cases {
        let offset = world.client.offset_at(&topic, 0, start + after, LONG)?;
        same(&format!("offset at {after:?}"), &offset, &should)?;
    }
    let empty = world.topic(1)?;
    same(
        "empty",
        &world.client.offset_at(&empty, 0, start, LONG)?,
        &0,
    )
}

pub(super) fn groups(world: &World<'_>) -> Outcome {
    let topic = world.topic(3)?;
    let group = world.name();
    let fetch = || world.client.group_offsets(&group, &topic, 3, LONG);
    same("before", &fetch()?, &BTreeMap::new())?;
    for (offsets, should) in [
        (vec![(0, 5), (2, 7)], vec![(0, 5), (2, 7)]),
        (vec![(1, 1), (2, 6)], vec![(0, 5), (1, 1), (2, 6)]),
    ] {
        let offsets = BTreeMap::from_iter(offsets);
        let within = LONG;
        let client = world.client;
        client.commit_group_offsets(&group, &topic, &offsets, within)?;
        same("offsets", &fetch()?, &BTreeMap::from_iter(should))?;
    }
    Ok(())
}

pub(super) fn unknown_topic(world: &World<'_>) -> Outcome {
    let name = world.name();
    same("partitions", &world.client.partitions(&name, LONG)?, &None)?;
    fails("ends", world.client.ends(&name, 0, LONG), Failure::NoTopic)?;
    let time = world.client.now();
    let at = world.client.offset_at(&name, 0, time, LONG);
    fails("offset_at", at, Failure::NoTopic)?;
    failing_reader(world, &name, 0, 0, Failure::NoTopic)?;
    let topic = world.topic(1)?;
    fails(
        "ends of no partition",
        world.client.ends(&topic, 7, LONG),
        Failure::NoTopic,
    )?;
    failing_reader(world, &topic, 7, 0, Failure::NoTopic)
}

/// Reading there shows an error, and never a record.
fn failing_reader(
    world: &World<'_>,
    topic: &str,
    partition: u32,
    offset: u64,
    should: Failure,
) -> Outcome {
    let mut reader = match world.reader(topic, partition, offset, Isolation::Committed) {
        Ok(reader) => reader,
        Err(_) => return Ok(()),
    };
    let mut failure = None;
    let what = format!("a reader of {topic}/{partition} at {offset} fails");
    world.until(&what, || {
        let mut count = 0;
        let polled = reader.poll(10, &mut |_| {
            count += 1;
            true
        });
        same("records", &count, &0)?;
        failure = polled.err().map(|e| e.failure);
        Ok(failure.is_some_and(|failure| failure != Failure::Retriable))
    })?;
    same("failure", &failure, &Some(should))
}

pub(super) fn out_of_range(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut producer = world.producer()?;
    world.fill(&mut *producer, &topic, &[(0, "a"), (0, "b")])?;
    failing_reader(world, &topic, 0, 5, Failure::OffsetOutOfRange)?;
    // The end itself is a place to begin.
    let mut reader = world.reader(&topic, 0, 2, Isolation::Committed)?;
    let mut got = Vec::new();
    world.until("the end", || Ok(poll(&mut *reader, 10, &mut got)?.at_end))?;
    world.fill(&mut *producer, &topic, &[(0, "c")])?;
    world.until("a record comes", || {
        poll(&mut *reader, 10, &mut got)?;
        Ok(!got.is_empty())
    })?;
    same("record", &texts(&got), &vec!["c".to_owned()])
}

pub(super) fn existing_topic(world: &World<'_>) -> Outcome {
    let name = world.topic(2)?;
    let again = NewTopic {
        name: name.clone(),
        partitions: 3,
        compacted: false,
    };
    let made = world.client.create_topic(&again, LONG);
    fails("made again", made, Failure::Exists)?;
    same(
        "partitions",
        &world.client.partitions(&name, LONG)?,
        &Some(2),
    )
}

pub(super) fn too_large(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut producer = world.producer()?;
    let value = "x".repeat(3_000_000);
    let failure = match producer.send(&plain(&topic, 0, &value)) {
        Err(e) => Some(e.failure),
        Ok(()) => {
            let failed = world.deliver(&mut *producer)?.failed;
            failed.first().map(|e| e.failure)
        }
    };
    same("failure", &failure, &Some(Failure::TooLarge))?;
    world.fill(&mut *producer, &topic, &[(0, "small")])?;
    same(
        "left",
        &world.committed(&topic, 0)?,
        &vec!["small".to_owned()],
    )
}

pub(super) fn tailing(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut producer: Box<dyn Producer> = world.producer()?;
    let mut reader = world.reader(&topic, 0, 0, Isolation::Committed)?;
    let mut got = Vec::new();
    for round in 0..10 {
        let values: Vec<_> = (0..5).map(|n| format!("{round}.{n}")).collect();
        let sent: Vec<_> = values.iter().map(|value| (0, value.as_str())).collect();
        world.fill(&mut *producer, &topic, &sent)?;
        world.until("the round has come", || {
            poll(&mut *reader, 3, &mut got)?;
            Ok(got.len() >= 5 * (round + 1))
        })?;
        same("the round", &texts(&got[5 * round..]), &values)?;
    }
    same("count", &got.len(), &50)
}
