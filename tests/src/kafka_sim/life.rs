//! `Life`: one process of the run, until it crashes, ends or is ended.
//!
//! Owns the pipeline and the settings of a process, and which errors a fault excuses.

use super::judge::{Mode, WINDOW, count};
use super::plan::{Ending, Plan};
use super::{COUNTS, IN, KEYS, OUT, World};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use whitebeam::io::codec::Utf8;
use whitebeam::io::kafka::{Kafka, KafkaSink, KafkaSource};
use whitebeam_env::Env;
use whitebeam_runner_streaming::{End, Limits, PolledRun, Settings, Stop, Turn, keep_in};
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::time::seconds;
use whitebeam_sdk::window::FixedWindows;
use whitebeam_sdk::{Error, ErrorKind, Pipeline};
use whitebeam_testkit::sim::SimEnv;

/// Turns of one life, at the most: more means that it never ends.
const TURNS: usize = 200_000;

/// A process that gives no sign of life for so long may be succeeded.
const LEASE: Duration = Duration::from_secs(10);

/// How a life ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    Crashed,
    Suspended,
    /// With an error that a fault has brought about.
    Refused,
    /// It could not start, for the lease of the one before lasts on.
    Held,
    Drained,
}

/// One process.
pub(super) struct Life {
    env: SimEnv,
    plan: Plan,
    settings: Settings,
    patience: Patience,
    mode: Mode,
    rival: Rival,
}

/// What became of who took over while this process stood still: a difference, if it found one, and
/// how many processes had begun to run by then.
type Rival = Arc<Mutex<Option<Result<u32, String>>>>;

/// From this turn on time flies: whoever waits for a minute would poll for as many turns as there are.
const LONG: usize = 5_000;

/// How long sinks wait for what.
#[derive(Clone, Copy, Debug)]
struct Patience {
    call: Duration,
    visible: Duration,
    transaction: Duration,
}

impl Life {
    pub(super) fn begin(world: &World, plan: Plan, until_end: bool) -> Self {
        let draws = &world.draws;
        let millis = |from: [u64; 3]| Duration::from_millis(from[draws.choose(3)]);
        Life {
            env: world.machine.start(),
            plan,
            settings: settings(draws, until_end),
            patience: Patience {
                call: millis([2_000, 15_000, 60_000]),
                visible: millis([30, 1_000, 10_000]),
                transaction: millis([500, 5_000, 60_000]),
            },
            mode: world.mode,
            rival: Rival::default(),
        }
    }

    /// Another process takes over where this one stands still.
    fn stand_still(&self, world: &World) {
        let Some((moment, turns)) = self.plan.standstill else {
            return;
        };
        let plan = Plan {
            end: Some((turns, Ending::Kill)),
            ..Plan::default()
        };
        let (mut other, life) = (world.clone(), Life::begin(world, plan, false));
        let rival = Arc::clone(&self.rival);
        world.machine.meanwhile(moment, move || {
            other.machine.advance(LEASE * 2);
            let before = other.told.lives;
            let lived = life.run(&mut other);
            let told = lived.map(|_| other.told.lives - before);
            *rival.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        });
    }

    /// Whether another has taken over, or has begun to.
    fn is_overtaken(&self) -> Result<Option<bool>, String> {
        let rival = self.rival.lock().unwrap_or_else(PoisonError::into_inner);
        let lives = rival.clone().transpose()?;
        Ok(lives.map(|lives| lives > 0))
    }

    /// Every number goes to one topic; of every key and window, the count goes to another.
    fn graph(&self, kafka: &Kafka) -> whitebeam_sdk::Result<Graph> {
        let p = Pipeline::new();
        let numbers = KafkaSource::<u32>::json(kafka, IN).record_time().ordered();
        let numbers = p.read(numbers).named("Numbers");
        let Patience {
            call,
            visible,
            transaction,
        } = self.patience;
        let out = KafkaSink::<u32>::json(kafka, OUT)
            .create(2)
            .key_by(|n: &u32| n % KEYS)
            .patience(call)
            .visible_within(visible)
            .transaction_timeout(transaction);
        let out = match self.mode {
            Mode::ExactlyOnce => out.exactly_once(OUT),
            Mode::AtLeastOnce => out.at_least_once(),
            Mode::AtMostOnce => out.at_most_once(),
        };
        numbers.clone().write(out).named("Out");
        let counts = KafkaSink::with_codec(kafka, COUNTS, Utf8)
            .create(1)
            .patience(call)
            .visible_within(visible)
            .transaction_timeout(transaction)
            .exactly_once(COUNTS);
        numbers
            .window(FixedWindows::of(seconds(WINDOW)))
            .map(|n| n % KEYS)
            .count_per_element()
            .named("Counts")
            .map_with(|(key, n), at| count(at.window().start(), key, n))
            .write(counts)
            .named("Counted");
        p.finish()
    }

    pub(super) fn run(self, world: &mut World) -> Result<Left, String> {
        self.stand_still(world);
        let left = self.live(world)?;
        let overtaken = self.is_overtaken()?;
        world.told.overtaken += u32::from(overtaken == Some(true));
        Ok(left)
    }

