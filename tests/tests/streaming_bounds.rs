//! What is under way stays within its bounds, and checkpoints pass: with tiny queues before a slow
//! sink, and while millions of panes are due at once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_runner_streaming::{End, Limits, PolledRun, Settings};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::prelude::*;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::source::{Poll, Position, ReadOptions, Reader, Source};
use whitebeam_sdk::time::micros;
use whitebeam_sdk::{Element, Result};
use whitebeam_testkit::sim::Machine;
use whitebeam_tests::alone::{alone, peak_memory};
use whitebeam_tests::streaming::keeper::MemoryKeeper;
use whitebeam_tests::streaming::life::goes_on;
use whitebeam_tests::streaming::source::{Gate, Partitions, Promise, Row};

/// Adds up what it is given, epoch by epoch, and takes its time for every batch.
#[derive(Clone)]
struct Slow {
    /// Passes the time.
    wait: Arc<dyn Fn() + Send + Sync>,
    committed: Arc<Mutex<BTreeMap<Epoch, Sum>>>,
}

/// How many elements, and their sum.
type Sum = (u64, i64);

impl Slow {
    fn new(wait: impl Fn() + Send + Sync + 'static) -> Self {
        Slow {
            wait: Arc::new(wait),
            committed: Arc::default(),
        }
    }

    fn epochs(&self) -> BTreeMap<Epoch, Sum> {
        self.committed.lock().unwrap().clone()
    }
}

impl<T: Element + Amount> Sink<T> for Slow {
    type Staged = Sum;
    type Writer = SlowWriter;

    fn open(&self, _: Shard) -> Result<SlowWriter> {
        Ok(SlowWriter(self.clone(), (0, 0)))
    }

    fn commit(&self, epoch: Epoch, staged: Vec<Sum>) -> Result<Committed> {
        let parts = staged.into_iter();
        let sum = parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        self.committed.lock().unwrap().insert(epoch, sum);
        Ok(Committed::Now)
    }
}

struct SlowWriter(Slow, Sum);

impl<T: Amount> SinkWriter<T> for SlowWriter {
    type Staged = Sum;

