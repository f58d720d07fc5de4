//! `Metrics`: what a run looks like from outside, at one instant.
//!
//! Owns the numbers as plain data and how the workers' parts of them are put together. Does not own
//! how they are shown. Counts are of this run alone, so that they only grow while it lasts; those of
//! the pipeline's whole life stand in the report.

mod board;

pub(crate) use board::{Board, StageView, WorkerView};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::erase::Dropped;
use whitebeam_sdk::sink::Epoch;

/// A run as it stands, asked for with [`MetricsHandle::read`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Metrics {
    /// Time that has passed on the clock of the run; differences mean something.
    pub at: Duration,
    /// Workers that have answered.
    pub workers: usize,
    /// By path.
    pub steps: BTreeMap<String, StepMetrics>,
    /// By the path of the first step.
    pub stages: BTreeMap<String, StageMetrics>,
    /// All splits that are read or wait to be read.
    pub splits: Vec<SplitMetrics>,
    /// What became of its epochs.
    pub checkpoints: CheckpointMetrics,
}

/// One step, all its copies together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepMetrics {
    /// Whether it reads from outside or hands to the outside.
    pub place: Place,
    /// Elements it took; none for a source.
    pub elements_in: u64,
    /// Elements it handed on; none for a sink.
    pub elements_out: u64,
    /// (element, window) pairs it dropped.
    pub dropped: Dropped,
    /// What it promises for its output: the least of its copies.
    pub watermark: Timestamp,
}

/// Where a step stands between the input and the output of its pipeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Place {
    /// It reads from outside.
    Source,
    /// It is between others.
    #[default]
    Between,
    /// It hands to the outside.
    Sink,
}

/// One stage, all its copies together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StageMetrics {
    /// Time during which it had input and no room for its output, summed over its copies.
    pub blocked: Duration,
    /// Its copies: the share of time it was blocked is `blocked / (copies * elapsed)`.
    pub copies: u32,
}

/// One split of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SplitMetrics {
    /// The source's path.
    pub step: String,
    /// The split in words.
    pub split: String,
    /// The worker that reads it.
    pub worker: usize,
    /// What its reader promises for the rest.
    pub watermark: Timestamp,
    /// Elements that are there and were not read, where the source can say.
    pub lag: Option<u64>,
    /// For how long what is there cannot be read, for the system that is read has not decided on it.
    pub held_back: Option<Duration>,
}

/// What became of the epochs of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CheckpointMetrics {
    /// Published, or made visible where nothing is published.
    pub completed: u64,
    /// Given up or not written.
    pub failed: u64,
    /// The epoch that is under way.
    pub under_way: Option<Epoch>,
    /// The last one that was published.
    pub last: Option<Published>,
    /// The last one that all sinks have made visible.
    pub committed: Option<Epoch>,
}

/// A checkpoint that was published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Published {
    /// Its epoch.
    pub epoch: Epoch,
    /// When, on the clock of [`Metrics::at`].
    pub at: Duration,
    /// From the request to its publication.
    pub took: Duration,
    /// Bytes that a recovery from it would read.
    pub bytes: u64,
}

impl Metrics {
    /// How long ago the last checkpoint was published.
    pub fn checkpoint_age(&self) -> Option<Duration> {
        let last = self.checkpoints.last?;
        Some(self.at.saturating_sub(last.at))
    }

    /// Elements read by all sources.
    pub fn read(&self) -> u64 {
        let sources = self.of(Place::Source);
        sources.map(|step| step.elements_out).sum()
    }

    /// Elements handed to all sinks.
    pub fn written(&self) -> u64 {
        self.of(Place::Sink).map(|step| step.elements_in).sum()
    }

    /// How far the slowest source has come; the end of time where all have ended.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.of(Place::Source).map(|step| step.watermark).min()
    }

    /// (element, window) pairs that all steps have dropped.
    pub fn dropped(&self) -> Dropped {
        let mut sum = Dropped::default();
        self.steps.values().for_each(|step| sum += step.dropped);
        sum
    }

    fn of(&self, place: Place) -> impl Iterator<Item = &StepMetrics> {
        self.steps.values().filter(move |step| step.place == place)
    }

    fn add(&mut self, worker: WorkerView) {
        self.workers += 1;
        self.at = self.at.max(worker.at);
        for stage in worker.stages {
            let known = self.stages.entry(stage.name).or_default();
            known.blocked += stage.blocked;
            known.copies += 1;
            for (path, step) in stage.steps {
                match self.steps.get_mut(&path) {
                    Some(known) => known.add(step),
                    None => drop(self.steps.insert(path, step)),
                }
            }
            self.splits.extend(stage.splits);
        }
    }
}

impl Default for StepMetrics {
    fn default() -> Self {
        StepMetrics {
            place: Place::default(),
            elements_in: 0,
            elements_out: 0,
            dropped: Dropped::default(),
            watermark: Timestamp::MIN,
        }
    }
}

impl StepMetrics {
    fn add(&mut self, copy: StepMetrics) {
        self.elements_in += copy.elements_in;
        self.elements_out += copy.elements_out;
        self.dropped += copy.dropped;
        self.watermark = self.watermark.min(copy.watermark);
    }
}

/// Looks at a run from anywhere. Clones look at the same run.
#[derive(Clone, Debug, Default)]
pub struct MetricsHandle(Arc<Board>);

impl MetricsHandle {
    /// Of a run to come.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the workers how things stand. One that does not answer at once, since user code keeps
    /// it, is shown as it last answered. Costs the run nothing while nobody asks.
    pub fn read(&self) -> Metrics {
        let (workers, checkpoints) = self.0.read();
        let mut metrics = Metrics {
            checkpoints,
            ..Metrics::default()
        };
        workers.into_iter().for_each(|worker| metrics.add(worker));
        metrics
    }

    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.0
    }
}
