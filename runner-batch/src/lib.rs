//! Bounded execution: splits in parallel on rayon, hash exchange, results visible only when
//! complete.
//!
//! Owns threads, the order of stages and the exchange between them. Does not own a single rule
//! about windows, triggers, panes or lateness: every stage is `runner-core`'s, fed with batches and
//! one final watermark. With one worker there is no exchange: the whole graph is one stage, fed in
//! the sources' own order and watermarks.

mod commit;
mod exchange;
mod input;
mod observe;
mod parallel;
mod report;
mod single;

pub use observe::{Observer, Progress};
pub use report::BatchReport;
pub use whitebeam_runner_core::StepCount;

use observe::Meter;
use std::num::NonZeroUsize;
use std::sync::Arc;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_runner_core::outputs::Outputs;
use whitebeam_runner_core::plan::Plan;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_sdk::graph::{Graph, NodeKind};
use whitebeam_sdk::source::Boundedness;
use whitebeam_sdk::{Error, ErrorKind, Pipeline, Result};

/// Runs bounded pipelines.
#[must_use = "nothing runs before .run(&pipeline)"]
#[derive(Clone)]
pub struct BatchRunner {
    parallelism: usize,
    group: GroupOptions,
    until_end: bool,
    observer: Option<Arc<dyn Observer>>,
}

impl std::fmt::Debug for BatchRunner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BatchRunner(parallelism {})", self.parallelism)
    }
}

impl Default for BatchRunner {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchRunner {
    /// With one worker per core.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        BatchRunner {
            parallelism: cores,
            group: GroupOptions::default(),
            until_end: false,
            observer: None,
        }
    }

    /// With `n` workers (at least one). Results do not depend on it.
    pub fn parallelism(mut self, n: usize) -> Self {
        self.parallelism = n.max(1);
        self
    }

    /// Where groupings keep keys and accumulators.
    pub fn store(mut self, store: StoreKind) -> Self {
        self.group.store = store;
        self
    }

    /// Takes the general path of every grouping, to compare with the fast ones.
    pub fn general_only(mut self, general_only: bool) -> Self {
        self.group.general_only = general_only;
        self
    }

    /// Reads unbounded inputs up to the end that they have when the run begins, instead of refusing
    /// them.
    pub fn until_end(mut self, until_end: bool) -> Self {
        self.until_end = until_end;
        self
    }

    /// Tells `observer` how far the run has come.
    pub fn observe(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Checks and runs `pipeline` to its end.
    pub fn run(&self, pipeline: &Pipeline) -> Result<BatchReport> {
        self.run_graph(&pipeline.finish()?)
    }

    /// Runs a checked graph to its end. Either every sink's output becomes visible, or none.
    pub fn run_graph(&self, graph: &Graph) -> Result<BatchReport> {
        if !self.until_end {
            check_bounded(graph)?;
        }
        let plan = Plan::new(graph);
        let outputs = Outputs::of(graph);
        let meter = Meter::new(self.observer.clone());
        let ran = if self.parallelism == 1 {
            single::run(&plan, self.group, &meter)
        } else {
            parallel::run(&plan, self.group, self.parallelism, &meter)
        };
        match ran {
            Ok(outcome) => {
                outputs.commit(&outcome.staged.into_epoch())?;
                meter.finished();
                Ok(outcome.report)
            }
            Err(e) => {
                outputs.abort();
                Err(e)
            }
        }
    }
}

fn check_bounded(graph: &Graph) -> Result<()> {
    let mut problems = Vec::new();
    for node in graph.nodes() {
        if let NodeKind::Source(source) = &node.kind
            && source.boundedness() == Boundedness::Unbounded
        {
            problems.push(
                Error::new(
                    ErrorKind::Unsupported,
                    "the batch runner needs an input that ends",
                )
                .at_step(node.path.clone())
                .at_line(node.line())
                .note(format!("{} is unbounded.", source.describe()))
                .help("read up to a bound, or up to the present end: .until_end(true)")
                .help("or choose the streaming runner"),
            );
        }
    }
    Error::all(problems).map_or(Ok(()), Err)
}
