//! `--max-rate`: each source gives so many elements a second and no more, whoever reads it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_streaming::{PolledRun, Settings, Turn};
use whitebeam_sdk::prelude::*;
use whitebeam_testkit::Collect;
use whitebeam_testkit::sim::Machine;
use whitebeam_tests::streaming::source::{Gate, Partitions, Promise, Row};

fn source(partitions: usize, rows: usize) -> Partitions {
    let row = |i: usize| Row {
        key: i as u64,
        value: i as i64,
        at: 0,
    };
    Partitions {
        rows: Arc::new(vec![(0..rows / partitions).map(row).collect(); partitions]),
        promise: Promise::Exact,
        idle_after: None,
        gate: Gate::default(),
    }
}

#[test]
fn a_source_is_read_at_its_rate_by_any_number_of_workers() {
    for (workers, partitions, rate) in [(1, 1, 100.0), (1, 4, 500.0), (4, 4, 1_000.0), (8, 2, 50.0)]
    {
        const ROWS: usize = 600;
        let p = Pipeline::new();
        let seen: Vec<_> = (0..2)
            .map(|_| p.read(source(partitions, ROWS)).collect())
            .collect();
        let machine = Machine::new(workers as u64);
        let env = machine.start();
        let settings = Settings {
            parallelism: workers,
            max_rate: Some(rate),
            ..Settings::default()
        };
        let graph = p.finish().unwrap();
        let mut run = PolledRun::new(&graph, env.clone(), settings, None).unwrap();
        let began = env.monotonic();
        let mut ended = began;
        loop {
            match run.turn() {
                Turn::Worked => ended = env.monotonic(),
                Turn::Idle(pause) => machine.advance(pause.unwrap()),
                Turn::Over => break,
            }
        }
        run.outcome().unwrap();
        assert!(seen.iter().all(|rows| rows.values().len() == ROWS));
        let (took, due) = (ended - began, Duration::from_secs_f64(ROWS as f64 / rate));
        let case = format!("{workers} workers, {partitions} partitions, {rate}/s: {took:?}");
        // A poll may give a fiftieth of a second's elements at once.
        assert!(took >= due.mul_f64(0.95), "{case}");
        assert!(
            took <= due.mul_f64(1.1) + Duration::from_millis(50),
            "{case}"
        );
    }
}
