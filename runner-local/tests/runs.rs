//! Pipelines run to their end: equal answers at every seed, nothing visible after a failure.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use whitebeam_runner_local::LocalRunner;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::source::MemorySource;
use whitebeam_sdk::time::micros;
use whitebeam_sdk::transform::Reified;
use whitebeam_sdk::window::FixedWindows;
use whitebeam_sdk::{Error, PaneInfo, Pipeline, Result, Timestamp, Window};
use whitebeam_testkit::Collect;

#[test]
fn every_element_is_read_once_at_every_seed() {
    for seed in 0..50 {
        let p = Pipeline::new();
        let all: Vec<u64> = (0..5_000).collect();
        let recorded = p.read(MemorySource::new(all.clone())).collect();
        let report = LocalRunner::new().seed(seed).run(&p).unwrap();
        assert_eq!(recorded.sorted(), all, "seed {seed}");
        assert_eq!(report.step("Read").map(|s| s.elements), Some(5_000));
    }
}

#[test]
fn the_seed_varies_the_order_and_repeats_it() {
    let order = |seed| {
        let p = Pipeline::new();
        let recorded = p.create(0..1_000_u64).map(|n| n).collect();
        LocalRunner::new().seed(seed).run(&p).unwrap();
        recorded.values()
    };
    assert_eq!(order(1), order(1));
    let orders: std::collections::BTreeSet<Vec<u64>> = (0..10).map(order).collect();
    assert!(orders.len() > 5, "only {} orders", orders.len());
}

/// Sums of an input in time order, per key and window.
fn sums(p: &Pipeline) -> whitebeam_testkit::Recorded<(u64, u64)> {
    let events: Vec<u64> = (0..3_000).collect();
    p.read(
        MemorySource::new(events)
            .event_time(|n| Timestamp::from_micros(*n as i64))
            .ordered(),
    )
    .map(|n| (n % 7, n))
    .window(FixedWindows::of(micros(100)))
    .sum_per_key()
    .collect()
}

#[test]
fn windows_of_an_ordered_input_are_equal_at_every_seed_and_number_of_copies() {
    let mut expected: Vec<Reified<(u64, u64)>> = Vec::new();
    for window in 0..30_u64 {
        for key in 0..7 {
            let mine = (window * 100..(window + 1) * 100).filter(|n| n % 7 == key);
            let start = Timestamp::from_micros(window as i64 * 100);
            let window = Window::new(start, start + micros(100));
            expected.push(Reified {
                value: (key, mine.sum()),
                timestamp: window.max_timestamp(),
                window,
                pane: PaneInfo::ON_TIME_AND_ONLY,
            });
        }
    }
    for seed in 0..50 {
        let p = Pipeline::new();
        let recorded = sums(&p);
        let runner = LocalRunner::new().seed(seed).copies(1 + seed as usize % 3);
        let report = runner.run(&p).unwrap();
        let mut rows = recorded.rows();
        rows.sort_by_key(|r| (r.window, r.value));
        assert_eq!(rows, expected, "seed {seed}");
        assert_eq!(report.dropped(), Default::default());
    }
}

#[test]
fn a_failure_anywhere_leaves_nothing_visible_and_names_the_step() {
    type Fails = fn(u64) -> u64;
    let panics: Fails = |n| if n == 400 { panic!("no {n}") } else { n };
    for seed in 0..10 {
        let p = Pipeline::new();
        let numbers = p.create(0..500_u64);
        let before = numbers.clone().collect();
        let after = numbers.map(panics).named("Refuse").collect();
        let e = LocalRunner::new().seed(seed).run(&p).unwrap_err();
        assert_eq!(e.step(), Some("Refuse"), "{e}");
        assert!(e.message().contains("no 400"), "{e}");
        assert!(!before.is_committed() && !after.is_committed());
    }
}

#[test]
fn a_source_that_breaks_its_promise_fails_the_run_at_its_own_step() {
    let p = Pipeline::new();
    let source = MemorySource::new(vec![5_u64, 3])
        .event_time(|n| Timestamp::from_micros(*n as i64))
        .ordered();
    let recorded = p.read(source).named("Numbers").collect();
    let e = LocalRunner::new().run(&p).unwrap_err();
    assert_eq!(e.step(), Some("Numbers"), "{e}");
    assert!(e.to_string().contains("in time order"), "{e}");
    assert!(!recorded.is_committed());
}

/// Where a [`Faulty`] sink fails.
#[derive(Clone, Copy, PartialEq, Debug)]
enum At {
    Open,
    Write,
    Stage,
    Prepare,
    Commit,
}

struct Faulty {
    at: At,
    aborts: Arc<AtomicUsize>,
}

struct FaultyWriter(At);

fn fail_if(here: bool) -> Result<()> {
    if here {
        return Err(Error::unavailable("the disk is full"));
    }
    Ok(())
}

impl Sink<u64> for Faulty {
    type Staged = ();
    type Writer = FaultyWriter;
    fn open(&self, _: Shard) -> Result<FaultyWriter> {
        fail_if(self.at == At::Open)?;
        Ok(FaultyWriter(self.at))
    }
    fn prepare(&self, _: Epoch, _: &[()]) -> Result<()> {
        fail_if(self.at == At::Prepare)
    }
    fn commit(&self, _: Epoch, _: Vec<()>) -> Result<Committed> {
        fail_if(self.at == At::Commit)?;
        Ok(Committed::Now)
    }
    fn abort(&self) {
        self.aborts.fetch_add(1, Ordering::Relaxed);
    }
}

impl SinkWriter<u64> for FaultyWriter {
    type Staged = ();
    fn write(&mut self, _: &Batch<u64>) -> Result<()> {
        fail_if(self.0 == At::Write)
    }
    fn stage(&mut self, _: Epoch) -> Result<Vec<()>> {
        fail_if(self.0 == At::Stage)?;
        Ok(vec![()])
    }
}

#[test]
fn a_sink_that_fails_is_aborted_once_and_no_other_sink_shows_anything() {
    for at in [At::Open, At::Write, At::Stage, At::Prepare, At::Commit] {
        let aborts = Arc::new(AtomicUsize::new(0));
        let p = Pipeline::new();
        let numbers = p.create(0..10_u64);
        // A sink before the one that fails has staged everything by then, one behind it nothing.
        let before = (at != At::Commit).then(|| numbers.clone().collect());
        let _ = numbers.clone().write(Faulty {
            at,
            aborts: Arc::clone(&aborts),
        });
        let behind = numbers.collect();
        let e = LocalRunner::new().run(&p).unwrap_err();
        assert!(e.to_string().contains("the disk is full"), "{at:?}: {e}");
        assert!(e.step().unwrap().starts_with("Write"), "{at:?}");
        assert_eq!(aborts.load(Ordering::Relaxed), 1, "{at:?}");
        for other in before.iter().chain([&behind]) {
            assert!(!other.is_committed(), "{at:?}");
        }
    }
}
