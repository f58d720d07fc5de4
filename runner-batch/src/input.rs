//! Reading one split into a stage's entry.
//!
//! Owns the loop around a reader, its bundles and the position in errors.

use crate::observe::Meter;
use std::time::Duration;
use whitebeam_runner_core::origin::WasRead;
use whitebeam_runner_core::plan::Plan;
use whitebeam_runner_core::stage::{Stage, catch};
use whitebeam_sdk::erase::{ErasedBatch, ErasedReader, ErasedSource};
use whitebeam_sdk::graph::{Node, NodeId, NodeKind};
use whitebeam_sdk::source::{Boundedness, Poll, Position, ReadOptions, Watermarks};
use whitebeam_sdk::time::Timestamp;
use whitebeam_sdk::{Error, Result};

/// Batches per bundle. A watermark may come late, never early, so it is told once a bundle too.
const BUNDLE_BATCHES: usize = 32;

/// How long a reader is left alone that waits for an answer.
const PAUSE: Duration = Duration::from_millis(1);

#[allow(
    clippy::disallowed_methods,
    reason = "a runner's own thread, which has nothing else to do until then"
)]
pub(crate) fn pause() {
    std::thread::sleep(PAUSE);
}

/// How long a reader may wait for an answer: longer than a server takes to start again.
const PATIENCE: Duration = Duration::from_secs(60);

/// A source node with its splits.
pub(crate) struct Input<'g> {
    node: &'g Node,
    source: &'g dyn ErasedSource,
    pub(crate) splits: Vec<Vec<u8>>,
}

impl<'g> Input<'g> {
    /// Finds the splits of source `id`.
    pub(crate) fn discover(plan: &Plan<'g>, id: NodeId, desired: usize) -> Result<Self> {
        let node = plan.graph().node(id);
        let NodeKind::Source(source) = &node.kind else {
            return Err(Error::internal("reading a node that is not a source"));
        };
        let found = catch(|| {
            let splits = source.discover(&[], desired)?;
            match source.boundedness() {
                Boundedness::Bounded => Ok(splits),
                Boundedness::Unbounded => source.end_now(&splits),
            }
        });
        let found = found.and_then(|found| found);
        let splits = found.map_err(|e| e.at_step(node.path.clone()).at_line(node.line()))?;
        Ok(Input {
            node,
            source: source.as_ref(),
            splits,
        })
    }

    /// Opens one split.
    pub(crate) fn open(&self, plan: &Plan<'_>, split: &[u8], meter: &Meter) -> Result<Reading<'g>> {
        let options = ReadOptions {
            watermarks: Watermarks::Certain,
            ..plan.read_options(self.node.id)
        };
        let reader = self
            .source
            .open(split, None, &options)
            .map_err(|e| self.place(e, split))?;
        meter.opened(reader.progress().total);
        Ok(Reading {
            node: self.node,
            encoded: split.to_vec(),
            bundle: Bundle::from(reader.position()),
            split: self.source.describe_split(split),
            reader,
            batch: (self.node.outputs[0].new_batch)(),
            done: 0,
            waited: Duration::ZERO,
        })
    }

    fn place(&self, e: Error, split: &[u8]) -> Error {
        e.at_step(self.node.path.clone())
            .at_line(self.node.line())
            .at_position(self.source.describe_split(split))
    }
}

/// Batch waits for nothing: what it reads has to be there.
fn nothing_there() -> Error {
    Error::unavailable("an input that ends has not come to its end yet")
        .note("It waits for elements that nobody has written so far.")
        .help("read up to what is there, run again later, or choose the streaming runner")
}

/// A server that is gone, or cannot be reached any more.
fn no_answer() -> Error {
    let seconds = PATIENCE.as_secs();
    Error::unavailable(format!(
        "what is read has not answered for {seconds} seconds"
    ))
    .help("check whether it runs and can be reached, then run again")
}

/// An open split.
pub(crate) struct Reading<'g> {
    node: &'g Node,
    split: String,
    encoded: Vec<u8>,
    bundle: Bundle,
    reader: Box<dyn ErasedReader>,
    batch: Box<dyn ErasedBatch>,
    done: u64,
    /// For how long nothing has come, and nobody knows whether there is anything.
    waited: Duration,
}

/// What was read since the last bundle ended.
struct Bundle {
    from: Position,
    batches: usize,
    elements: u64,
}

impl Bundle {
    fn from(from: Position) -> Self {
        Bundle {
            from,
            batches: 0,
            elements: 0,
        }
    }
}

impl Reading<'_> {
    /// The promise of this split.
    pub(crate) fn watermark(&self) -> Timestamp {
        self.reader.watermark()
    }

    /// Reads a batch and delivers it; false at the end of the split.
    pub(crate) fn step(
        &mut self,
        plan: &Plan<'_>,
        stage: &mut Stage,
        entry: usize,
        meter: &Meter,
    ) -> Result<bool> {
        let (reader, batch) = (&mut self.reader, self.batch.as_mut());
        let polled = catch(|| reader.poll(batch)).and_then(|poll| poll);
        let poll = polled.map_err(|e| self.place(e).at_line(self.node.line()))?;
        let done = self.reader.progress().done;
        meter.read(done.saturating_sub(self.done), self.batch.len());
        self.done = done;
        self.bundle.batches += 1;
        self.bundle.elements += self.batch.len() as u64;
        if !matches!(poll, Poll::Waiting(_)) || !self.batch.is_empty() {
            self.waited = Duration::ZERO;
        }
        let pushed = stage.push(entry, self.batch.as_mut());
        pushed.map_err(|e| self.near(plan.locate(e, &[self.was_read()], pause)))?;
        match poll {
            Poll::More => Ok(true),
            Poll::End => Ok(false),
            Poll::Idle(_) => Err(self.place(nothing_there())),
            Poll::Waiting(_) => self.wait().map(|()| true),
        }
    }

    /// Waits a moment for what is on its way.
    fn wait(&mut self) -> Result<()> {
        if self.waited >= PATIENCE {
            return Err(self.place(no_answer()));
        }
        self.waited += PAUSE;
        pause();
        Ok(())
    }

    /// True once a bundle is long enough to be ended; the next one begins.
    pub(crate) fn bundle_is_full(&mut self) -> bool {
        let full = self.bundle.batches >= BUNDLE_BATCHES;
        if full {
            self.bundle = Bundle::from(self.reader.position());
        }
        full
    }

    /// What the open bundle was made of.
    fn was_read(&self) -> WasRead {
        WasRead {
            source: self.node.id,
            from: vec![(self.encoded.clone(), Some(self.bundle.from.clone()))],
            most: self.bundle.elements,
        }
    }

    fn place(&self, e: Error) -> Error {
        self.near(e).at_step(self.node.path.clone())
    }

    /// Adds how far the split was read: the element that failed stands before it.
    pub(crate) fn near(&self, e: Error) -> Error {
        let position = self.reader.describe_position();
        e.at_position(match position.as_str() {
            "" => self.split.clone(),
            position => format!("{}, up to {position}", self.split),
        })
    }
}
