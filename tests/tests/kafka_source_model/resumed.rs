//! Wherever reading stops, it goes on with the next record: on random topics, at every position.

use super::{LONG, send, writer};
use std::collections::BTreeMap;
use whitebeam::Element;
use whitebeam::batch::Batch;
use whitebeam::io::kafka::{Decoded, KafkaPlace, KafkaSource};
use whitebeam::prelude::*;
use whitebeam::source::{Poll, Position, ReadOptions, Reader, Source};
use whitebeam::time::{Demand, Grid};
use whitebeam_testkit::Collect;
use whitebeam_testkit::kafka::{Faults, KafkaModel, Placed, Row};
use whitebeam_testkit::sim::Machine;
use whitebeam_tests::random::seeds;

const PARTITIONS: u32 = 2;

/// A topic of everything that can lie in one: records, tombstones, undecodable ones, transactions
/// that were committed, aborted or left open.
fn random_topic(random: &mut fastrand::Rng, faults: Faults) -> KafkaModel {
    let model = KafkaModel::new(&Machine::new(1), random.u64(..), faults);
    model.create("t", PARTITIONS);
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    for transaction in 0..random.u32(1..12) {
        let partition = random.u32(..PARTITIONS);
        match random.u32(..6) {
            0 => drop(model.append("t", partition, Row::tombstone("k"))),
            1 => drop(model.append("t", partition, Row::of("poison"))),
            2 | 3 => {
                for _ in 0..random.u32(1..5) {
                    let row = Row::of(next().to_string());
                    let at = Timestamp::from_secs(random.i64(..100));
                    model.append("t", partition, row.at(at));
                }
            }
            _ => {
                // A few producers, so that some transactions stay open for long.
                let mut producer = writer(&model, &format!("p{}", random.u32(..3)));
                producer.begin().unwrap();
                for _ in 0..random.u32(1..5) {
                    send(&mut *producer, random.u32(..PARTITIONS), [next()]);
                }
                match random.u32(..4) {
                    0 => producer.abort(LONG).unwrap(),
                    1 if transaction > 6 => {}
                    _ => producer.commit(LONG).unwrap(),
                }
            }
        }
    }
    model
}

/// The record's place, as a time.
fn offset(value: &Decoded<(u64, u32)>) -> Timestamp {
    let offset = match value {
        Decoded::Ok((offset, _)) => *offset,
        Decoded::Undecodable(dead) => dead.offset,
    };
    Timestamp::from_secs(offset as i64)
}

/// An element's number.
struct Number(u32);

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Number(number)
    }
}

impl From<(u64, u32)> for Number {
    fn from((_, number): (u64, u32)) -> Self {
        Number(number)
    }
}

/// What a source should yield of these records.
fn expected(rows: &[Placed]) -> Vec<Result<u32, u64>> {
    let rows = rows.iter().filter_map(|placed| {
        let value = placed.row.value.as_ref()?;
        let text = std::str::from_utf8(value).unwrap();
        Some(text.parse().map_err(|_| placed.offset))
    });
    rows.collect()
}

fn found<N: Into<Number>>(values: Vec<Decoded<N>>) -> Vec<Result<u32, u64>> {
    let each = values.into_iter().map(|value| match value {
        Decoded::Ok(number) => Ok(number.into().0),
        Decoded::Undecodable(dead) => Err(dead.offset),
    });
    each.collect()
}

fn options(random: &mut fastrand::Rng) -> ReadOptions {
    ReadOptions {
        demand: match random.u32(..3) {
            0 => Demand::None,
            1 => Demand::Exact,
            _ => Demand::Grid(Grid::new(seconds(4), Duration::ZERO)),
        },
        max_elements: [Some(1), Some(2), Some(3), None][random.usize(..4)],
        ..ReadOptions::default()
    }
}

/// Reads until it is idle or over; what came, and after which of it the reader stood where.
fn positions<N: Element>(
    reader: &mut dyn Reader<Decoded<N>>,
) -> (Vec<Decoded<N>>, Vec<(usize, Position)>) {
    let mut all = Vec::new();
    let mut stood = vec![(0, reader.position())];
    for _ in 0..10_000 {
        let mut batch = Batch::default();
        let poll = reader.poll(&mut batch).unwrap();
        all.append(&mut batch.take_values());
        stood.push((all.len(), reader.position()));
        if matches!(poll, Poll::Idle(_) | Poll::End) {
            return (all, stood);
        }
    }
    panic!("a reader waits for ever");
}

