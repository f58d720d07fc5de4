//! `LocalRunner`: runs a pipeline from its inputs to their end.
//!
//! Owns the settings and the promise that a failed run leaves nothing visible.

use crate::report::Report;
use crate::run::{LocalRun, Options};
use whitebeam_runner_core::outputs::Outputs;
use whitebeam_runner_core::plan::Plan;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::{Pipeline, Result};

/// Runs pipelines on one thread, strictly and repeatably.
///
/// ```
/// use whitebeam_runner_local::LocalRunner;
/// use whitebeam_sdk::Pipeline;
///
/// # fn main() -> whitebeam_sdk::Result<()> {
/// let p = Pipeline::new();
/// let doubled = p.create([1, 2, 3]).map(|n: i64| n * 2).named("Double");
/// # drop(doubled);
/// let report = LocalRunner::new().seed(7).run(&p)?;
/// assert_eq!(report.step("Double").map(|s| s.elements), Some(3));
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing runs before .run(&pipeline)"]
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalRunner {
    options: Options,
}

impl LocalRunner {
    /// A runner with seed 0 and the fast store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws all choices from `seed`: order, bundles, forced splits.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Keeps keys and accumulators in a store of this kind.
    pub fn store(mut self, store: StoreKind) -> Self {
        self.options.store = store;
        self
    }

    /// Runs groupings by the general path only, to compare the fast paths with it.
    pub fn general_only(mut self, general_only: bool) -> Self {
        self.options.general_only = general_only;
        self
    }

    /// Runs every grouping as `n` copies that divide the key groups among them.
    pub fn copies(mut self, n: usize) -> Self {
        self.options.copies = n;
        self
    }

    /// Reads unbounded inputs up to the end that they have when the run begins.
    pub fn until_end(mut self, until_end: bool) -> Self {
        self.options.until_end = until_end;
        self
    }

    /// Checks `pipeline` and runs it to its end. On an error nothing is visible.
    pub fn run(&self, pipeline: &Pipeline) -> Result<Report> {
        let checked = pipeline.finish();
        let graph = checked.inspect_err(|_| Outputs::of(&pipeline.graph()).abort())?;
        self.run_graph(&graph)
    }

    /// Runs a graph that was checked already.
    pub fn run_graph(&self, graph: &Graph) -> Result<Report> {
        let mut run = LocalRun::new(graph, self.options)?;
        match catch(|| run.run_to_end()).and_then(|ended| ended) {
            Ok(()) => run.commit(),
            Err(e) => {
                let was_read = run.was_read();
                run.abort();
                Err(Plan::new(graph).locate(e, &was_read, pause))
            }
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the run has failed: nothing else waits for this thread"
)]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(1));
}
