//! A stage: steps joined by local edges, driven as one cooperative unit.
//!
//! Owns delivery of batches from step to step, bundles, the watermark of every edge and the place
//! where an error or a panic gets its step's name. Does not own threads, exchanges or when to
//! read: a runner pushes batches and watermarks into the stage's entries. Invariant: a step's
//! input watermark never passes an element that was delivered to it later in the same order.

mod fault;
mod node;
mod paced;
mod seen;

pub use fault::catch;
pub use node::{Body, NodeSpec, Outlet};
pub use seen::StepProgress;

use crate::stage::node::StageNode;
use paced::{Parked, Settling};
use std::ops::Range;
use whitebeam_sdk::erase::{ErasedBatch, ErasedWriter, Flow, Outs, Port, Step};
use whitebeam_sdk::graph::NodeId;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::snapshot::{SnapshotReader, SnapshotWriter, StepSnapshot};
use whitebeam_sdk::{Result, Timestamp};

/// Where batches enter a stage: the consumers of one collection made outside it.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    consumers: Vec<(usize, Port)>,
}

/// Steps joined by local edges.
pub struct Stage {
    nodes: Vec<StageNode>,
    entries: Vec<Entry>,
    /// The node at work, so that a panic can be named.
    current: usize,
    /// An outlet has no room.
    stuck: bool,
    /// What waits for room, deepest first.
    parked: Vec<Parked>,
    /// A settling that was begun and is not complete.
    settling: Option<Settling>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.nodes.iter().map(|n| &n.path))
            .finish()
    }
}

impl Stage {
    /// A stage of `specs`, inputs before consumers. Each entry lists the (node, port) pairs that
    /// read it, by index into `specs`.
    pub fn new(specs: Vec<NodeSpec>, entries: Vec<Vec<(usize, Port)>>) -> Self {
        let mut nodes: Vec<StageNode> = specs.into_iter().map(StageNode::new).collect();
        for i in 0..nodes.len() {
            for &(to, port) in &nodes[i].consumers.concat() {
                nodes[to].connect(port);
            }
        }
        for &(to, port) in entries.iter().flatten() {
            nodes[to].connect(port);
        }
        let entries = entries
            .into_iter()
            .map(|consumers| Entry { consumers })
            .collect();
        Stage {
            nodes,
            entries,
            current: 0,
            stuck: false,
            parked: Vec::new(),
            settling: None,
        }
    }

    /// Sets up every step; once, before anything else.
    pub fn setup(&mut self) -> Result<()> {
        self.guarded(|stage| {
            for i in 0..stage.nodes.len() {
                stage.current = i;
                let node = &mut stage.nodes[i];
                if let Body::Step(step) = &mut node.body {
                    step.setup().map_err(|e| node.place(e))?;
                }
            }
            Ok(())
        })
    }

    /// Tears every step down; best effort.
    pub fn teardown(&mut self) {
        let _ = self.guarded(|stage| {
            for i in 0..stage.nodes.len() {
                stage.current = i;
                if let Body::Step(step) = &mut stage.nodes[i].body {
                    step.teardown();
                }
            }
            Ok(())
        });
    }

    /// Delivers a batch that arrived at `entry`, which is left empty. The bundle stays open until
    /// [`Stage::settle`].
    pub fn push(&mut self, entry: usize, batch: &mut dyn ErasedBatch) -> Result<()> {
        self.guarded(|stage| {
            let consumers = std::mem::take(&mut stage.entries[entry].consumers);
            let delivered = stage.fan_out(&consumers, batch);
            stage.entries[entry].consumers = consumers;
            delivered
        })
    }

    /// The promise for what still arrives at `entry`; takes effect at the next [`Stage::settle`].
    /// True if it is later than the one before.
    pub fn set_watermark(&mut self, entry: usize, wm: Timestamp) -> bool {
        let mut moved = false;
        for &(to, port) in &self.entries[entry].consumers {
            let known = &mut self.nodes[to].inputs[port].watermark;
            moved |= wm > *known;
            *known = (*known).max(wm);
        }
        moved
    }

    /// Nothing more arrives at any entry: every promise goes to the end of time.
    pub fn finish_inputs(&mut self) {
        for entry in 0..self.entries.len() {
            self.set_watermark(entry, Timestamp::MAX);
        }
    }