    fn live(&self, world: &mut World) -> Result<Left, String> {
        let (machine, env) = (world.machine.clone(), self.env.clone());
        let kafka = world.model.kafka_of(&env);
        let graph = self.graph(&kafka).map_err(|e| e.to_string())?;
        let started = machine.step(|| {
            let settings = self.settings.clone();
            let keeper = keep_in(env.clone(), Path::new("/checkpoints"), &graph, &settings)?;
            PolledRun::new(&graph, env.clone(), settings, Some(keeper))
        });
        let mut run = match started {
            Ok(Ok(run)) => run,
            _ if !env.is_alive() => return Ok(Left::Crashed),
            Err(_) => return Ok(Left::Crashed),
            // It crashed after its last checkpoint.
            Ok(Err(e)) if e.code() == "R208" => return Ok(Left::Drained),
            // After a power cut nobody knows that the one before is dead until its lease has ended.
            Ok(Err(e)) if e.code() == "R201" => {
                machine.kill(&env);
                machine.advance(Duration::from_secs(4));
                return Ok(Left::Held);
            }
            Ok(Err(e)) => return self.refused(world, &e),
        };
        world.told.lives += 1;
        world.told.resumed += u32::from(run.resumed_from().is_some());
        let left = self.turns(world, &mut run);
        // What a dead process still does in its destructors changes nothing.
        let _ = machine.step(|| drop(run));
        machine.kill(&env);
        left
    }

    fn turns(&self, world: &mut World, run: &mut PolledRun<SimEnv>) -> Result<Left, String> {
        let machine = world.machine.clone();
        for turn in 0..TURNS {
            for (_, breach) in self.plan.breaches.iter().filter(|(at, _)| *at == turn) {
                breach.happen(&world.model, &world.draws);
                world.told.broker += 1;
            }
            if self.plan.heal == Some(turn) {
                world.model.heal();
            }
            match self.plan.end.filter(|(at, _)| *at == turn) {
                Some((_, Ending::Kill)) => {
                    machine.kill(&self.env);
                    return Ok(Left::Crashed);
                }
                Some((_, Ending::Power)) => {
                    machine.lose_power();
                    return Ok(Left::Crashed);
                }
                Some((_, Ending::Suspend)) => run.stop_handle().stop(Stop::Suspend),
                None => {}
            }
            world.told.turns += 1;
            let did = machine.step(|| run.turn());
            let Some(did) = did.ok().filter(|_| self.env.is_alive()) else {
                return Ok(Left::Crashed);
            };
            match did {
                Turn::Worked => {
                    let passes = world.draws.choose(30) as u64;
                    let flies = if turn < LONG { 0 } else { 1_000 };
                    machine.advance(Duration::from_micros(passes + flies));
                }
                Turn::Idle(Some(pause)) => machine.advance(pause),
                Turn::Idle(None) => return Err(format!("stuck: {run:?}")),
                Turn::Over => {
                    return match run.outcome() {
                        Ok(report) if report.end == End::Suspended => Ok(Left::Suspended),
                        Ok(_) => Ok(Left::Drained),
                        Err(e) => self.refused(world, &e),
                    };
                }
            }
        }
        let (plan, now) = (&self.plan, self.env.monotonic());
        Err(format!(
            "still running after {TURNS} turns, at {now:?}: {run:?}, {plan:?}"
        ))
    }

    /// A disk or a cluster that refuses ends a run; so does a record that was lost, where nothing
    /// keeps it, and another that has taken over.
    fn refused(&self, world: &mut World, e: &Error) -> Result<Left, String> {
        world.machine.kill(&self.env);
        world.refusal = e.to_string();
        let is_lost = e.code() == "K204" && self.mode != Mode::ExactlyOnce;
        let is_fenced = ["R201", "R202", "K201"].contains(&e.code());
        let is_fenced = is_fenced && self.is_overtaken()?.is_some();
        match e.kind() == ErrorKind::Unavailable || is_lost || is_fenced {
            true => Ok(Left::Refused),
            false => Err(e.to_string()),
        }
    }
}

/// Tiny limits, so that everything that can be full, parked or cut in two is.
fn settings(draws: &SimEnv, until_end: bool) -> Settings {
    let limits = Limits {
        exchange_bytes: 1 << draws.choose(12),
        send_bytes: 1 << draws.choose(9),
        batches: 1 + draws.choose(4),
        records: 1 + draws.choose(1 << draws.choose(6)),
        quanta: 1 + draws.choose(2),
        poll: Some(1 + draws.choose(8)),
        attempts: 1_000,
        ..Limits::default()
    };
    Settings {
        parallelism: 1 + draws.choose(3),
        interval: Duration::from_micros(500 + draws.choose(1 << (10 + draws.choose(6))) as u64),
        max_rate: [None, Some(500.0), Some(4_000.0)][draws.choose(3)],
        align_timeout: Duration::from_secs(10),
        until_end,
        lease: LEASE,
        limits,
        ..Settings::default()
    }
}