#[test]
fn at_every_position_reading_goes_on_with_the_next_record() {
    for seed in seeds(300) {
        let mut random = fastrand::Rng::with_seed(seed);
        let at = format!("WHITEBEAM_SEED={seed}");
        let faults = Faults {
            stale: 0.3,
            poll_fails: 0.2,
            retriable: 0.1,
            ..Faults::none()
        };
        let model = random_topic(&mut random, Faults::none());
        model.set_faults(faults);
        for uncommitted in [false, true] {
            let model_sees = match uncommitted {
                false => model.committed("t"),
                true => model.uncommitted("t"),
            };
            // In order, so that batches are cut where the grid is: some records wait then.
            let mut source = KafkaSource::<u32>::json(&model.kafka(), "t")
                .with_record(|record, number| (record.offset, number))
                .keep_undecodable()
                .event_time(offset)
                .ordered();
            if uncommitted {
                source = source.read_uncommitted();
            }
            if random.bool() {
                source = source.until(KafkaPlace::Latest);
            }
            let splits = source.discover(&[], 1).unwrap();
            for (split, rows) in splits.into_iter().zip(model_sees) {
                let expected = expected(&rows);
                let mut reader = source
                    .open(split.clone(), None, &options(&mut random))
                    .unwrap();
                let (all, stood) = positions(&mut *reader);
                assert_eq!(found(all), expected, "{at}");
                for (count, position) in stood {
                    let rest = source.open(split.clone(), Some(position), &options(&mut random));
                    let (rest, _) = positions(&mut *rest.unwrap());
                    assert_eq!(found(rest), expected[count..], "{at} after {count}");
                }
            }
        }
    }
}

#[test]
fn a_split_that_is_divided_yields_every_record_once() {
    for seed in seeds(200) {
        let mut random = fastrand::Rng::with_seed(seed);
        let model = random_topic(&mut random, Faults::none());
        let source = KafkaSource::<u32>::json(&model.kafka(), "t")
            .until(KafkaPlace::Latest)
            .keep_undecodable();
        let mut all: BTreeMap<u32, Vec<Decoded<u32>>> = BTreeMap::new();
        let splits = source.discover(&[], 1).unwrap();
        for (partition, split) in (0..).zip(splits) {
            let mut rest = Some(split);
            while let Some(split) = rest.take() {
                let mut reader = source.open(split, None, &options(&mut random)).unwrap();
                let mut batch = Batch::default();
                if random.bool() {
                    reader.poll(&mut batch).unwrap();
                }
                let read = all.entry(partition).or_default();
                read.append(&mut batch.take_values());
                if let Some(residual) = reader.try_split(random.f64()).unwrap() {
                    let mut bytes = &residual.split[..];
                    rest = Some(whitebeam_sdk::element::decode(&mut bytes).unwrap());
                }
                let (more, _) = positions(&mut *reader);
                read.extend(more);
            }
        }
        for (partition, rows) in (0..).zip(model.committed("t")) {
            let read = all.remove(&partition).unwrap();
            assert_eq!(found(read), expected(&rows), "WHITEBEAM_SEED={seed}");
        }
    }
}

#[test]
fn the_local_runner_reads_the_same_however_it_divides_the_work() {
    for seed in seeds(60) {
        let mut random = fastrand::Rng::with_seed(seed);
        let model = random_topic(&mut random, Faults::none());
        let source = KafkaSource::<u32>::json(&model.kafka(), "t")
            .until(KafkaPlace::Latest)
            .keep_undecodable()
            .record_time()
            .bounded_out_of_orderness(seconds(10));
        let p = Pipeline::new();
        let read = p.read(source).collect();
        LocalRunner::new().seed(seed).run(&p).unwrap();
        let mut read = found(read.values());
        let rows = model.committed("t").concat();
        let mut expected = expected(&rows);
        read.sort_unstable();
        expected.sort_unstable();
        assert_eq!(read, expected, "WHITEBEAM_SEED={seed}");
    }
}
