//! What comes too late: every (element, window) that a grouping drops is counted and captured, and
//! the rest is the answer. Batch over the input without exactly those pairs finds the same.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use whitebeam_runner_batch::BatchRunner;
use whitebeam_runner_streaming::{Settings, StreamingRunner};
use whitebeam_sdk::prelude::*;
use whitebeam_sdk::time::micros;
use whitebeam_sdk::transform::Reified;
use whitebeam_sdk::window::{Window, WindowFn};
use whitebeam_testkit::Collect;
use whitebeam_tests::random::{choices, seeds};
use whitebeam_tests::streaming::source::{Gate, Partitions, Promise, Row};

type Pair = (u64, i64);

/// A row in one of its windows, by the window's bounds.
type InWindow = (Row, (i64, i64));

fn bounds(window: Window) -> (i64, i64) {
    (window.start().micros(), window.end().micros())
}

/// Rows of which one in ten comes long after its time.
fn rows(choose: &mut dyn FnMut(u64) -> u64) -> Vec<Vec<Row>> {
    let partitions = 1 + choose(4) as usize;
    let mut rows = vec![Vec::new(); partitions];
    for value in 0..2_000 {
        let delay = if choose(10) == 0 {
            choose(900)
        } else {
            choose(20)
        };
        let row = Row {
            key: choose(7),
            value,
            at: value - delay as i64,
        };
        rows[choose(partitions as u64) as usize].push(row);
    }
    rows
}

fn windowings() -> [(&'static str, Windowing); 4] {
    let fixed = || FixedWindows::of(micros(50));
    let sliding = || SlidingWindows::of(micros(150)).every(micros(30));
    let corrected = |windows: Windowing| {
        let trigger = AfterWatermark::past_end_of_window().late(AfterPane::element_count(1));
        let windows = windows.trigger(trigger).allowed_lateness(micros(40));
        windows.accumulating()
    };
    [
        ("fixed", fixed()),
        ("sliding", sliding()),
        ("fixed, corrected", corrected(fixed())),
        ("sliding, corrected", corrected(sliding())),
    ]
}

/// What a key comes to in a window.
type Answer = BTreeMap<(u64, (i64, i64)), i64>;

struct Streamed {
    answer: Answer,
    /// What was captured, by value and window.
    late: BTreeSet<(i64, (i64, i64))>,
    /// What the report counts.
    counted: u64,
}

fn streamed(
    rows: &[Vec<Row>],
    windowing: &Windowing,
    choose: &mut dyn FnMut(u64) -> u64,
) -> Streamed {
    let p = Pipeline::new();
    let source = Partitions {
        rows: Arc::new(rows.to_vec()),
        promise: Promise::Behind(25),
        idle_after: None,
        gate: Gate::default(),
    };
    let pairs = p.read(source).map(|row: Row| (row.key, row.value));
    let (sums, late) = pairs
        .window(windowing.clone())
        .combine_per_key_with_late(Sum);
    let (sums, late) = (sums.collect(), late.collect());
    let runner = StreamingRunner::with(Settings {
        parallelism: 1 + choose(4) as usize,
        interval: Duration::from_millis(1 + choose(10)),
        ..Settings::default()
    });
    let report = runner.run(&p).unwrap();
    let mut panes: Vec<Reified<Pair>> = sums.rows();
    // Of panes that accumulate, the last one counts; others have only one.
    panes.sort_by_key(|row| row.pane.index);
    let answer = panes
        .iter()
        .map(|row| ((row.value.0, bounds(row.window)), row.value.1));
    let captured = late.rows();
    let pairs = captured.iter().map(|row| (row.value.1, bounds(row.window)));
    let late: BTreeSet<_> = pairs.collect();
    assert_eq!(late.len(), captured.len(), "a pair was captured twice");
    Streamed {
        answer: answer.collect(),
        late,
        counted: report.steps().map(|step| step.dropped.late).sum(),
    }
}

/// Every row once for each of its windows, as batch sums them up.
fn batch(pairs: Vec<InWindow>) -> Answer {
    let p = Pipeline::new();
    let sums = p
        .create(pairs)
        .map(|(row, (from, to))| ((row.key, from, to), row.value))
        .sum_per_key()
        .collect();
    BatchRunner::new().parallelism(2).run(&p).unwrap();
    let sums = sums.values().into_iter();
    sums.map(|((key, from, to), sum)| ((key, (from, to)), sum))
        .collect()
}

fn in_windows(rows: &[Vec<Row>], window_fn: WindowFn) -> Vec<InWindow> {
    let mut pairs = Vec::new();
    for row in rows.iter().flatten() {
        let at = Timestamp::from_micros(row.at);
        window_fn.assign(at, |window| pairs.push((*row, bounds(window))));
    }
    pairs
}

#[test]
fn batch_without_the_dropped_pairs_is_the_streamed_answer() {
    for (name, windowing) in windowings() {
        let mut dropped = 0;
        for seed in seeds(15) {
            let mut choose = choices(seed);
            let rows = rows(&mut choose);
            let streamed = streamed(&rows, &windowing, &mut choose);
            let at = format!("{name}, WHITEBEAM_SEED={seed}");
            assert_eq!(streamed.counted, streamed.late.len() as u64, "{at}");
            let all = in_windows(&rows, windowing.window_fn().unwrap());
            let is_late = |(row, window): &InWindow| streamed.late.contains(&(row.value, *window));
            let (late, kept): (Vec<InWindow>, Vec<InWindow>) = all.into_iter().partition(is_late);
            assert_eq!(
                late.len(),
                streamed.late.len(),
                "{at}: captured where it is not"
            );
            assert_eq!(batch(kept), streamed.answer, "{at}");
            dropped += late.len();
        }
        assert!(dropped > 100, "{name}: only {dropped} pairs were late");
    }
}
