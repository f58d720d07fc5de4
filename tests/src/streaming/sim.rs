//! `Simulation`: the streaming runner on one seeded thread, crashing.
//!
//! Owns the schedule of one seed: a case, the settings of every incarnation, when it crashes or is
//! suspended, and when checkpoints cannot be written. What was committed is judged at the end.

use crate::streaming::case::{Case, Seen};
use crate::streaming::judge::difference;
use crate::streaming::store::MemoryStore;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_runner_streaming::{End, Limits, PolledRun, Settings, Stop, Turn};
use whitebeam_sdk::ErrorKind;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::time::micros;
use whitebeam_testkit::sim::{Machine, SimEnv};

/// Turns of one incarnation, at the most: more means that it never ends.
const TURNS: usize = 400_000;

/// What a simulated run came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Crashes, with input still to be read or panes to be emitted.
    pub crashes: u32,
    /// Times it was suspended.
    pub suspended: u32,
    /// Checkpoints that were published.
    pub published: usize,
    /// Turns of all machines.
    pub turns: usize,
    /// A digest of everything that happened.
    pub trace: u64,
}

/// How an incarnation ended.
enum Left {
    Crashed,
    Suspended,
    Drained,
}

/// Runs the case of `seed` through its crashes to the end, and judges it.
pub fn simulate(seed: u64, rows: u64) -> Result<Told, String> {
    let machine = Machine::new(seed);
    let env = machine.start();
    let case = Case::draw(&mut |n| env.choose(n as usize) as u64, rows);
    simulate_case(&machine, &env, &case).map_err(|difference| format!("{difference}\n{case:?}"))
}

fn simulate_case(machine: &Machine, env: &SimEnv, case: &Case) -> Result<Told, String> {
    let (graph, seen) = case.build().map_err(|e| e.to_string())?;
    let store = MemoryStore::default();
    // What is written for one path of a grouping cannot be read by another.
    let group = GroupOptions {
        store: [StoreKind::Fast, StoreKind::Fast, StoreKind::Slow][env.choose(3)],
        general_only: env.choose(4) == 0,
    };
    let mut told = Told::default();
    let mut to_come = 4 + env.choose(4);
    loop {
        let left = incarnation(env, &graph, group, &store, to_come > 0, &mut told)?;
        to_come = to_come.saturating_sub(1);
        match left {
            Left::Crashed => told.crashes += 1,
            Left::Suspended => told.suspended += 1,
            Left::Drained => break,
        }
    }
    told.published = store.published();
    refuses_to_resume(env, &graph, &store)?;
    told.trace = machine.trace();
    judged(case, &seen).map(|()| told)
}

fn judged(case: &Case, seen: &Seen) -> Result<(), String> {
    difference(case, seen).map_or(Ok(()), Err)
}

/// One life of the runner, until it crashes, is suspended or has drained.
fn incarnation(
    env: &SimEnv,
    graph: &Graph,
    group: GroupOptions,
    store: &MemoryStore,
    may_end_early: bool,
    told: &mut Told,
) -> Result<Left, String> {
    let settings = Settings {
        group,
        ..settings(env)
    };
    let crash_at = match may_end_early {
        true => env.choose(1 << (4 + env.choose(5))),
        false => TURNS,
    };
    let is_suspended = may_end_early && env.choose(5) == 0;
    if env.choose(6) == 0 {
        store.fail(1 + env.choose(3) as u32);
    }
    let kept = Box::new(store.clone());
    let mut run = match PolledRun::new(graph, env.clone(), settings, Some(kept)) {
        Ok(run) => run,
        // It crashed after its last checkpoint.
        Err(e) if e.kind() == ErrorKind::Incompatible => return Ok(Left::Drained),
        Err(e) => return Err(format!("cannot start: {e}")),
    };
    for turn in 0..TURNS {
        if turn == crash_at {
            if !is_suspended {
                return Ok(Left::Crashed);
            }
            run.stop_handle().stop(Stop::Suspend);
        }
        told.turns += 1;
        let did = run.turn();
        env.note(format!("{did:?}").as_bytes());
        match did {
            Turn::Worked => env
                .machine()
                .advance(Duration::from_micros(env.choose(30) as u64)),
            Turn::Idle(Some(pause)) => env.machine().advance(pause),
            Turn::Idle(None) => return Err(format!("stuck: {run:?}")),
            Turn::Over => {
                let report = run.outcome().map_err(|e| e.to_string())?;
                return Ok(match report.end {
                    End::Suspended => Left::Suspended,
                    End::Drained => Left::Drained,
                });
            }
        }
    }
    Err(format!("still running after {TURNS} turns: {run:?}"))
}

fn refuses_to_resume(env: &SimEnv, graph: &Graph, store: &MemoryStore) -> Result<(), String> {
    let kept = Box::new(store.clone());
    match PolledRun::new(graph, env.clone(), settings(env), Some(kept)) {
        Err(e) if e.kind() == ErrorKind::Incompatible => Ok(()),
        Err(e) => Err(format!("resuming what has drained: {e}")),
        Ok(_) => Err("what has drained was resumed".to_string()),
    }
}

/// Tiny limits, so that everything that can be full, parked or cut in two is.
fn settings(env: &SimEnv) -> Settings {
    let limits = Limits {
        exchange_bytes: 1 << env.choose(12),
        send_bytes: 1 << env.choose(9),
        batches: 1 + env.choose(4),
        quanta: 1 + env.choose(2),
        poll: Some(1 + env.choose(4)),
        time_grain: micros(env.choose(3) as i64 * 200),
        attempts: 1_000,
        ..Limits::default()
    };
    Settings {
        parallelism: 1 + env.choose(8),
        interval: Duration::from_micros(env.choose(2_500) as u64),
        align_timeout: Duration::from_micros(200 + env.choose(20_000) as u64),
        limits,
        ..Settings::default()
    }
}
