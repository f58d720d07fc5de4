//! `StreamingRunner`: runs a pipeline without end, on the machine itself.
//!
//! Owns the settings as users give them, and the promise that a failed run leaves nothing visible
//! that is not durable.

use crate::job::{Job, Parts};
use crate::report::StreamingReport;
use crate::settings::Settings;
use crate::stop::StopHandle;
use crate::threads;
use std::num::NonZeroUsize;
use std::time::Duration;
use whitebeam_env::RealEnv;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::{Pipeline, Result};

/// Runs pipelines on workers that each own a part of the keys.
#[derive(Clone, Debug)]
pub struct StreamingRunner {
    settings: Settings,
    stop: StopHandle,
}

impl Default for StreamingRunner {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamingRunner {
    /// With one worker per core.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        StreamingRunner {
            settings: Settings {
                parallelism: cores,
                ..Settings::default()
            },
            stop: StopHandle::new(),
        }
    }

    /// With these settings.
    pub fn with(settings: Settings) -> Self {
        StreamingRunner {
            settings,
            stop: StopHandle::new(),
        }
    }

    /// With `n` workers (at least one). Results do not depend on it.
    pub fn parallelism(mut self, n: usize) -> Self {
        self.settings.parallelism = n;
        self
    }

    /// Where groupings keep keys and accumulators.
    pub fn store(mut self, store: StoreKind) -> Self {
        self.settings.group.store = store;
        self
    }

    /// Takes the general path of every grouping, to compare with the fast ones.
    pub fn general_only(mut self, general_only: bool) -> Self {
        self.settings.group.general_only = general_only;
        self
    }

    /// How often an epoch ends and its output becomes visible.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.settings.interval = interval;
        self
    }

    /// Limits every source to `rate` elements a second.
    pub fn max_rate(mut self, rate: f64) -> Self {
        self.settings.max_rate = Some(rate);
        self
    }

    /// Asks a run of this runner to end.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Checks and runs `pipeline` until its input ends or it is asked to stop.
    pub fn run(&self, pipeline: &Pipeline) -> Result<StreamingReport> {
        self.run_graph(&pipeline.finish()?)
    }

    /// Runs a checked graph.
    pub fn run_graph(&self, graph: &Graph) -> Result<StreamingReport> {
        let job = Job::new(Parts {
            graph,
            env: RealEnv::new(),
            settings: self.settings.clone(),
            keeper: None,
            stop: self.stop.clone(),
        })?;
        let ended = threads::run(job)?;
        let paths = graph.nodes().iter().map(|node| node.path.clone());
        Ok(StreamingReport::new(ended, paths))
    }
}
