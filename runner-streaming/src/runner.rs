//! `StreamingRunner`: runs a pipeline without end, on the machine itself.
//!
//! Owns the settings as users give them, and the promise that a failed run leaves nothing visible
//! that is not durable.

use crate::durable::keep_in;
use crate::job::{Job, Parts};
use crate::metrics::MetricsHandle;
use crate::observer::Observer;
use crate::played::{self, VirtualEnv};
use crate::report::StreamingReport;
use crate::settings::Settings;
use crate::stop::StopHandle;
use crate::threads;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::{Env, RealEnv};
use whitebeam_sdk::erase::StoreKind;
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::{Pipeline, Result};

/// Runs pipelines on workers that each own a part of the keys.
///
/// With [`checkpoints`](Self::checkpoints) a run that was suspended, failed or was killed goes on
/// where its last checkpoint stood, whenever it is started again with the same directory; the number
/// of workers may be another one each time. Sinks show an epoch once its checkpoint is durable.
#[derive(Clone)]
pub struct StreamingRunner {
    settings: Settings,
    checkpoints: Option<PathBuf>,
    stop: StopHandle,
    observer: Arc<dyn Observer>,
    metrics: MetricsHandle,
}

impl fmt::Debug for StreamingRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (settings, checkpoints) = (&self.settings, &self.checkpoints);
        write!(f, "StreamingRunner({settings:?}, {checkpoints:?})")
    }
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
        Self::with(Settings {
            parallelism: cores,
            ..Settings::default()
        })
    }

    /// With these settings.
    pub fn with(settings: Settings) -> Self {
        StreamingRunner {
            settings,
            checkpoints: None,
            stop: StopHandle::new(),
            observer: Arc::new(()),
            metrics: MetricsHandle::new(),
        }
    }

    /// Keeps checkpoints in `directory`, which is made if it is not there, and goes on from the
    /// newest one that it holds.
    pub fn checkpoints(mut self, directory: impl Into<PathBuf>) -> Self {
        self.checkpoints = Some(directory.into());
        self
    }

    /// How long a run that gives no sign of life is taken for alive by others on its directory.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Goes on from a checkpoint although sinks have made visible what came after it.
    pub fn allow_sink_rewind(mut self, allow: bool) -> Self {
        self.settings.allow_sink_rewind = allow;
        self
    }

    /// Ends where the input ends now. The ends belong to the checkpoints: a run that goes on later
    /// ends at the same place.
    pub fn until_end(mut self, until_end: bool) -> Self {
        self.settings.until_end = until_end;
        self
    }

    /// How often sources without end are asked for splits that were not there before, such as new
    /// partitions; every minute if nothing is said.
    pub fn discovery(mut self, every: Duration) -> Self {
        self.settings.discovery = every;
        self
    }

    /// Tells `observer` what happens.
    pub fn observe(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
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

    /// Looks at a run of this runner while it lasts, and at its last state afterwards.
    pub fn metrics(&self) -> MetricsHandle {
        self.metrics.clone()
    }

    /// Checks and runs `pipeline` until its input ends or it is asked to stop.
    pub fn run(&self, pipeline: &Pipeline) -> Result<StreamingReport> {
        self.run_graph(&pipeline.finish()?)
    }

    /// Runs a checked graph. One with scripted inputs is played on this thread, by a virtual clock.
    pub fn run_graph(&self, graph: &Graph) -> Result<StreamingReport> {
        if played::is_scripted(graph) {
            return played::run(self.parts(graph, VirtualEnv::new())?);
        }
        let job = Job::new(self.parts(graph, RealEnv::new())?)?;
        let ended = threads::run(job)?;
        let paths = graph.nodes().iter().map(|node| node.path.clone());
        Ok(StreamingReport::new(&ended, paths))
    }

    fn parts<'a, E: Env>(&self, graph: &'a Graph, env: E) -> Result<Parts<'a, E>> {
        let keep = |directory: &PathBuf| keep_in(env.clone(), directory, graph, &self.settings);
        Ok(Parts {
            graph,
            keeper: self.checkpoints.as_ref().map(keep).transpose()?,
            env,
            settings: self.settings.clone(),
            stop: self.stop.clone(),
            observer: Arc::clone(&self.observer),
            metrics: self.metrics.clone(),
        })
    }
}