    fn write(&mut self, batch: &Batch<T>) -> Result<()> {
        (self.0.wait)();
        self.1.0 += batch.len() as u64;
        self.1.1 += batch.values().iter().map(Amount::amount).sum::<i64>();
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<Sum>> {
        Ok(vec![std::mem::take(&mut self.1)])
    }
}

/// What an element adds.
trait Amount {
    fn amount(&self) -> i64;
}

impl Amount for (u64, i64) {
    fn amount(&self) -> i64 {
        self.1
    }
}

const WORKERS: usize = 8;
const QUEUE: usize = 1024;
/// How long a turn takes in which something was done.
const TURN: Duration = Duration::from_micros(20);

/// Elements of a batch that a source gives.
const POLL: usize = 16;

/// Every element is in five windows; what each key has in a window goes through a second exchange.
fn sliding(slow: &Slow, rows: usize) -> (Pipeline, i64) {
    let row = |i: usize| Row {
        key: i as u64 % 97,
        value: i as i64,
        at: i as i64,
    };
    let partition = |p: usize| (p..rows).step_by(WORKERS).map(row).collect();
    let source = Partitions {
        rows: Arc::new((0..WORKERS).map(partition).collect()),
        promise: Promise::Exact,
        idle_after: None,
        gate: Gate::default(),
    };
    let p = Pipeline::new();
    let windows = SlidingWindows::of(micros(500)).every(micros(100));
    let lists = p
        .read(source)
        .map(|row: Row| (row.key, row.value))
        .window(windows)
        .group_by_key();
    let each = lists.flat_map(|(key, values)| values.into_iter().map(move |v| (key / 7, v)));
    each.sum_per_key().write(slow.clone());
    (p, 5 * (0..rows as i64).sum::<i64>())
}

#[test]
fn tiny_queues_before_a_slow_sink_stay_within_their_bounds_and_checkpoints_pass() {
    const INTERVAL: Duration = Duration::from_millis(20);
    for seed in 0..4 {
        let machine = Machine::new(seed);
        let env = machine.start();
        let slow = slow_on(&machine);
        let (p, expected) = sliding(&slow, 20_000);
        let settings = Settings {
            parallelism: WORKERS,
            group: GroupOptions {
                general_only: true,
                ..GroupOptions::default()
            },
            interval: INTERVAL,
            limits: Limits {
                exchange_bytes: QUEUE,
                poll: Some(POLL),
                ..Limits::default()
            },
            ..Settings::default()
        };
        let keeper = MemoryKeeper::default();
        let graph = p.finish().unwrap();
        let keep = Arc::new(keeper.clone());
        let mut run = PolledRun::new(&graph, env.clone(), settings, Some(keep)).unwrap();
        // What one sender may have under way to one receiver, and the batch that it may overshoot
        // by, which is not longer than what a step puts out at once.
        let most = QUEUE / WORKERS + 2 * 1024;
        let (mut published, mut since, mut gap) = (0, env.monotonic(), Duration::ZERO);
        let mut fullest = 0;
        while goes_on(&machine, run.turn(), TURN) {
            fullest = fullest.max(run.in_flight().max().unwrap());
            if keeper.published() > published {
                gap = gap.max(env.monotonic() - since);
                (published, since) = (keeper.published(), env.monotonic());
            }
        }
        run.outcome().unwrap();
        let sum: i64 = slow.epochs().values().map(|sum| sum.1).sum();
        assert_eq!(sum, expected);
        println!("fullest {fullest} of {most}, {published} checkpoints, longest gap {gap:?}");
        assert!(fullest <= most, "{fullest} of {most} bytes");
        assert!(
            published >= 10 && gap <= 10 * INTERVAL,
            "{published}, {gap:?}"
        );
    }
}

#[test]
fn an_alignment_that_takes_too_long_fails_its_checkpoint_and_never_the_run() {
    let machine = Machine::new(3);
    let slow = slow_on(&machine);
    let (p, expected) = sliding(&slow, 3_000);
    let settings = Settings {
        parallelism: WORKERS,
        interval: Duration::from_millis(5),
        align_timeout: Duration::from_micros(50),
        limits: Limits {
            exchange_bytes: QUEUE,
            poll: Some(POLL),
            ..Limits::default()
        },
        ..Settings::default()
    };
    let graph = p.finish().unwrap();
    let keep = Arc::new(MemoryKeeper::default());
    let mut run = PolledRun::new(&graph, machine.start(), settings, Some(keep)).unwrap();
    while goes_on(&machine, run.turn(), TURN) {}
    let epochs = run.outcome().unwrap().epochs;
    // What was staged for those that failed is in one that did not.
    assert!(epochs.failed >= 5 && epochs.completed >= 1, "{epochs:?}");
    assert_eq!(total(&slow).1, expected);
}

/// How many panes are due at once; the whole ten million where somebody asks for them.
fn panes() -> u64 {
    let asked = std::env::var("WHITEBEAM_PANES").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(1_000_000)
}

/// One element for each of so many keys, all in one window.
struct Keys(u64);

impl Source for Keys {
    type Split = (u64, u64);
    type Out = (u64, i64);

    fn discover(&self, known: &[(u64, u64)], desired: usize) -> Result<Vec<(u64, u64)>> {
        if !known.is_empty() {
            return Ok(Vec::new());
        }
        let bound = |i: u64| self.0 * i / desired as u64;
        Ok((0..desired as u64)
            .map(|i| (bound(i), bound(i + 1)))
            .collect())
    }

    fn open(
        &self,
        (from, to): (u64, u64),
        at: Option<Position>,
        _: &ReadOptions,
    ) -> Result<Box<dyn Reader<(u64, i64)>>> {
        let next = at.and_then(|at| at.offset()).unwrap_or(from);
        Ok(Box::new(KeyReader { next, to }))
    }
}

struct KeyReader {
    next: u64,
    to: u64,
}

impl Reader<(u64, i64)> for KeyReader {
    fn poll(&mut self, out: &mut Batch<(u64, i64)>) -> Result<Poll> {
        let end = self.to.min(self.next + 512);
        for key in self.next..end {
            out.push_at((key, 1), Timestamp::from_micros(0));
        }
        self.next = end;
        Ok(if end < self.to { Poll::More } else { Poll::End })
    }

    fn position(&self) -> Position {
        Position::at(self.next)
    }

