//! What the runner promises sinks and sources beside commits: bounded memory while a commit waits,
//! a settled sink before a checkpoint is published, and positions that are told after.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;
use whitebeam_runner_streaming::{Limits, PolledRun, Settings};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::prelude::*;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::source::{Poll, Position, ReadOptions, Reader, Source};
use whitebeam_sdk::{Error, Result};
use whitebeam_testkit::sim::Machine;
use whitebeam_tests::streaming::keeper::MemoryKeeper;
use whitebeam_tests::streaming::life::goes_on;

/// Everything that sink and source were told, and how they are to answer.
#[derive(Debug, Default)]
struct World {
    told: Vec<String>,
    /// Elements that the sink was given.
    written: u64,
    committed: Vec<u64>,
    /// So many commits find nobody.
    commits_fail: u32,
    /// So many settlings find nobody.
    settles_fail: u32,
    /// Bytes that the writer says it has sent and nobody has received.
    in_flight: u64,
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<World>>);

impl Shared {
    fn with<R>(&self, body: impl FnOnce(&mut World) -> R) -> R {
        body(&mut self.0.lock().unwrap())
    }
}

/// Stages what it is given as one part, eight bytes each.
struct Stages(Shared);

struct StagesWriter(Shared, Vec<[u8; 8]>);

impl Sink<u64> for Stages {
    type Staged = Vec<[u8; 8]>;
    type Writer = StagesWriter;

    fn open(&self, _: Shard) -> Result<StagesWriter> {
        Ok(StagesWriter(self.0.clone(), Vec::new()))
    }

    fn settle(&self, epoch: Epoch) -> Result<()> {
        self.0.with(|world| {
            world.told.push(format!("settle {}", epoch.0));
            if world.settles_fail > 0 {
                world.settles_fail -= 1;
                return Err(Error::unavailable("nobody there"));
            }
            world.in_flight = 0;
            Ok(())
        })
    }

    fn commit(&self, epoch: Epoch, staged: Vec<Vec<[u8; 8]>>) -> Result<Committed> {
        self.0.with(|world| {
            if world.commits_fail > 0 {
                world.commits_fail -= 1;
                return Err(Error::unavailable("nobody there"));
            }
            world.told.push(format!("commit {}", epoch.0));
            let staged = staged.into_iter().flatten();
            world.committed.extend(staged.map(u64::from_be_bytes));
            Ok(Committed::Now)
        })
    }
}

impl SinkWriter<u64> for StagesWriter {
    type Staged = Vec<[u8; 8]>;

    fn write(&mut self, batch: &Batch<u64>) -> Result<()> {
        self.1
            .extend(batch.values().iter().map(|n| n.to_be_bytes()));
        self.0.with(|world| world.written += batch.len() as u64);
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<Vec<[u8; 8]>>> {
        Ok(vec![std::mem::take(&mut self.1)])
    }

    fn pending(&self) -> u64 {
        self.unstaged() + self.0.with(|world| world.in_flight)
    }

    fn unstaged(&self) -> u64 {
        8 * self.1.len() as u64
    }
}

/// The numbers up to one, and who hears of positions.
struct Numbers(u64, Shared);

struct NumberReader(u64, u64);

impl Source for Numbers {
    type Split = u64;
    type Out = u64;

    fn discover(&self, known: &[u64], _: usize) -> Result<Vec<u64>> {
        Ok(if known.is_empty() {
            vec![0]
        } else {
            Vec::new()
        })
    }

    fn open(&self, _: u64, at: Option<Position>, _: &ReadOptions) -> Result<Box<dyn Reader<u64>>> {
        let next = at.and_then(|at| at.offset()).unwrap_or(0);
        Ok(Box::new(NumberReader(next, self.0)))
    }

