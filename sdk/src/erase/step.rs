//! `Step`: one node of a graph at run time, cooperative and single-threaded.
//!
//! Owns the contract between steps and whoever drives them. A step never blocks: what does not fit
//! into its outputs now, it does when called again.

use super::batch::ErasedBatch;
use crate::error::Result;
use crate::snapshot::{SnapshotReader, SnapshotWriter};
use crate::time::{Demand, Timestamp};
use crate::window::WindowingStrategy;

/// Index of a step's input or output.
pub type Port = usize;

/// Whether a call did all there was to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Flow {
    /// All done.
    Done,
    /// Outputs are full enough: deliver them and call again with the same arguments.
    Yield,
}

/// The output batches of one step, empty when a call begins.
pub struct Outs<'a> {
    ports: &'a mut [Box<dyn ErasedBatch>],
}

impl<'a> Outs<'a> {
    /// Outputs into these batches, one per port.
    pub fn new(ports: &'a mut [Box<dyn ErasedBatch>]) -> Self {
        Outs { ports }
    }

    /// The batch of output `port`.
    #[inline]
    pub fn port(&mut self, port: Port) -> &mut dyn ErasedBatch {
        &mut *self.ports[port]
    }

    /// All output batches.
    pub fn all(&mut self) -> &mut [Box<dyn ErasedBatch>] {
        self.ports
    }
}

impl std::fmt::Debug for Outs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ports.iter()).finish()
    }
}

/// One node at run time.
///
/// Order of calls: `setup`, then any number of bundles (`start_bundle`, `process`...,
/// `finish_bundle`) with `watermark` and `processing_time` between bundles, then `teardown`.
pub trait Step: Send {
    /// Once, before anything else.
    fn setup(&mut self) -> Result<()> {
        Ok(())
    }
    /// Before the first batch of a bundle.
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }
    /// Takes the elements of `input`. After [`Flow::Yield`], `input` holds what is left.
    fn process(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow>;
    /// After the last batch of a bundle.
    fn finish_bundle(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
        let _ = out;
        Ok(Flow::Done)
    }
    /// No further on-time element before `wm` comes, on any input. Called again with the same or a
    /// later instant.
    fn watermark(&mut self, wm: Timestamp, out: &mut Outs<'_>) -> Result<Flow> {
        let _ = (wm, out);
        Ok(Flow::Done)
    }
    /// The promise for what this step emits, given its input watermark.
    fn output_watermark(&self, input: Timestamp) -> Timestamp {
        input
    }
    /// Processing time is now `now`.
    fn processing_time(&mut self, now: Timestamp, out: &mut Outs<'_>) -> Result<Flow> {
        let _ = (now, out);
        Ok(Flow::Done)
    }
    /// When this step wants to hear of processing time next.
    fn next_processing_time(&self) -> Option<Timestamp> {
        None
    }
    /// Holds the output watermark at `at` until it is told otherwise, beside the step's own holds:
    /// for work on its elements that is done elsewhere.
    fn hold(&mut self, at: Option<Timestamp>) {
        let _ = at;
    }
    /// False if `process` never emits, so that it may run without room in the outputs.
    fn emits(&self) -> bool {
        true
    }
    /// Writes everything this step holds, between bundles.
    fn snapshot(&mut self, to: &mut SnapshotWriter) -> Result<()> {
        let _ = to;
        Ok(())
    }
    /// False if it takes no elements while it has more to emit for a clock that moved.
    fn takes_amid(&self) -> bool {
        true
    }
    /// False if what it still has to emit for a clock that moved cannot be written down now; it can
    /// some calls later.
    fn saves_amid(&self) -> bool {
        true
    }
    /// Begins to write down what this step holds at this moment, between bundles: everything, or,
    /// with `since_last`, only what has changed since the call before, which then must have been
    /// written to its end. What is not written now, [`Step::pace`] writes, as it was now. A step
    /// may write more than it was asked for; the snapshot says which it is.
    fn freeze(&mut self, since_last: bool, to: &mut SnapshotWriter) -> Result<()> {
        let _ = since_last;
        self.snapshot(to)
    }
    /// Goes on with what [`Step::freeze`] has begun, by about `quota` records.
    fn pace(&mut self, quota: usize, to: &mut SnapshotWriter) -> Result<Flow> {
        let _ = (quota, to);
        Ok(Flow::Done)
    }
    /// Takes over what `from` holds for this step's key groups, before the first bundle.
    fn restore(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        let _ = from;
        Ok(())
    }
    /// Elements dropped so far: behind the lateness horizon, and for windows whose trigger had
    /// finished.
    fn dropped(&self) -> Dropped {
        Dropped::default()
    }
    /// Best effort, once, after everything else or after an error.
    fn teardown(&mut self) {}
}

/// Counts of (element, window) pairs that a grouping did not take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dropped {
    /// Behind the lateness horizon.
    pub late: u64,
    /// The window's trigger had finished.
    pub closed: u64,
    /// In no window at all.
    pub unwindowed: u64,
}

impl Dropped {
    /// The counts that are not 0, each with the reason in words.
    pub fn reasons(self) -> impl Iterator<Item = (u64, &'static str)> {
        let all = [
            (self.late, "too late"),
            (self.closed, "after the window's trigger had finished"),
            (self.unwindowed, "in no window"),
        ];
        all.into_iter().filter(|(n, _)| *n > 0)
    }
}

impl std::ops::AddAssign for Dropped {
    fn add_assign(&mut self, more: Dropped) {
        self.late += more.late;
        self.closed += more.closed;
        self.unwindowed += more.unwindowed;
    }
}

/// What a step is told when it is made.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// How exactly its outputs' consumers look at timestamps.
    pub demand: Demand,
    /// Windowing of its (first) input.
    pub windowing: WindowingStrategy,
    /// The step's path, for errors.
    pub path: String,
}

/// Makes the run-time form of a node, once per worker.
pub trait MakeStep: Send + Sync {
    /// A fresh instance.
    fn make(&self, cx: &StepContext) -> Result<Box<dyn Step>>;
    /// What the step itself looks at, beside what its consumers look at.
    fn observes(&self) -> Observes {
        Observes::default()
    }
}

/// What a step looks at beside the values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Observes {
    /// Exact timestamps.
    pub timestamps: bool,
    /// Windows: elements in several are processed once in each.
    pub windows: bool,
    /// Gives its outputs new timestamps, so that the old ones matter only as named above.
    pub replaces_timestamps: bool,
}
