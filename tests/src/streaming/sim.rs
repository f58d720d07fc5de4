//! `simulate`: the streaming runner on one seeded thread, crashing.
//!
//! Owns the schedule of one seed: a case, the settings of every incarnation, how and when it
//! crashes, is suspended, or finds a disk that refuses. What was committed is judged at the end.

use crate::streaming::case::{Case, Seen};
use crate::streaming::judge::difference;
use crate::streaming::keeper::MemoryKeeper;
use crate::streaming::life::{CHECKPOINTS, Left, live};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_runner_streaming::{
    Keeper, Limits, POINTS, PolledRun, Settings, Stop, checkpoint, keep_in,
};
use whitebeam_sdk::erase::StoreKind;
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::time::micros;
use whitebeam_sdk::{Error, ErrorKind};
use whitebeam_testkit::sim::{Class, How, Machine, SimEnv, Strike};

/// Crashes of every simulated run, at least.
pub const CRASHES: u32 = 3;

/// What a simulated run came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Crashes.
    pub crashes: u32,
    /// Of them, those at a place that was asked for.
    pub struck: u32,
    /// Times it was gone on with by another number of workers.
    pub rescaled: u32,
    /// Times it went on from a checkpoint.
    pub resumed: u32,
    /// Times it was suspended.
    pub suspended: u32,
    /// Times it ended with an error of the disk.
    pub refused: u32,
    /// Turns of all machines.
    pub turns: usize,
    /// A digest of everything that happened.
    pub trace: u64,
}

impl Told {
    /// Adds what another run came to.
    pub fn add(&mut self, other: Told) {
        self.crashes += other.crashes;
        self.struck += other.struck;
        self.rescaled += other.rescaled;
        self.resumed += other.resumed;
        self.suspended += other.suspended;
        self.refused += other.refused;
        self.turns += other.turns;
        // In whichever order they came.
        self.trace = self.trace.wrapping_add(other.trace);
    }
}

/// Runs the case of `seed` through its crashes to the end, and judges it.
pub fn simulate(seed: u64, rows: u64) -> Result<Told, String> {
    let machine = Machine::new(seed);
    simulate_on(&machine, rows, &[])
}

/// The same on a given machine; the first incarnations meet `strikes`, each one.
pub fn simulate_on(machine: &Machine, rows: u64, strikes: &[Strike]) -> Result<Told, String> {
    let draws = machine.start();
    let case = Case::draw(&mut |n| draws.choose(n as usize) as u64, rows);
    let (graph, seen) = case.build().map_err(|e| e.to_string())?;
    let mut simulation = Simulation {
        machine,
        graph: &graph,
        // What is written for one path of a grouping cannot be read by another.
        group: GroupOptions {
            store: [StoreKind::Fast, StoreKind::Fast, StoreKind::Slow][draws.choose(3)],
            general_only: draws.choose(4) == 0,
        },
        workers: None,
        memory: (strikes.is_empty() && draws.choose(2) == 0).then(MemoryKeeper::default),
        draws,
        told: Told::default(),
    };
    let told = simulation.run(strikes, &case, &seen);
    told.map_err(|difference| format!("{difference}\n{case:?}"))
}

struct Simulation<'a> {
    machine: &'a Machine,
    draws: SimEnv,
    graph: &'a Graph,
    group: GroupOptions,
    /// Of the last incarnation.
    workers: Option<usize>,
    /// Snapshots are kept here, or in a directory of the machine.
    memory: Option<MemoryKeeper>,
    told: Told,
}

