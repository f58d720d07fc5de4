//! What a streaming run tells of itself is what happened.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::thread;
use std::time::Duration;
use whitebeam::Pipeline;
use whitebeam::window::FixedWindows;
use whitebeam_runner_streaming::metrics::{Metrics, Place};
use whitebeam_runner_streaming::{Settings, StreamingRunner};
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Timestamp, time};
use whitebeam_testkit::{Collect, Recorded};
use whitebeam_tests::random::{choices, seeds};
use whitebeam_tests::streaming::source::{Gate, Partitions, Promise, Row};

const ROWS: usize = 3_000;

/// Even values, counted by key in windows of 100 µs; out of order, so that some come late.
fn job(choose: &mut dyn FnMut(u64) -> u64) -> (Pipeline, Recorded<(u64, u64)>, u64) {
    let partitions = 1 + choose(5);
    let mut rows = vec![Vec::new(); partitions as usize];
    let mut even = 0;
    for value in 0..ROWS as i64 {
        let at = value - choose(300) as i64;
        even += u64::from(value % 2 == 0);
        let row = Row {
            key: choose(9),
            value,
            at,
        };
        rows[choose(partitions) as usize].push(row);
    }
    let source = Partitions {
        rows: Arc::new(rows),
        promise: Promise::Behind(0),
        idle_after: None,
        gate: Gate::default(),
    };
    let p = Pipeline::new();
    let window = FixedWindows::of(time::micros(100));
    let counted = p
        .read(source)
        .named("Read")
        .filter(|row: &Row| row.value % 2 == 0)
        .named("Even")
        .map(|row| (row.key, 1u64))
        .window(window)
        .sum_per_key()
        .named("Count");
    let seen = counted.collect();
    (p, seen, even)
}

fn runner(choose: &mut dyn FnMut(u64) -> u64) -> StreamingRunner {
    StreamingRunner::with(Settings {
        parallelism: 1 + choose(4) as usize,
        interval: Duration::from_millis(1 + choose(20)),
        ..Settings::default()
    })
}

#[test]
fn counts_are_the_true_ones() {
    let mut late = 0;
    for seed in seeds(20) {
        let mut choose = choices(seed);
        let (p, seen, even) = job(&mut choose);
        let runner = runner(&mut choose);
        let report = runner.run(&p).unwrap();
        let metrics = runner.metrics().read();
        let step = |path: &str| metrics.steps[path];
        assert_eq!(step("Read").place, Place::Source);
        assert_eq!((metrics.read(), step("Read").elements_in), (ROWS as u64, 0));
        let even_step = step("Even");
        assert_eq!(
            (even_step.elements_in, even_step.elements_out),
            (ROWS as u64, even)
        );
        let count = step("Count");
        let rows = seen.values();
        assert_eq!(count.elements_in, even);
        assert_eq!(count.elements_out, rows.len() as u64);
        // Each even value is counted in one window or dropped as late.
        let counted: u64 = rows.iter().map(|(_, n)| n).sum();
        assert_eq!(counted + count.dropped.late, even, "WHITEBEAM_SEED={seed}");
        assert_eq!(metrics.dropped(), count.dropped);
        assert_eq!(metrics.written(), rows.len() as u64);
        assert_eq!(metrics.watermark(), Some(Timestamp::MAX));
        for told in report.steps() {
            assert_eq!(
                metrics.steps[&told.path].dropped, told.dropped,
                "{}",
                told.path
            );
        }
        assert_eq!(metrics.splits, []);
        assert_eq!(metrics.checkpoints.completed, report.epochs.completed);
        assert_eq!(metrics.checkpoints.last.unwrap().epoch, report.epochs.last);
        assert_eq!(metrics.checkpoints.committed, Some(report.epochs.last));
        assert_eq!(metrics.checkpoints.under_way, None);
        late += count.dropped.late;
    }
    assert!(late > 0);
}

#[test]
fn a_run_can_be_watched_while_it_lasts() {
    let mut choose = choices(7);
    let (p, _, even) = job(&mut choose);
    let runner = runner(&mut choose).parallelism(3).max_rate(10_000.0);
    let handle = runner.metrics();
    #[expect(clippy::disallowed_methods, reason = "who watches is not who runs")]
    let running = thread::spawn(move || runner.run(&p).unwrap());
    let mut looks: Vec<Metrics> = Vec::new();
    while !running.is_finished() {
        looks.push(handle.read());
    }
    running.join().unwrap();
    let of = |metrics: &Metrics, path: &str| metrics.steps.get(path).copied().unwrap_or_default();
    let under_way = looks
        .iter()
        .filter(|m| m.workers == 3 && m.read() < ROWS as u64);
    let mut last = (0, 0, Duration::ZERO, Epoch(0));
    let mut grew = 0;
    for metrics in under_way {
        let (read, even) = (metrics.read(), of(metrics, "Even").elements_out);
        let epoch = metrics.checkpoints.last.map_or(Epoch(0), |last| last.epoch);
        assert!(of(metrics, "Even").elements_in <= read && even <= read);
        assert!(!metrics.splits.is_empty());
        assert!(metrics.splits.iter().all(|split| split.step == "Read"));
        let now = (read, even, metrics.at, epoch);
        assert!(last.0 <= now.0 && last.1 <= now.1 && last.2 <= now.2 && last.3 <= now.3);
        grew += u32::from(last.0 < now.0);
        last = now;
    }
    // Answers come at once, not when patience ends.
    assert!(grew > 5, "{grew} of {}", looks.len());
    assert_eq!(of(&handle.read(), "Even").elements_out, even);
}
