//! The streaming runner on scenarios: the workers of a simulated machine play a test stream event by
//! event, in an order that a seed chooses.

use crate::scripted::{Scripted, replayed};
use crate::streaming::keeper::MemoryKeeper;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_runner_streaming::{Counts, Limits, PolledRun, Settings, Stop, Turn};
use whitebeam_sdk::{Error, Result, Timestamp};
use whitebeam_testkit::oracle::{Outcome, Scenario};
use whitebeam_testkit::sim::{Machine, SimEnv};

/// How a scenario is played.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// All choices are drawn from it.
    pub seed: u64,
    /// How groupings run.
    pub group: GroupOptions,
    /// Workers.
    pub parallelism: usize,
}

/// A scenario at work on the streaming runner.
#[derive(Debug)]
pub struct StreamingScenario {
    scripted: Scripted,
    path: String,
    hold: Option<Timestamp>,
    options: Options,
    machine: Machine,
    keeper: MemoryKeeper,
    run: PolledRun<SimEnv>,
    counted: Counts,
}

impl StreamingScenario {
    /// A pipeline that plays `scenario` to its grouping.
    pub fn new(scenario: &Scenario, options: Options) -> Result<Self> {
        let scripted = Scripted::of(scenario)?;
        let machine = Machine::new(options.seed);
        let keeper = MemoryKeeper::default();
        let run = start(&scripted, &machine, &keeper, options)?;
        let mut played = StreamingScenario {
            path: scripted.graph.node(scripted.grouping).path.clone(),
            hold: scenario.other_hold.map(Timestamp::from_micros),
            scripted,
            options,
            machine,
            keeper,
            run,
            counted: Counts::default(),
        };
        played.settle()?;
        Ok(played)
    }

    fn settle(&mut self) -> Result<()> {
        self.run.hold(self.scripted.grouping, self.hold);
        match self.run.quiesce() {
            Turn::Over => Err(self.over()),
            _ => Ok(()),
        }
    }

    /// Why the run is over, though nothing asked it to end.
    fn over(&mut self) -> Error {
        let ended = |report| Error::internal(format!("the run has ended: {report}"));
        self.run.outcome().map_or_else(|e| e, ended)
    }

    /// Goes on in another run of so many workers, from a checkpoint of this one.
    pub fn move_to(&mut self, parallelism: usize) -> Result<()> {
        self.options.parallelism = parallelism;
        self.run.stop_handle().stop(Stop::Suspend);
        let left = self.run.quiesce();
        if left != Turn::Over {
            return Err(Error::internal(format!("not suspended: {left:?}")));
        }
        self.run.outcome()?;
        self.run = start(&self.scripted, &self.machine, &self.keeper, self.options)?;
        self.settle()
    }

    /// Plays the next event.
    pub fn play(&mut self) -> Result<Outcome> {
        let machine = &self.machine;
        let pass = |by: whitebeam_sdk::Duration| {
            let micros = u64::try_from(by.micros()).unwrap_or(0);
            machine.advance(Duration::from_micros(micros));
        };
        if !self.run.play(pass) {
            return Err(Error::internal("nothing is left to play"));
        }
        if self.run.turn() == Turn::Over {
            return Err(self.over());
        }
        let counts = self.run.counts(&self.path);
        let before = std::mem::replace(&mut self.counted, counts);
        let watermark = self.run.output_watermark(self.scripted.grouping);
        Ok(Outcome {
            panes: self.scripted.seen.take()?,
            dropped_late: counts.late - before.late,
            dropped_closed: counts.closed - before.closed,
            output_watermark: watermark.unwrap_or(Timestamp::MIN).micros(),
        })
    }
}

fn start(
    scripted: &Scripted,
    machine: &Machine,
    keeper: &MemoryKeeper,
    options: Options,
) -> Result<PolledRun<SimEnv>> {
    let env = machine.start();
    let settings = Settings {
        parallelism: options.parallelism,
        group: options.group,
        // Ends of epochs fall between any events.
        interval: Duration::from_micros(env.choose(2_000_000) as u64),
        limits: Limits {
            // Scenarios count in single microseconds.
            time_grain: whitebeam_sdk::Duration::ZERO,
            ..Limits::default()
        },
        ..Settings::default()
    };
    PolledRun::new(
        &scripted.graph,
        env,
        settings,
        Some(Arc::new(keeper.clone())),
    )
}

/// Plays `scenario` on the streaming runner, calling `between` before every event, and judges it:
/// the first difference, if there is one.
pub fn judge(
    scenario: &Scenario,
    options: Options,
    mut between: impl FnMut(&mut StreamingScenario) -> Result<()>,
) -> Result<(), String> {
    replayed(
        scenario,
        || StreamingScenario::new(scenario, options),
        |played| between(played).and_then(|()| played.play()),
    )
}
