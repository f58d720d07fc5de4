//! The contenders: what one process runs and what it takes.
//!
//! Owns the hand-written loops and the pipelines beside them. Setting up is not timed.

use crate::Result;
use crate::clock::{process_cpu, wall};
use crate::input::{Event, FOUR, ONE, Pattern, Updates, WINDOW_SECONDS, events};
use crate::watch::{Answer, Checkpoints, Count, Gap, Gaps, Tally, peak_mib};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration as Span;
use whitebeam::batch::Batch;
use whitebeam::prelude::*;
use whitebeam::runners::StreamingRunner;
use whitebeam::source::{Poll, ReadOptions};
use whitebeam::time::Demand;

const MILLION: u64 = 1_000_000;
/// Longer than any run.
const NEVER: Span = Span::from_secs(1_000_000);

/// Who runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub(crate) enum Contender {
    MapLoop,
    Map,
    SumLoop,
    Sum,
    OneWorker,
    TwoWorkers,
    Plain,
    Checkpointed,
    Few,
    GrowingPlain,
    Growing,
    /// Nothing but looking at the clock, to see how long the machine itself stands still.
    Machine,
    /// Not of any round: until it is killed.
    Endless,
}

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Contender::MapLoop => "map-loop",
            Contender::Map => "map",
            Contender::SumLoop => "sum-loop",
            Contender::Sum => "sum",
            Contender::OneWorker => "one-worker",
            Contender::TwoWorkers => "two-workers",
            Contender::Plain => "plain",
            Contender::Checkpointed => "checkpointed",
            Contender::Few => "few",
            Contender::GrowingPlain => "growing-plain",
            Contender::Growing => "growing",
            Contender::Machine => "machine",
            Contender::Endless => "endless",
        }
    }
}

/// What one run took and found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) wall_seconds: f64,
    pub(crate) cpu_seconds: f64,
    /// CPU of the worker from its first read to its last, where it was watched.
    pub(crate) worker_seconds: f64,
    pub(crate) peak_mib: f64,
    pub(crate) answer: Answer,
    /// The worker's longest pause while each checkpoint was taken: CPU and wall milliseconds.
    pub(crate) pauses: Vec<(f64, f64)>,
    /// Its longest pause of all.
    pub(crate) stall: (f64, f64),
    /// Bytes written for each checkpoint.
    pub(crate) bytes: Vec<u64>,
    /// Milliseconds from request to publication.
    pub(crate) took: Vec<f64>,
}

pub(crate) fn run(contender: Contender, updates: u64, folder: &Path) -> Result<Taken> {
    let timed = |body: &mut dyn FnMut() -> Result<Answer>| {
        let (began, cpu) = (wall(), process_cpu());
        let answer = body()?;
        Ok(Taken {
            answer,
            wall_seconds: wall() - began,
            cpu_seconds: process_cpu() - cpu,
            peak_mib: peak_mib().unwrap_or(0.0),
            ..Taken::default()
        })
    };
    match contender {
        Contender::MapLoop => timed(&mut || map_loop(folder)),
        Contender::Map => timed(&mut || map(folder)),
        Contender::SumLoop => timed(&mut || sum_loop(folder)),
        Contender::Sum => timed(&mut || sum(folder, ONE, 1)),
        Contender::OneWorker => timed(&mut || sum(folder, FOUR, 1)),
        Contender::TwoWorkers => timed(&mut || sum(folder, FOUR, 2)),
        Contender::Plain => state(Pattern::Any(MILLION), updates, false),
        Contender::Checkpointed => state(Pattern::Any(MILLION), updates, true),
        // These stay within the cache: more of them, so that it lasts.
        Contender::Few => state(Pattern::Few(MILLION), updates * 4, true),
        Contender::GrowingPlain => state(Pattern::Growing(10 * MILLION), updates / 3, false),
        Contender::Growing => state(Pattern::Growing(10 * MILLION), updates / 3, true),
        Contender::Machine => Ok(machine()),
        Contender::Endless => Err("it does not end".into()),
    }
}

/// Looks at the clock, beside another thread that does, four times half a second: about as long as the
/// checkpoints of a growing state take. What is a pause here is the machine's own: its host has given
/// the processor to others, and the clock of a thread's CPU time does not tell.
fn machine() -> Taken {
    let watch = || {
        let windows = (0..4).map(|_| {
            let (gaps, until) = (Gaps::default(), wall() + 0.5);
            while wall() < until {
                gaps.polled();
            }
            longest(&gaps.take(), f64::MIN, f64::MAX)
        });
        windows.collect::<Vec<_>>()
    };
    let pauses = std::thread::scope(|scope| {
        scope.spawn(watch);
        watch()
    });
    Taken {
        pauses,
        ..Taken::default()
    }
}

