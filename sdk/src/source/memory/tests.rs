//! Memory sources under every demand: batches, timestamps, watermarks, splits and broken promises.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::batch::Col;
use crate::source::Stamped;
use crate::time::{Demand, Grid, micros};

fn at(t: i64) -> Timestamp {
    Timestamp::from_micros(t)
}

fn grid(step: i64) -> Demand {
    Demand::Grid(Grid::new(micros(step), micros(0)))
}

fn options(demand: Demand, max: usize) -> ReadOptions {
    ReadOptions {
        demand,
        max_elements: Some(max),
        ..ReadOptions::default()
    }
}

type Time = fn(&i64) -> Timestamp;

/// Values, timestamps and the watermark after each poll.
type Polled = Vec<(Vec<i64>, Col<Timestamp>, Timestamp)>;

fn read_all<C: Timing<i64>>(source: &MemorySource<i64, C>, options: ReadOptions) -> Result<Polled> {
    let mut polled = Vec::new();
    for split in source.discover(&[], 1)? {
        let mut reader = source.open(split, None, &options)?;
        loop {
            let mut out = Batch::default();
            let poll = reader.poll(&mut out)?;
            let values = out.values().to_vec();
            polled.push((values, out.meta.ts.clone(), reader.watermark()));
            if poll == Poll::End {
                break;
            }
        }
    }
    Ok(polled)
}

fn ordered(records: Vec<i64>) -> MemorySource<i64, Ordered<Time>> {
    let time: Time = |t| at(*t);
    MemorySource::new(records).event_time(time).ordered()
}

fn bounded(records: Vec<i64>, bound: i64) -> MemorySource<i64, OutOfOrder<Time>> {
    let time: Time = |t| at(*t);
    MemorySource::new(records)
        .event_time(time)
        .bounded_out_of_orderness(micros(bound))
}

#[test]
fn an_ordered_batch_ends_at_its_cell_and_carries_one_timestamp() {
    let polled = read_all(
        &ordered(vec![1, 2, 9, 10, 11, 35, 36]),
        options(grid(10), 100),
    );
    let expected = vec![
        (vec![1, 2, 9], Col::Uniform(at(1)), at(10)),
        (vec![10, 11], Col::Uniform(at(10)), at(35)),
        (vec![35, 36], Col::Uniform(at(35)), at(36)),
    ];
    assert_eq!(polled.unwrap(), expected);
}

#[test]
fn an_ordered_source_gives_exact_timestamps_on_demand() {
    let polled = read_all(&ordered(vec![1, 2, 9, 9, 9]), options(Demand::Exact, 3));
    let expected = vec![
        (vec![1, 2, 9], Col::Each(vec![at(1), at(2), at(9)]), at(9)),
        (vec![9, 9], Col::Uniform(at(9)), at(9)),
    ];
    assert_eq!(polled.unwrap(), expected);
}

#[test]
fn without_demand_no_timestamp_is_computed() {
    let refuses = |_: &i64| -> Timestamp { unreachable!("nobody asked") };
    let one = MemorySource::new(vec![3, 1]).event_time(refuses).ordered();
    let other = MemorySource::new(vec![3, 1])
        .event_time(refuses)
        .bounded_out_of_orderness(micros(1));
    for polled in [
        read_all(&one, options(Demand::None, 10)),
        read_all(&other, options(Demand::None, 10)),
    ] {
        let expected = vec![(vec![3, 1], Col::Uniform(Timestamp::MIN), Timestamp::MIN)];
        assert_eq!(polled.unwrap(), expected);
    }
}

#[test]
fn a_breach_of_the_promised_order_is_an_error_at_its_record() {
    // (records, demand, elements per poll, the record that breaks the promise)
    let cases = [
        (vec![5, 3], Demand::Exact, 10, "record 1"),
        (vec![5, 3], grid(10), 10, "record 1"),
        (vec![1, 2, 15, 3], grid(10), 2, "record 3"),
        (vec![1, 15, 12], Demand::Exact, 1, "record 2"),
        (vec![11, 12, 3], grid(10), 2, "record 2"),
    ];
    for (records, demand, max, position) in cases {
        let error = read_all(&ordered(records.clone()), options(demand, max)).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("time order"), "{records:?}: {shown}");
        assert!(shown.contains(position), "{records:?}: {shown}");
    }
}

#[test]
fn records_in_any_order_have_one_timestamp_only_within_one_cell() {
    let polled = read_all(&bounded(vec![4, 2, 12, 3, 18, 11], 5), options(grid(10), 2));
    let expected = vec![
        (vec![4, 2], Col::Uniform(at(2)), at(-1)),
        (vec![12, 3], Col::Each(vec![at(12), at(3)]), at(7)),
        (vec![18, 11], Col::Uniform(at(11)), at(13)),
    ];
    assert_eq!(polled.unwrap(), expected);
}

