//! What the local runner finds that a friendlier one would not: lossy coders, sources that lose or
//! repeat elements, functions whose life cycle is cut short.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use whitebeam_runner_local::{LocalRun, LocalRunner, Options};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::dofn::{DoFn, DoFnResult, ProcessContext};
use whitebeam_sdk::graph::NodeKind;
use whitebeam_sdk::source::{Poll, Position, ReadOptions, Reader, Residual, Source};
use whitebeam_sdk::time::seconds;
use whitebeam_sdk::window::FixedWindows;
use whitebeam_sdk::{Pipeline, Result, Timestamp};
use whitebeam_testkit::{Collect, TestStreams};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
struct Order {
    cents: i64,
    #[serde(skip)]
    shop: u32,
}

#[test]
fn what_a_coder_leaves_out_is_lost_between_steps() {
    let p = Pipeline::new();
    let order = |cents| Order { cents, shop: 7 };
    let recorded = p.create([1_i64, 2]).map(order).map(|o| (o.cents, o.shop));
    let recorded = recorded.collect();
    LocalRunner::new().run(&p).unwrap();
    assert_eq!(recorded.sorted(), [(1, 0), (2, 0)]);
}

/// What a [`Numbers`] source does wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    /// The rest of a forced split begins one element too late.
    LosesAtSplit,
    /// A reader that is opened at a position begins one element too early.
    RepeatsAtPosition,
}

/// The numbers of a range, one a poll, with a pause of a second after every tenth.
struct Numbers {
    fault: Fault,
    opened: Arc<AtomicU64>,
}

struct NumbersReader {
    fault: Fault,
    next: u64,
    end: u64,
    rested: bool,
}

impl Source for Numbers {
    type Split = (u64, u64);
    type Out = u64;
    fn discover(&self, _: &[(u64, u64)], _: usize) -> Result<Vec<(u64, u64)>> {
        Ok(vec![(0, 60), (60, 100)])
    }
    fn open(
        &self,
        (start, end): (u64, u64),
        at: Option<Position>,
        _: &ReadOptions,
    ) -> Result<Box<dyn Reader<u64>>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let at = at.and_then(|at| at.offset());
        let early = u64::from(self.fault == Fault::RepeatsAtPosition);
        Ok(Box::new(NumbersReader {
            fault: self.fault,
            next: at.map_or(start, |at| at.saturating_sub(early).max(start)),
            end,
            rested: false,
        }))
    }
}

impl Reader<u64> for NumbersReader {
    fn poll(&mut self, out: &mut Batch<u64>) -> Result<Poll> {
        if self.next >= self.end {
            return Ok(Poll::End);
        }
        if self.next.is_multiple_of(10) && !self.rested {
            self.rested = true;
            return Ok(Poll::Idle(Timestamp::from_secs(self.next as i64)));
        }
        self.rested = false;
        out.push_at(self.next, Timestamp::from_secs(self.next as i64));
        self.next += 1;
        Ok(Poll::More)
    }
    fn position(&self) -> Position {
        Position::at(self.next)
    }
    fn watermark(&self) -> Timestamp {
        Timestamp::from_secs(self.next as i64)
    }
    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        let cut = self.next + ((self.end - self.next) as f64 * fraction) as u64;
        if cut >= self.end {
            return Ok(None);
        }
        let late = u64::from(self.fault == Fault::LosesAtSplit);
        let rest = (cut + late, self.end);
        self.end = cut;
        Residual::of(&rest, Timestamp::from_secs(cut as i64)).map(Some)
    }
}

fn read(fault: Fault, seed: u64) -> (Vec<u64>, u64) {
    let opened = Arc::new(AtomicU64::new(0));
    let p = Pipeline::new();
    let source = Numbers {
        fault,
        opened: Arc::clone(&opened),
    };
    let recorded = p.read(source).collect();
    LocalRunner::new().seed(seed).run(&p).unwrap();
    (recorded.sorted(), opened.load(Ordering::Relaxed))
}

#[test]
fn an_honest_source_is_read_whole_however_it_is_split_and_reopened() {
    let mut reopened = 0;
    for seed in 0..50 {
        let (numbers, opened) = read(Fault::None, seed);
        assert_eq!(numbers, (0..100).collect::<Vec<_>>(), "seed {seed}");
        reopened += opened - 2;
    }
    assert!(reopened > 200, "only {reopened} times in 50 runs");
}

