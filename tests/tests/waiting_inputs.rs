//! An input that does not answer: batch waits for it, and in a run without end its silence makes it
//! neither idle nor ended.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as StdDuration;
use whitebeam_runner_batch::BatchRunner;
use whitebeam_runner_local::LocalRunner;
use whitebeam_runner_streaming::{PolledRun, Settings, Turn};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::prelude::*;
use whitebeam_sdk::source::{Boundedness, Poll, Position, ReadOptions, Reader, Source};
use whitebeam_sdk::{Duration, Result};
use whitebeam_testkit::Collect;
use whitebeam_testkit::sim::Machine;

/// Split 0 has an element now and then, at seconds 0, 10, 20 and so on; split 1 has one at second 5,
/// for which its reader waits.
#[derive(Clone)]
struct Slow {
    answers: Arc<AtomicBool>,
    /// Then it does not answer, and otherwise it says that there is nothing.
    waits: bool,
    bounded: bool,
}

struct SlowReader {
    of: Slow,
    split: u64,
    next: u64,
    polls: u32,
    watermark: Timestamp,
}

impl Source for Slow {
    type Split = u64;
    type Out = u64;

    fn discover(&self, known: &[u64], _: usize) -> Result<Vec<u64>> {
        Ok((0..2).filter(|split| !known.contains(split)).collect())
    }

    fn open(
        &self,
        split: u64,
        at: Option<Position>,
        _: &ReadOptions,
    ) -> Result<Box<dyn Reader<u64>>> {
        Ok(Box::new(SlowReader {
            of: self.clone(),
            split,
            next: at.and_then(|at| at.offset()).unwrap_or(0),
            polls: 0,
            watermark: Timestamp::MIN,
        }))
    }

    fn boundedness(&self) -> Boundedness {
        match self.bounded {
            true => Boundedness::Bounded,
            false => Boundedness::Unbounded,
        }
    }

    fn idle_after(&self) -> Option<Duration> {
        Some(seconds(1))
    }
}

impl SlowReader {
    fn push(&mut self, at: i64, out: &mut Batch<u64>) -> Poll {
        out.push_at(self.split, Timestamp::from_secs(at));
        self.watermark = Timestamp::from_secs(at);
        self.next += 1;
        Poll::More
    }

    fn behind_the_last(&self) -> Poll {
        match self.of.bounded {
            true => Poll::End,
            false => Poll::Idle(Timestamp::MIN),
        }
    }
}

impl Reader<u64> for SlowReader {
    fn poll(&mut self, out: &mut Batch<u64>) -> Result<Poll> {
        self.polls += 1;
        Ok(match (self.split, self.next) {
            (0, next) if self.of.bounded && next < 10 => self.push(next as i64 * 10, out),
            (0, next) if !self.of.bounded && self.polls.is_multiple_of(50) => {
                self.push(next as i64 * 10, out)
            }
            (1, 0)
                if self.of.answers.load(Ordering::SeqCst)
                    || (self.of.bounded && self.polls > 5) =>
            {
                self.push(5, out)
            }
            (1, 0) if self.of.waits => Poll::Waiting(Timestamp::MIN),
            (1, 0) => Poll::Idle(Timestamp::MIN),
            _ => self.behind_the_last(),
        })
    }

    fn position(&self) -> Position {
        Position::at(self.next)
    }

    fn watermark(&self) -> Timestamp {
        self.watermark
    }
}

fn slow(waits: bool, bounded: bool) -> Slow {
    Slow {
        answers: Arc::new(AtomicBool::new(false)),
        waits,
        bounded,
    }
}

/// How many elements were late after an hour in which split 1 was silent.
fn late_after_silence(waits: bool) -> u64 {
    let source = slow(waits, false);
    let machine = Machine::new(1);
    let p = Pipeline::new();
    p.read(source.clone())
        .window(FixedWindows::of(seconds(10)))
        .count_per_element()
        .collect();
    let graph = p.finish().unwrap();
    let settings = Settings {
        parallelism: 2,
        ..Settings::default()
    };
    let mut run = PolledRun::new(&graph, machine.start(), settings, None).unwrap();
    let mut go_on = |turns: u32| {
        for _ in 0..turns {
            match run.turn() {
                Turn::Worked => machine.advance(StdDuration::from_micros(50)),
                Turn::Idle(pause) => machine.advance(pause.unwrap_or_default()),
                Turn::Over => panic!("it has no end"),
            }
        }
    };
    go_on(20_000);
    source.answers.store(true, Ordering::SeqCst);
    go_on(20_000);
    graph.nodes().iter().map(|n| run.counts(&n.path).late).sum()
}

#[test]
fn a_split_that_does_not_answer_is_not_idle() {
    assert_eq!(late_after_silence(true), 0);
    assert_eq!(
        late_after_silence(false),
        1,
        "what is idle is not waited for"
    );
}

#[test]
fn runs_up_to_an_end_wait_for_what_does_not_answer() {
    let p = Pipeline::new();
    let read = p.read(slow(true, true)).collect();
    BatchRunner::new().parallelism(2).run(&p).unwrap();
    assert_eq!(read.sorted().len(), 11);
    let p = Pipeline::new();
    let read = p.read(slow(true, true)).collect();
    LocalRunner::new().run(&p).unwrap();
    assert_eq!(read.sorted().len(), 11);
    let p = Pipeline::new();
    let _ = p.read(slow(false, true)).map(|n| n + 1);
    let e = BatchRunner::new().run(&p).unwrap_err();
    assert!(e.message().contains("has not come to its end yet"), "{e}");
}
