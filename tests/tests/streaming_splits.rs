//! Splits that come while a run lasts, such as new partitions: read once each, whoever stops when.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use whitebeam_runner_streaming::{PolledRun, Settings};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::prelude::*;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::source::{Boundedness, Poll, Position, ReadOptions, Reader, Source};
use whitebeam_sdk::{Error, Result};
use whitebeam_testkit::sim::Machine;
use whitebeam_tests::streaming::keeper::MemoryKeeper;
use whitebeam_tests::streaming::life::goes_on;

const EACH: u64 = 500;
/// How long a turn takes in which something was done.
const TURN: Duration = Duration::from_micros(50);

/// Partitions of a number each; there are more and more of them.
#[derive(Clone)]
struct Growing(Arc<AtomicU64>);

struct PartReader {
    part: u64,
    next: u64,
}

impl Source for Growing {
    type Split = u64;
    type Out = u64;

    fn discover(&self, known: &[u64], _: usize) -> Result<Vec<u64>> {
        let n = self.0.load(Ordering::SeqCst);
        if n == 3 {
            self.0.store(4, Ordering::SeqCst);
            return Err(Error::unavailable("it does not always answer"));
        }
        Ok((0..n).filter(|part| !known.contains(part)).collect())
    }

    fn open(
        &self,
        part: u64,
        at: Option<Position>,
        _: &ReadOptions,
    ) -> Result<Box<dyn Reader<u64>>> {
        let next = at.and_then(|at| at.offset()).unwrap_or(0);
        Ok(Box::new(PartReader { part, next }))
    }

    fn boundedness(&self) -> Boundedness {
        Boundedness::Unbounded
    }
}

impl Reader<u64> for PartReader {
    fn poll(&mut self, out: &mut Batch<u64>) -> Result<Poll> {
        let to = EACH.min(self.next + 10);
        for n in self.next..to {
            out.push_at(self.part * EACH + n, Timestamp::from_micros(0));
        }
        self.next = to;
        Ok(if to < EACH {
            Poll::More
        } else {
            Poll::Idle(Timestamp::MIN)
        })
    }

    fn position(&self) -> Position {
        Position::at(self.next)
    }
}

#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<u64>>>);

struct Writer(Vec<u64>);

impl Sink<u64> for Collected {
    type Staged = u64;
    type Writer = Writer;

    fn open(&self, _: Shard) -> Result<Writer> {
        Ok(Writer(Vec::new()))
    }

    fn commit(&self, _: Epoch, staged: Vec<u64>) -> Result<Committed> {
        self.0.lock().unwrap().extend(staged);
        Ok(Committed::Now)
    }
}

impl SinkWriter<u64> for Writer {
    type Staged = u64;

    fn write(&mut self, batch: &Batch<u64>) -> Result<()> {
        self.0.extend(batch.values());
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<u64>> {
        Ok(std::mem::take(&mut self.0))
    }
}

#[test]
fn splits_that_come_later_are_read_once_whenever_a_run_is_stopped() {
    for seed in 0..40 {
        let machine = Machine::new(seed);
        let mut draws = fastrand::Rng::with_seed(seed);
        let parts = Growing(Arc::new(AtomicU64::new(1)));
        let collected = Collected::default();
        let keeper = MemoryKeeper::default();
        let p = Pipeline::new();
        p.read(parts.clone()).write(collected.clone());
        let graph = p.finish().unwrap();
        let want = 6 * EACH;
        let mut lives = 0;
        // Lives end by a crash: what was not committed then is read again.
        while (collected.0.lock().unwrap().len() as u64) < want {
            lives += 1;
            assert!(lives < 200, "seed {seed}: it does not come to an end");
            let settings = Settings {
                parallelism: draws.usize(1..5),
                interval: Duration::from_millis(3),
                discovery: Duration::from_millis(7),
                ..Settings::default()
            };
            let keep = Arc::new(keeper.clone());
            let env = machine.start();
            let Ok(mut run) = PolledRun::new(&graph, env, settings, Some(keep)) else {
                // The source did not answer when it was asked at the start.
                continue;
            };
            for _ in 0..draws.usize(50..2_000) {
                if !goes_on(&machine, run.turn(), TURN) {
                    break;
                }
                let grows = draws.u32(0..100) == 0;
                if grows && parts.0.load(Ordering::SeqCst) < 6 {
                    parts.0.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
        let mut all = collected.0.lock().unwrap().clone();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..want), "seed {seed}");
    }
}

#[test]
fn a_run_that_lasts_finds_them_without_a_restart() {
    let machine = Machine::new(1);
    let parts = Growing(Arc::new(AtomicU64::new(1)));
    let collected = Collected::default();
    let p = Pipeline::new();
    p.read(parts.clone()).write(collected.clone());
    let settings = Settings {
        // Two of them have nothing to read, and have ended long before.
        parallelism: 3,
        interval: Duration::from_millis(3),
        discovery: Duration::from_millis(7),
        ..Settings::default()
    };
    let graph = p.finish().unwrap();
    let keep = Arc::new(MemoryKeeper::default());
    let mut run = PolledRun::new(&graph, machine.start(), settings, Some(keep)).unwrap();
    let read = || collected.0.lock().unwrap().len() as u64;
    for _ in 0..200_000 {
        let lasts = goes_on(&machine, run.turn(), TURN);
        assert!(lasts, "nobody asked it to end");
        match read() {
            EACH => parts.0.store(2, Ordering::SeqCst),
            n if n == 2 * EACH => parts.0.store(5, Ordering::SeqCst),
            n if n == 5 * EACH => return,
            _ => {}
        }
    }
    panic!("{} of {} after all that time", read(), 5 * EACH);
}
