//! A collection may come in two forms at once: windows that follow from the timestamps, and windows
//! that a step has named. Every runner takes both into one grouping.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use whitebeam::prelude::*;
use whitebeam::runners::{BatchRunner, LocalRunner, StreamingRunner};
use whitebeam::time::seconds;
use whitebeam::window::SlidingWindows;
use whitebeam_testkit::{Collect, Recorded};

const ROWS: i64 = 3_000;

/// Each row twice: as it is, and as seen in each of its windows.
fn pipeline() -> (Pipeline, Recorded<(i64, u64)>) {
    let p = Pipeline::new();
    let rows = (0..ROWS).map(|n| (n % 7, Timestamp::from_secs(n % 60)));
    let rows = p
        .create_timestamped(rows.collect::<Vec<_>>())
        .window(SlidingWindows::of(seconds(20)).every(seconds(10)));
    let named = rows.clone().map_with(|n, at| {
        assert!(at.window().start() < at.window().end());
        n
    });
    // Lists are not gathered before they are exchanged: the elements themselves are.
    let lists = p.flatten([rows, named]).with_keys(|n| *n).group_by_key();
    let seen = lists.map(|(n, all)| (n, all.len() as u64)).collect();
    (p, seen)
}

/// Pairs of element and window: the answer, since all windows fire once.
fn total(seen: &Recorded<(i64, u64)>) -> (usize, u64) {
    let rows = seen.values();
    (rows.len(), rows.iter().map(|(_, n)| n).sum())
}

#[test]
fn both_forms_of_windows_are_counted_by_every_runner() {
    // Seven keys in seven windows; each row in two windows, and each of those twice.
    let expected = (49, 4 * ROWS as u64);
    for seed in 0..20 {
        let (p, seen) = pipeline();
        LocalRunner::new().seed(seed).run(&p).unwrap();
        assert_eq!(total(&seen), expected, "local, seed {seed}");
    }
    for workers in [1, 2, 4] {
        let (p, seen) = pipeline();
        BatchRunner::new().parallelism(workers).run(&p).unwrap();
        assert_eq!(total(&seen), expected, "batch, {workers} workers");
        let (p, seen) = pipeline();
        StreamingRunner::new().parallelism(workers).run(&p).unwrap();
        assert_eq!(total(&seen), expected, "streaming, {workers} workers");
    }
}