#[test]
fn a_source_that_loses_or_repeats_is_found_out() {
    for fault in [Fault::LosesAtSplit, Fault::RepeatsAtPosition] {
        let wrong = |seed: &u64| read(fault, *seed).0 != (0..100).collect::<Vec<_>>();
        let found = (0..10).filter(wrong).count();
        assert!(found > 5, "{fault:?} was found by {found} seeds of 10");
    }
}

#[test]
fn a_snapshot_while_an_input_is_read_loses_and_repeats_nothing() {
    for seed in 0..20 {
        let p = Pipeline::new();
        let source = Numbers {
            fault: Fault::None,
            opened: Arc::default(),
        };
        let recorded = p.read(source).map(|n| n + 1).collect();
        let graph = p.graph();
        let options = |seed| Options {
            seed,
            ..Options::default()
        };
        let mut run = LocalRun::new(&graph, options(seed)).unwrap();
        run.read_some(seed as usize * 7).unwrap();
        let snapshot = run.snapshot().unwrap();
        run.read_some(20).unwrap();
        drop(run);
        let mut run = LocalRun::restore(&graph, options(seed + 1), &snapshot).unwrap();
        run.run_to_end().unwrap();
        run.commit().unwrap();
        assert_eq!(recorded.sorted(), (1..=100).collect::<Vec<_>>(), "{seed}");
    }
}

/// Notes the calls of its life cycle.
#[derive(Clone)]
struct Watched {
    calls: Arc<Mutex<Vec<&'static str>>>,
    refuses: Option<i64>,
}

impl Watched {
    fn note(&self, call: &'static str) {
        self.calls.lock().unwrap().push(call);
    }
}

impl DoFn<i64> for Watched {
    type Out = i64;
    fn setup(&mut self) -> DoFnResult {
        self.note("setup");
        Ok(())
    }
    fn process(&mut self, n: i64, cx: &mut ProcessContext<'_, i64>) -> DoFnResult {
        self.note("process");
        assert!(self.refuses != Some(n), "no {n}");
        cx.emit(n);
        Ok(())
    }
    fn teardown(&mut self) {
        self.note("teardown");
    }
}

#[test]
fn every_function_is_torn_down_once_after_success_and_after_failure() {
    for refuses in [None, Some(3)] {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let watched = Watched {
            calls: Arc::clone(&calls),
            refuses,
        };
        let p = Pipeline::new();
        let recorded = p.create(0..10_i64).par_do(watched).collect();
        let ran = LocalRunner::new().run(&p);
        assert_eq!(ran.is_ok(), refuses.is_none());
        assert_eq!(recorded.is_committed(), refuses.is_none());
        let calls = calls.lock().unwrap();
        let count = |name| calls.iter().filter(|c| **c == name).count();
        assert_eq!(calls.first(), Some(&"setup"));
        // After a failure another instance is asked for the element that it refuses.
        let instances = if refuses.is_some() { 2 } else { 1 };
        let each = (count("setup"), count("teardown"));
        assert_eq!(each, (instances, instances), "{refuses:?}");
        let at = |name| calls.iter().position(|c| *c == name);
        assert!(at("setup") < at("process") && at("process") < at("teardown"));
        assert_eq!(calls.last(), Some(&"teardown"));
    }
}

#[test]
fn a_step_that_still_holds_its_watermark_at_the_end_fails_the_run() {
    let p = Pipeline::new();
    let _ = p
        .test_stream::<i64>("1@1 | wm inf")
        .window(FixedWindows::of(seconds(10)))
        .map(|n| (n, n))
        .group_by_key()
        .collect();
    let graph = p.graph();
    let is_group = |kind: &NodeKind| matches!(kind, NodeKind::Group(_));
    let group = graph.nodes().iter().find(|n| is_group(&n.kind)).unwrap().id;
    let mut run = LocalRun::new(&graph, Options::default()).unwrap();
    run.hold(group, Some(Timestamp::from_secs(5))).unwrap();
    let e = run.run_to_end().unwrap_err();
    assert_eq!(e.step(), Some("GroupByKey"), "{e}");
    assert!(e.to_string().contains("still holds something"), "{e}");
    run.abort();
}