    /// Ends the bundle, then moves watermarks through the stage, firing what is due. For outlets
    /// that always have room; see [`Stage::settle_some`] for others.
    pub fn settle(&mut self) -> Result<()> {
        self.settle_fully(None)
    }

    /// Processing time is `now`: fires what is due by it, and settles.
    pub fn tick(&mut self, now: Timestamp) -> Result<()> {
        self.settle_fully(Some(now))
    }

    /// The earliest instant of processing time that a step waits for.
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.nodes
            .iter()
            .filter_map(|n| n.step()?.next_processing_time())
            .min()
    }

    /// Ends `epoch` in every sink: what was staged, by sink node.
    pub fn stage_sinks(&mut self, epoch: Epoch) -> Result<Vec<(NodeId, Vec<Vec<u8>>)>> {
        let mut staged = Vec::new();
        for node in &mut self.nodes {
            if let Body::Writer(writer) = &mut node.body {
                let parts = writer.stage(epoch).map_err(|e| node.context.place(e))?;
                staged.push((node.id, parts));
            }
        }
        Ok(staged)
    }

    /// Bytes that the sinks hold in memory.
    pub fn pending(&self) -> u64 {
        self.writers().map(|writer| writer.pending()).sum()
    }

    /// How many of these the end of an epoch stages.
    pub fn unstaged(&self) -> u64 {
        self.writers().map(|writer| writer.unstaged()).sum()
    }

    fn writers(&self) -> impl Iterator<Item = &dyn ErasedWriter> {
        self.nodes.iter().filter_map(|node| match &node.body {
            Body::Writer(writer) => Some(&**writer),
            _ => None,
        })
    }

    /// Flushes every outlet, after the last settle.
    pub fn flush_outlets(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            if let Body::Outlet(outlet) = &mut node.body {
                outlet.finish().map_err(|e| node.context.place(e))?;
            }
        }
        Ok(())
    }

    /// Gives a step that groups a hold of the caller's own; see `Step::hold`.
    pub fn hold(&mut self, node: NodeId, at: Option<Timestamp>) {
        for n in self.nodes.iter_mut().filter(|n| n.id == node) {
            if let Body::Step(step) = &mut n.body {
                step.hold(at);
            }
        }
    }

    /// What every step holds, by node; between bundles.
    pub fn snapshot(&mut self, key_groups: u16) -> Result<Vec<(NodeId, StepSnapshot)>> {
        let mut all = Vec::new();
        for node in &mut self.nodes {
            if let Body::Step(step) = &mut node.body {
                let mut to = SnapshotWriter::new(key_groups);
                step.snapshot(&mut to).map_err(|e| node.context.place(e))?;
                all.push((node.id, to.finish().map_err(|e| node.context.place(e))?));
            }
        }
        Ok(all)
    }

    /// Begins to write down what every step holds now, by node; between bundles. With `since_last`
    /// only what has changed since the call before. What is not written at once, [`Self::pace`]
    /// writes.
    pub fn freeze(
        &mut self,
        since_last: bool,
        key_groups: u16,
        mine: &Range<u16>,
    ) -> Result<Vec<(NodeId, SnapshotWriter)>> {
        let mut all = Vec::new();
        for node in &mut self.nodes {
            if let Body::Step(step) = &mut node.body {
                let mut to = SnapshotWriter::of(key_groups, mine.clone());
                let frozen = step.freeze(since_last, &mut to);
                frozen.map_err(|e| node.context.place(e))?;
                all.push((node.id, to));
            }
        }
        Ok(all)
    }

    /// Goes on with what [`Self::freeze`] has begun, by about `quota` records a step.
    pub fn pace(&mut self, quota: usize, to: &mut [(NodeId, SnapshotWriter)]) -> Result<Flow> {
        let mut flow = Flow::Done;
        for node in &mut self.nodes {
            if let Body::Step(step) = &mut node.body
                && let Some((_, to)) = to.iter_mut().find(|(id, _)| *id == node.id)
                && step.pace(quota, to).map_err(|e| node.context.place(e))? == Flow::Yield
            {
                flow = Flow::Yield;
            }
        }
        Ok(flow)
    }

    /// Takes over snapshots for each node; before the first bundle.
    pub fn restore<'a>(&mut self, parts: &dyn Fn(NodeId) -> SnapshotReader<'a>) -> Result<()> {
        for node in &mut self.nodes {
            if let Body::Step(step) = &mut node.body {
                step.restore(&parts(node.id))
                    .map_err(|e| node.context.place(e))?;
            }
        }
        Ok(())
    }

    fn fan_out(&mut self, consumers: &[(usize, Port)], batch: &mut dyn ErasedBatch) -> Result<()> {
        let Some(((last, last_port), others)) = consumers.split_last() else {
            batch.clear();
            return Ok(());
        };
        if !others.is_empty() {
            batch.share();
            for &(to, port) in others {
                self.deliver(to, port, &mut *batch.clone_shared())?;
            }
        }
        self.deliver(*last, *last_port, batch)?;
        batch.clear();
        Ok(())
    }

    fn deliver(&mut self, to: usize, port: Port, batch: &mut dyn ErasedBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let node = &mut self.nodes[to];
        if self.stuck && node.may_emit() {
            self.park(to, port, batch);
            return Ok(());
        }
        self.current = to;
        node.elements_in += batch.len() as u64;
        self.take(to, port, batch)
    }

    /// A node takes a batch that is counted already; what it cannot take now is parked.
    fn take(&mut self, to: usize, port: Port, batch: &mut dyn ErasedBatch) -> Result<()> {
        let node = &mut self.nodes[to];
        match &mut node.body {
            Body::Writer(writer) => writer.write(batch).map_err(|e| node.context.place(e)),
            Body::Outlet(outlet) => {
                let taken = outlet.take(batch).map_err(|e| node.context.place(e));
                self.stuck |= !outlet.has_room();
                taken
            }
            Body::Step(step) => {
                if !node.in_bundle {
                    node.in_bundle = true;
                    step.start_bundle().map_err(|e| node.context.place(e))?;
                }
                let mut quanta = usize::MAX;
                let call = |step: &mut dyn Step, out: &mut Outs<'_>| step.process(port, batch, out);
                if self.run(to, &mut quanta, call)? == Flow::Yield {
                    self.park_rest(to, port, batch);
                }
                Ok(())
            }
        }
    }

    /// Calls a step until it is done, delivering what it puts out; `Yield` if it was left with more
    /// to do because an outlet has no room or because `quanta` calls were made.
    fn run(
        &mut self,
        i: usize,
        quanta: &mut usize,
        mut call: impl FnMut(&mut dyn Step, &mut Outs<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let node = &mut self.nodes[i];
        let mut outs = std::mem::take(&mut node.outs);
        let consumers = std::mem::take(&mut node.consumers);
        let result = loop {
            if *quanta == 0 {
                break Ok(Flow::Yield);
            }
            let node = &mut self.nodes[i];
            self.current = i;
            let Body::Step(step) = &mut node.body else {
                break Ok(Flow::Done);
            };
            let flow = match call(step.as_mut(), &mut Outs::new(&mut outs)) {
                Ok(flow) => flow,
                Err(e) => break Err(node.context.place(e)),
            };
            let mut delivered = Ok(());
            for (batch, to) in outs.iter_mut().zip(&consumers) {
                if delivered.is_ok() && !batch.is_empty() {
                    self.nodes[i].elements_out += batch.len() as u64;
                    delivered = self.fan_out(to, batch.as_mut());
                }
            }
            if let Err(e) = delivered {
                break Err(e);
            }
            if flow == Flow::Done || self.stuck {
                break Ok(flow);
            }
            *quanta -= 1;
        };
        self.nodes[i].outs = outs;
        self.nodes[i].consumers = consumers;
        result
    }

    fn pass_watermark(&mut self, i: usize, input: Timestamp) {
        let node = &mut self.nodes[i];
        let promised = node
            .step()
            .map_or(input, |step| step.output_watermark(input));
        if promised <= node.output_watermark {
            return;
        }
        node.output_watermark = promised;
        let consumers = std::mem::take(&mut self.nodes[i].consumers);
        for &(to, port) in consumers.iter().flatten() {
            self.nodes[to].inputs[port].watermark = promised;
        }
        self.nodes[i].consumers = consumers;
    }

    fn guarded(&mut self, body: impl FnOnce(&mut Stage) -> Result<()>) -> Result<()> {
        match catch(|| body(self)) {
            Ok(result) => result,
            Err(e) => Err(self.nodes[self.current].context.place(e)),
        }
    }
}
