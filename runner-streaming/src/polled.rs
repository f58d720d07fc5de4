//! `PolledRun`: a run under the caller's hand, one turn of one machine at a time.
//!
//! Owns the choice of who works next, drawn from the environment, and who sleeps. The machines are
//! those that threads drive otherwise. Does not own time: where all sleep, the caller lets it pass.

use crate::coordinator::Coordinator;
use crate::exchange::Channel;
use crate::job::{Job, Parts};
use crate::keeper::Keeper;
use crate::machine::{Machine, Turn};
use crate::metrics::MetricsHandle;
use crate::report::StreamingReport;
use crate::script::{Cue, Released};
use crate::settings::Settings;
use crate::snapshot::Counts;
use crate::stop::StopHandle;
use crate::worker::Worker;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_sdk::graph::{Graph, NodeId};
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, Result, Timestamp};

/// Whether a machine is asked next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sleep {
    Awake,
    /// Its bell is cleared; it looks once more.
    Drowsy,
    /// Until its bell rings or this instant.
    Until(Option<Duration>),
    Over,
}

/// A run whose machines take turns on the caller's thread.
pub struct PolledRun<E> {
    env: E,
    coordinator: Coordinator<E>,
    clerks: Vec<Box<dyn Machine>>,
    workers: Vec<Worker<E>>,
    cues: Vec<Cue>,
    channels: Vec<Arc<Channel>>,
    resumed_from: Option<Epoch>,
    sleeps: Vec<Sleep>,
    paths: Vec<String>,
    stop: StopHandle,
}

impl<E> std::fmt::Debug for PolledRun<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PolledRun({:?})", self.sleeps)
    }
}

impl<E: Env> PolledRun<E> {
    /// A run of `graph` that goes on from what `keeper` has, or begins.
    pub fn new(
        graph: &Graph,
        env: E,
        settings: Settings,
        keeper: Option<Arc<dyn Keeper>>,
    ) -> Result<Self> {
        Self::of(Parts {
            graph,
            env,
            settings,
            keeper,
            stop: StopHandle::new(),
            observer: Arc::new(()),
            metrics: MetricsHandle::new(),
        })
    }

    pub(crate) fn of(parts: Parts<'_, E>) -> Result<Self> {
        let (graph, env, stop) = (parts.graph, parts.env.clone(), parts.stop.clone());
        let job = Job::new(parts)?;
        let machines = 1 + job.clerks.len() + job.workers.len();
        Ok(PolledRun {
            env,
            coordinator: job.coordinator,
            sleeps: vec![Sleep::Awake; machines],
            clerks: job.clerks,
            workers: job.workers,
            cues: job.cues,
            channels: job.channels,
            resumed_from: job.resumed_from,
            paths: graph.nodes().iter().map(|n| n.path.clone()).collect(),
            stop,
        })
    }

    /// The checkpoint that it goes on from; none if it begins anew.
    pub fn resumed_from(&self) -> Option<Epoch> {
        self.resumed_from
    }

    /// Asks the run to end.
    pub fn stop_handle(&self) -> &StopHandle {
        &self.stop
    }

    /// Lets one machine that is awake take a turn. `Idle` if all sleep: for so long, or for ever
    /// if nobody waits for a time. `Over` once the run has ended.
    pub fn turn(&mut self) -> Turn {
        if self.coordinator.is_over() {
            return Turn::Over;
        }
        let now = self.env.monotonic();
        let awake: Vec<usize> = (0..self.sleeps.len())
            .filter(|&i| self.is_awake(i, now))
            .collect();
        if awake.is_empty() {
            let until = self.sleeps.iter().filter_map(|s| match s {
                Sleep::Until(until) => *until,
                _ => None,
            });
            return Turn::Idle(until.min().map(|at| at.saturating_sub(now)));
        }
        let chosen = awake[self.env.choose(awake.len())];
        let turn = self.machine(chosen).turn();
        self.sleeps[chosen] = match (turn, self.sleeps[chosen]) {
            (Turn::Worked, _) => Sleep::Awake,
            (Turn::Over, _) => Sleep::Over,
            (Turn::Idle(pause), Sleep::Drowsy) => Sleep::Until(pause.map(|p| now + p)),
            (Turn::Idle(_), _) => {
                self.machine(chosen).bell().clear();
                Sleep::Drowsy
            }
        };
        Turn::Worked
    }

    fn is_awake(&mut self, i: usize, now: Duration) -> bool {
        match self.sleeps[i] {
            Sleep::Awake | Sleep::Drowsy => true,
            Sleep::Until(until) => {
                until.is_some_and(|at| at <= now) || self.machine(i).bell().has_rung()
            }
            Sleep::Over => false,
        }
    }

    fn machine(&mut self, i: usize) -> &mut dyn Machine {
        let clerks = self.clerks.len();
        match i.checked_sub(1) {
            None => &mut self.coordinator,
            Some(clerk) if clerk < clerks => self.clerks[clerk].as_mut(),
            Some(other) => &mut self.workers[other - clerks],
        }
    }

    /// Takes turns until all sleep, or the run has ended.
    pub fn quiesce(&mut self) -> Turn {
        loop {
            match self.turn() {
                Turn::Worked => {}
                other => return other,
            }
        }
    }

    /// Plays the next event of every scripted input, in the order of the sources, each until nothing
    /// moves any more; where processing time moves, `pass` lets it. False if there was none.
    pub fn play(&mut self, mut pass: impl FnMut(whitebeam_sdk::Duration)) -> bool {
        let mut played = false;
        for cue in self.cues.clone() {
            let Some(released) = cue.release() else {
                continue;
            };
            played = true;
            if let Released::Time(by) = released {
                pass(by);
            }
            self.quiesce();
        }
        played
    }

    /// Scripted inputs end where they stand.
    pub fn end_scripts(&self) {
        self.cues.iter().for_each(Cue::end);
    }

    /// What all workers promise of the outputs of a step.
    pub fn output_watermark(&self, step: NodeId) -> Option<Timestamp> {
        let tasks = self.workers.iter().flat_map(Worker::tasks);
        tasks.filter_map(|task| task.output_watermark(step)).min()
    }

    /// Holds the output watermark of a grouping at `at`, beside its own holds.
    pub fn hold(&mut self, step: NodeId, at: Option<Timestamp>) {
        self.workers
            .iter_mut()
            .for_each(|worker| worker.hold(step, at));
    }

    /// Bytes under way in each channel between two workers.
    pub fn in_flight(&self) -> impl Iterator<Item = usize> {
        self.channels.iter().map(|channel| channel.in_flight())
    }

    /// What a step has counted so far, by its path.
    pub fn counts(&self, path: &str) -> Counts {
        let mut sum = Counts::default();
        for task in self.workers.iter().flat_map(Worker::tasks) {
            if let Some(counts) = task.counts().get(path) {
                sum.add(*counts);
            }
        }
        sum
    }

    /// How the run ended.
    pub fn outcome(&mut self) -> Result<StreamingReport> {
        let outcome = self.coordinator.take_outcome();
        let ended = outcome.unwrap_or_else(|| Err(Error::internal("the run has not ended")))?;
        Ok(StreamingReport::new(&ended, self.paths.iter().cloned()))
    }
}