    fn watermark(&self) -> Timestamp {
        Timestamp::MIN
    }
}

/// Runs `p` on two workers of a simulated machine, with a checkpoint every now and then; how many
/// had panes in them, and by how much memory the process has grown. To be run by itself: what other runs
/// have had at once would be taken for what this one may have.
fn emitted(p: &Pipeline, slow: &Slow, machine: &Machine, group: GroupOptions) -> (usize, usize) {
    let settings = Settings {
        parallelism: 2,
        group,
        interval: Duration::from_millis(100),
        // Nothing is given up: an epoch that had to wait for all panes would be noticed.
        align_timeout: Duration::from_secs(1_000_000),
        limits: Limits {
            exchange_bytes: 64 * 1024,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let before = peak_memory();
    let graph = p.finish().unwrap();
    let keeper = MemoryKeeper::default();
    let keep = Arc::new(keeper.clone());
    let mut run = PolledRun::new(&graph, machine.start(), settings, Some(keep)).unwrap();
    while goes_on(machine, run.turn(), TURN) {}
    assert_eq!(run.outcome().unwrap().end, End::Drained);
    let within = slow.epochs().values().filter(|(n, _)| *n > 0).count();
    let grown = peak_memory().zip(before).map(|(now, before)| now - before);
    (within, grown.unwrap_or(0))
}

fn total(slow: &Slow) -> Sum {
    let add = |a: Sum, b: &Sum| (a.0 + b.0, a.1 + b.1);
    slow.epochs().values().fold((0, 0), add)
}

fn slow_on(machine: &Machine) -> Slow {
    let passes = machine.clone();
    Slow::new(move || passes.advance(Duration::from_micros(500)))
}

/// As many panes as are asked for, of as many keys, at the end of one window. What each of them may take
/// is its state and what is kept of that in snapshots; nothing is left for a pane that waits.
fn one_window(panes: u64, general_only: bool, bytes_per_pane: usize) {
    let machine = Machine::new(1);
    let slow = slow_on(&machine);
    let p = Pipeline::new();
    let window = FixedWindows::of(micros(10));
    let sums = p.read(Keys(panes)).window(window).sum_per_key();
    sums.write(slow.clone());
    let group = GroupOptions {
        general_only,
        ..GroupOptions::default()
    };
    let (within, grown) = emitted(&p, &slow, &machine, group);
    assert_eq!(total(&slow), (panes, panes as i64));
    eprintln!("{panes} panes, {within} epochs with some, {grown} bytes more");
    assert!(within >= 3, "{:?}", slow.epochs());
    assert!(grown < panes as usize * bytes_per_pane, "{grown} bytes");
}

#[test]
fn millions_of_panes_due_at_one_watermark_let_barriers_pass() {
    alone(
        "millions_of_panes_due_at_one_watermark_let_barriers_pass",
        || one_window(panes(), false, 80),
    );
}

#[test]
fn millions_of_panes_of_the_general_path_let_barriers_pass() {
    alone(
        "millions_of_panes_of_the_general_path_let_barriers_pass",
        || one_window(panes() / 2, true, 300),
    );
}

/// Slices end an emission before they are written down: here memory is the point.
#[test]
fn ten_million_panes_of_overlapping_windows_need_no_room() {
    alone(
        "ten_million_panes_of_overlapping_windows_need_no_room",
        overlapping_windows,
    );
}

fn overlapping_windows() {
    const KEYS: u64 = 100_000;
    const WINDOWS: i64 = 100;
    let machine = Machine::new(1);
    let slow = slow_on(&machine);
    let p = Pipeline::new();
    let windows = SlidingWindows::of(micros(WINDOWS)).every(micros(1));
    p.read(Keys(KEYS))
        .window(windows)
        .sum_per_key()
        .write(slow.clone());
    let (within, grown) = emitted(&p, &slow, &machine, GroupOptions::default());
    let panes = KEYS * WINDOWS as u64;
    assert_eq!(total(&slow), (panes, panes as i64));
    eprintln!("{panes} panes, {within} epochs with some, {grown} bytes more");
    // All of them at once would be a key, a sum, a window and a time each.
    assert!(grown < panes as usize * 40 / 8, "{grown} bytes");
}