impl Simulation<'_> {
    fn run(&mut self, strikes: &[Strike], case: &Case, seen: &Seen) -> Result<Told, String> {
        let mut strikes = strikes.iter();
        // Inputs do not end before it has crashed often enough; then it may crash while they do.
        let crashes = match strikes.len() {
            0 => CRASHES + self.draws.choose(3) as u32,
            _ => 0,
        };
        let mut to_come = self.draws.choose(4);
        let mut waiting = None;
        loop {
            self.machine.heal();
            let strike = waiting.take().or_else(|| strikes.next());
            let is_held = self.told.crashes < crashes;
            case.gate.hold(is_held);
            let crash_at = match strike {
                Some(strike) => {
                    self.machine.strike([*strike]);
                    None
                }
                None if is_held => self.plan(),
                None if to_come > 0 => {
                    to_come -= 1;
                    self.plan()
                }
                None => None,
            };
            match self.incarnation(crash_at) {
                Ok(Left::Crashed) => {
                    self.told.crashes += 1;
                    self.told.struck += u32::from(strike.is_some());
                }
                Ok(Left::Suspended) => self.told.suspended += 1,
                Ok(Left::Held) => {
                    self.told.refused += 1;
                    waiting = strike;
                }
                Ok(Left::Drained) => break,
                // An error of the disk ends a run; never when none was planned.
                Err(e) if e.kind() == ErrorKind::Unavailable && crash_at.is_some() => {
                    self.told.refused += 1;
                }
                Err(e) => return Err(e.to_string()),
            }
        }
        self.machine.heal();
        self.machine.advance(Duration::from_secs(20));
        let settings = self.settings();
        match self.begin(&self.machine.start(), settings) {
            Err(e) if e.kind() == ErrorKind::Incompatible => {}
            other => return Err(format!("what has drained was resumed: {other:?}")),
        }
        self.told.trace = self.machine.trace();
        difference(case, seen).map_or(Ok(self.told), Err)
    }

    /// Draws how an incarnation ends early; the turn, if it is by one.
    fn plan(&mut self) -> Option<usize> {
        let draws = &self.draws;
        let how = [How::Kill, How::Power][draws.choose(2)];
        if let Some(memory) = &self.memory
            && draws.choose(6) == 0
        {
            memory.fail(1 + draws.choose(3) as u32);
        }
        match draws.choose(6) {
            0 => {
                let points: Vec<_> = POINTS.iter().chain(checkpoint::POINTS).collect();
                let label = points[draws.choose(points.len())];
                let nth = 1 + draws.choose(6) as u64;
                self.machine.strike([Strike::Point { label, nth, how }]);
            }
            1 => {
                let nth = 1 + draws.choose(200) as u64;
                self.machine.strike([Strike::Operation { nth, how }]);
            }
            2 => {
                let classes = [Class::Write, Class::Sync, Class::Read, Class::Remove];
                let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::Other];
                let class = classes[draws.choose(classes.len())];
                let nth = 1 + draws.choose(60) as u64;
                self.machine.fail(class, nth, kinds[draws.choose(2)]);
            }
            _ => {}
        }
        Some(draws.choose(1 << (4 + draws.choose(5))))
    }

    /// Of the next incarnation.
    fn settings(&mut self) -> Settings {
        let settings = Settings {
            group: self.group,
            ..settings(&self.draws)
        };
        let before = self.workers.replace(settings.parallelism);
        let is_other = before.is_some_and(|before| before != settings.parallelism);
        self.told.rescaled += u32::from(is_other);
        settings
    }

    /// A new process begins, or goes on.
    fn begin(&self, env: &SimEnv, settings: Settings) -> Result<PolledRun<SimEnv>, Error> {
        let keeper: Arc<dyn Keeper> = match &self.memory {
            Some(memory) => Arc::new(memory.clone()),
            None => keep_in(env.clone(), Path::new(CHECKPOINTS), self.graph, &settings)?,
        };
        PolledRun::new(self.graph, env.clone(), settings, Some(keeper))
    }

    /// One life of the runner, until it crashes, is suspended, or has drained.
    fn incarnation(&mut self, crash_at: Option<usize>) -> Result<Left, Error> {
        let env = self.machine.start();
        let settings = self.settings();
        let is_suspended = crash_at.is_some() && self.draws.choose(5) == 0;
        let mut told = Told::default();
        let before = |turn: usize, run: &PolledRun<SimEnv>| {
            told.turns += 1;
            told.resumed = u32::from(run.resumed_from().is_some());
            if Some(turn) == crash_at {
                match self.draws.choose(2) {
                    _ if is_suspended => run.stop_handle().stop(Stop::Suspend),
                    0 => self.machine.kill(&env),
                    _ => self.machine.lose_power(),
                }
            }
        };
        let left = live(&env, &self.draws, || self.begin(&env, settings), before);
        self.told.add(told);
        left
    }
}

/// Tiny limits, so that everything that can be full, parked or cut in two is.
fn settings(env: &SimEnv) -> Settings {
    let limits = Limits {
        exchange_bytes: 1 << env.choose(12),
        send_bytes: 1 << env.choose(9),
        batches: 1 + env.choose(4),
        records: 1 + env.choose(1 << env.choose(6)),
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