/// The longest pause between two instants: CPU and wall milliseconds.
fn longest(pauses: &[Gap], from: f64, to: f64) -> (f64, f64) {
    let within = pauses
        .iter()
        .filter(|gap| gap.at + gap.wall >= from && gap.at <= to);
    let most = within.fold((0.0f64, 0.0f64), |(cpu, wall), gap| {
        (cpu.max(gap.cpu), wall.max(gap.wall))
    });
    (most.0 * 1e3, most.1 * 1e3)
}

/// What the map does to an event.
fn mapped(event: &Event) -> (u64, i64) {
    (event.key, event.cents * 3 + 1)
}

fn window(event: &Event) -> i64 {
    event.at / (WINDOW_SECONDS * 1_000_000)
}

fn read_all(folder: &Path, mut each: impl FnMut(&Event)) -> Result<()> {
    let source = events(folder, ONE);
    // As exact as a pipeline would ask for that does not look at times.
    let options = ReadOptions {
        demand: Demand::None,
        ..ReadOptions::default()
    };
    let splits = source.discover(&[], 1)?;
    for split in source.end_now(splits)? {
        let mut reader = source.open(split, None, &options)?;
        let mut batch = Batch::default();
        while reader.poll(&mut batch)? != Poll::End {
            batch.values().iter().for_each(&mut each);
            batch.clear();
        }
        batch.values().iter().for_each(&mut each);
    }
    Ok(())
}

fn map_loop(folder: &Path) -> Result<Answer> {
    let mut answer = Answer::default();
    read_all(folder, |event| Count::add(&mut answer, mapped(event)))?;
    Ok(answer)
}

fn map(folder: &Path) -> Result<Answer> {
    let p = Pipeline::new();
    let tally = Tally::default();
    let mapped = p.read(events(folder, ONE)).map(|event| mapped(&event));
    mapped.write(tally.clone());
    endless_until_end(1).run(&p)?;
    Ok(tally.answer())
}

/// Events come in the order of time: one window is open at once.
fn sum_loop(folder: &Path) -> Result<Answer> {
    let mut answer = Answer::default();
    let mut open: hashbrown::HashMap<u64, i64, foldhash::fast::FixedState> = Default::default();
    let mut at = i64::MIN;
    read_all(folder, |event| {
        if window(event) != at {
            open.drain().for_each(|sum| Count::add(&mut answer, sum));
            at = window(event);
        }
        *open.entry(event.key).or_default() += event.cents;
    })?;
    open.drain().for_each(|sum| Count::add(&mut answer, sum));
    Ok(answer)
}

fn sum(folder: &Path, topic: &str, workers: usize) -> Result<Answer> {
    let p = Pipeline::new();
    let tally = Tally::default();
    p.read(events(folder, topic))
        .map(|event| (event.key, event.cents))
        .window(FixedWindows::of(seconds(WINDOW_SECONDS)))
        .sum_per_key()
        .write(tally.clone());
    endless_until_end(workers).run(&p)?;
    Ok(tally.answer())
}

fn endless_until_end(workers: usize) -> StreamingRunner {
    StreamingRunner::new().parallelism(workers).until_end(true)
}

/// A sum per key whose keys all stay, under checkpoints every second or none at all.
fn state(pattern: Pattern, updates: u64, checkpoints: bool) -> Result<Taken> {
    let gaps = Arc::new(Gaps::default());
    let seen = Arc::new(Checkpoints::default());
    let folder = tempfile::tempdir()?;
    let p = Pipeline::new();
    let tally = Tally::default();
    let source = Updates {
        pattern,
        count: Some(updates),
        gaps: Arc::clone(&gaps),
    };
    p.read(source).sum_per_key().write(tally.clone());
    let interval = if checkpoints {
        Span::from_secs(1)
    } else {
        NEVER
    };
    let runner = StreamingRunner::new()
        .parallelism(1)
        .checkpoints(folder.path().join("kept"))
        .interval(interval)
        .observe(seen.clone());
    let (began, cpu) = (wall(), process_cpu());
    runner.run(&p)?;
    let mut taken = Taken {
        wall_seconds: wall() - began,
        cpu_seconds: process_cpu() - cpu,
        worker_seconds: gaps.cpu(),
        peak_mib: peak_mib().unwrap_or(0.0),
        answer: tally.answer(),
        ..Taken::default()
    };
    let pauses = gaps.take();
    let longest = |from, to| longest(&pauses, from, to);
    let mut all = seen.take();
    // The last one ends the run: nobody reads any more.
    all.pop();
    taken.stall = longest(f64::MIN, f64::MAX);
    for checkpoint in all {
        taken
            .pauses
            .push(longest(checkpoint.requested, checkpoint.published));
        taken.bytes.push(checkpoint.written);
        taken
            .took
            .push((checkpoint.published - checkpoint.requested) * 1e3);
    }
    Ok(taken)
}