#[test]
fn no_element_is_at_the_end_of_time() {
    let error = read_all(&bounded(vec![i64::MAX], 0), options(Demand::Exact, 10)).unwrap_err();
    assert!(error.to_string().contains("end of time"), "{error}");
}

#[test]
fn any_division_into_splits_polls_and_forced_splits_reads_every_record_once() {
    let n: usize = 5_000;
    let source = ordered((0..n as i64).collect());
    for desired in [1, 2, 7, 1_000] {
        let mut todo = source.discover(&[], desired).unwrap();
        assert!(todo.len() <= desired);
        let mut seen = Vec::new();
        let mut step = 1;
        while let Some(split) = todo.pop() {
            let mut at = None;
            'split: loop {
                // Reopening at the position must change nothing.
                let mut reader = source
                    .open(split, at, &options(grid(64), 37 + step))
                    .unwrap();
                for _ in 0..3 {
                    let mut out = Batch::default();
                    let poll = reader.poll(&mut out).unwrap();
                    seen.extend_from_slice(out.values());
                    if poll == Poll::End {
                        break 'split;
                    }
                }
                step += 1;
                let fraction = (step % 5) as f64 / 4.0;
                if let Some(rest) = reader.try_split(fraction).unwrap() {
                    let rest: MemorySplit =
                        crate::element::decode(&mut rest.split.as_slice()).unwrap();
                    todo.push(rest);
                    let mut out = Batch::default();
                    while reader.poll(&mut out).unwrap() == Poll::More {}
                    seen.extend_from_slice(out.values());
                    break 'split;
                }
                at = Some(reader.position());
            }
        }
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(0..n as i64), "{desired} splits");
    }
}

#[test]
fn a_residual_of_an_ordered_source_holds_the_watermark_at_its_first_record() {
    let source = ordered((0..100).collect());
    let split = source.discover(&[], 1).unwrap()[0];
    let mut reader = source.open(split, None, &options(grid(10), 10)).unwrap();
    let mut out = Batch::default();
    assert_eq!(reader.poll(&mut out).unwrap(), Poll::More);
    let rest = reader.try_split(0.5).unwrap().unwrap();
    assert_eq!(rest.hold, at(55));
    assert_eq!(reader.progress().total, Some(55));
    assert_eq!(reader.describe_position(), "record 10");
}

#[test]
fn created_values_keep_the_timestamps_beside_them_through_a_cut() {
    let times = vec![at(7), at(3), at(5)];
    let source = MemorySource::with_timing(Arc::new(vec![70, 30, 50]), Stamped(Arc::new(times)));
    let polled = read_all(&source, options(Demand::Exact, 2)).unwrap();
    let expected = vec![
        (vec![70, 30], Col::Each(vec![at(7), at(3)]), Timestamp::MIN),
        (vec![50], Col::Uniform(at(5)), Timestamp::MIN),
    ];
    assert_eq!(polled, expected);
}

#[test]
fn unordered_records_are_cut_where_cells_change_and_keep_their_cells() {
    // Runs within a cell, a stretch across two, and the way back: blocks of every kind.
    let jump = |i: i64| if i % 7 == 0 { 60 } else { 0 };
    let records: Vec<i64> = (0..9_000)
        .map(|i| {
            i / 20
                + if (3_000..4_000).contains(&i) {
                    jump(i)
                } else {
                    0
                }
        })
        .collect();
    let demand = grid(100);
    let time: Time = |t| at(*t);
    let source = bounded(records.clone(), 60);
    let polled = read_all(
        &source,
        ReadOptions {
            demand,
            ..ReadOptions::default()
        },
    )
    .unwrap();
    let read: Vec<i64> = polled
        .iter()
        .flat_map(|(values, ..)| values.clone())
        .collect();
    assert_eq!(read, records);
    let mut uniform = 0;
    for (values, stamps, _) in &polled {
        uniform += usize::from(matches!(stamps, Col::Uniform(_)));
        for (i, value) in values.iter().enumerate() {
            assert!(
                demand.same(stamps.get(i), time(value)),
                "{value} at {}",
                stamps.get(i)
            );
        }
    }
    assert!(
        uniform >= 4,
        "{uniform} of {} batches need no column",
        polled.len()
    );
    assert!(
        polled.len() < 40,
        "{} batches of 9000 records",
        polled.len()
    );
}

#[test]
fn one_split_stays_one_however_many_are_desired() {
    let records: Vec<i64> = (0..100_000).collect();
    let many = MemorySource::new(records.clone());
    assert!(many.discover(&[], 8).unwrap().len() > 1);
    let one = MemorySource::new(records).in_one_split();
    assert_eq!(one.discover(&[], 8).unwrap().len(), 1);
    let timed = one.event_time(|n| at(*n)).ordered();
    assert_eq!(timed.discover(&[], 8).unwrap().len(), 1);
}