    fn checkpointed(&self, at: &[(u64, Position)]) -> Result<()> {
        let offsets: Vec<u64> = at.iter().filter_map(|(_, at)| at.offset()).collect();
        self.1
            .with(|world| world.told.push(format!("at {offsets:?}")));
        Err(Error::unavailable("an error here changes nothing"))
    }
}

impl Reader<u64> for NumberReader {
    fn poll(&mut self, out: &mut Batch<u64>) -> Result<Poll> {
        let to = self.1.min(self.0 + 100);
        for n in self.0..to {
            out.push_at(n, Timestamp::from_micros(0));
        }
        self.0 = to;
        Ok(if to < self.1 { Poll::More } else { Poll::End })
    }

    fn position(&self) -> Position {
        Position::at(self.0)
    }
}

const NUMBERS: u64 = 200_000;
const LIMIT: u64 = 64 * 1024;

/// Runs all numbers through; `watch` is called after every turn.
fn run(world: &Shared, interval: Duration, mut watch: impl FnMut(&Shared)) {
    let machine = Machine::new(7);
    let p = Pipeline::new();
    let numbers = p.read(Numbers(NUMBERS, world.clone()));
    numbers.write(Stages(world.clone()));
    let settings = Settings {
        parallelism: 2,
        interval,
        limits: Limits {
            pending_bytes: LIMIT,
            poll: Some(100),
            ..Limits::default()
        },
        ..Settings::default()
    };
    let graph = p.finish().unwrap();
    let keeper = Arc::new(MemoryKeeper::default());
    let mut run = PolledRun::new(&graph, machine.start(), settings, Some(keeper)).unwrap();
    while goes_on(&machine, run.turn(), Duration::from_micros(20)) {
        watch(world);
    }
    run.outcome().unwrap();
    let mut committed = world.with(|world| std::mem::take(&mut world.committed));
    committed.sort_unstable();
    assert!(committed.into_iter().eq(0..NUMBERS));
}

#[test]
fn while_commits_find_nobody_sources_wait_and_memory_is_bounded() {
    let world = Shared::default();
    world.with(|world| world.commits_fail = 200);
    let mut most = 0;
    run(&world, Duration::from_millis(5), |world| {
        let waiting = world.with(|world| world.written - world.committed.len() as u64);
        most = most.max(8 * waiting);
    });
    // One turn of a worker reads some batches before it is weighed again.
    assert!(most <= 2 * LIMIT, "{most} bytes waited");
    assert!(most > LIMIT / 2, "the limit was never met: {most} bytes");
}

#[test]
fn output_that_fills_its_limit_ends_an_epoch_before_its_time() {
    let world = Shared::default();
    // So long that only an early epoch can make room.
    run(&world, Duration::from_secs(1_000_000), |_| {});
    let commits = world.with(|world| {
        world
            .told
            .iter()
            .filter(|t| t.starts_with("commit"))
            .count()
    });
    assert!(commits as u64 >= 8 * NUMBERS / LIMIT / 3, "{commits}");
}

#[test]
fn what_was_sent_at_once_makes_sources_wait_until_it_has_arrived() {
    let world = Shared::default();
    let mut sent = 0;
    run(&world, Duration::from_millis(5), |world| {
        world.with(|world| {
            if world.written > 20_000 && sent == 0 {
                sent = world.written;
                world.in_flight = 2 * LIMIT;
            }
            let waits = world.in_flight > 0;
            assert!(!waits || world.written < sent + 3_000, "{}", world.written);
        });
    });
    assert!(sent > 0);
}

#[test]
fn sinks_are_settled_before_a_checkpoint_and_sources_told_after_it() {
    let world = Shared::default();
    world.with(|world| world.settles_fail = 2);
    run(&world, Duration::from_millis(5), |_| {});
    let told = world.with(|world| std::mem::take(&mut world.told));
    // Two that did not settle were no checkpoints.
    assert_eq!(told[..3], ["settle 1", "settle 2", "settle 3"], "{told:?}");
    let mut settled = 0;
    let mut published = 0;
    for what in &told {
        match what.split_once(' ').unwrap() {
            ("settle", epoch) => settled = epoch.parse().unwrap(),
            ("at", _) => published = settled,
            ("commit", epoch) => assert_eq!(published, epoch.parse::<u64>().unwrap(), "{told:?}"),
            _ => unreachable!(),
        }
    }
    assert!(published > 2);
}
