//! Driving a stage whose outlets may have no room: parking, and settling in quanta.
//!
//! Owns what a stage has begun and not finished: batches that wait at the step they were for, and a
//! settling that stopped on its way. Does not own when to go on: a runner calls when there is room.
//! Invariant: no watermark moves through the stage while a batch is parked, so that it never
//! overtakes one.

use super::Stage;
use super::node::{Body, StageNode};
use whitebeam_sdk::erase::{ErasedBatch, Flow, Outs, Port, Step};
use whitebeam_sdk::{Result, Timestamp};

/// A batch that waits at a node for room behind it.
pub(super) struct Parked {
    to: usize,
    port: Port,
    batch: Box<dyn ErasedBatch>,
    /// The node has taken a part of it, and counted all of it.
    begun: bool,
}

/// How far a settling has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settling {
    /// The node at work; those before it are settled.
    at: usize,
    now: Option<Timestamp>,
    /// Its watermark has been moved; what is left is processing time.
    timing: bool,
}

impl Stage {
    pub(super) fn park(&mut self, to: usize, port: Port, batch: &mut dyn ErasedBatch) {
        self.set_aside(to, port, batch, false);
    }

    pub(super) fn park_rest(&mut self, to: usize, port: Port, batch: &mut dyn ErasedBatch) {
        self.set_aside(to, port, batch, true);
    }

    fn set_aside(&mut self, to: usize, port: Port, batch: &mut dyn ErasedBatch, begun: bool) {
        let mut kept = batch.new_like();
        kept.swap(batch);
        self.parked.push(Parked {
            to,
            port,
            batch: kept,
            begun,
        });
    }

    /// True while batches wait for room.
    pub fn is_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Looks for room again, and goes on with what was parked, deepest first. `Yield` while
    /// something waits or no outlet's room is left.
    pub fn resume(&mut self) -> Result<Flow> {
        let has_room = |n: &StageNode| match &n.body {
            Body::Outlet(outlet) => outlet.has_room(),
            _ => true,
        };
        self.stuck = !self.nodes.iter().all(has_room);
        if self.stuck {
            return Ok(Flow::Yield);
        }
        self.guarded(|stage| {
            let mut waiting = std::mem::take(&mut stage.parked).into_iter();
            while !stage.stuck
                && let Some(mut parked) = waiting.next()
            {
                let (to, batch) = (parked.to, parked.batch.as_mut());
                if parked.begun {
                    stage.current = to;
                    stage.take(to, parked.port, batch)?;
                } else {
                    stage.deliver(to, parked.port, batch)?;
                }
            }
            // What was parked just now stands deeper than what still waits.
            stage.parked.extend(waiting);
            Ok(())
        })?;
        Ok(self.flow())
    }

    fn flow(&self) -> Flow {
        if self.stuck || self.is_parked() {
            Flow::Yield
        } else {
            Flow::Done
        }
    }

    /// Whether [`Stage::push`] may be called for `entry` now: nothing waits on the way behind it, or
    /// nothing on the way puts anything out. A grouping takes input while it emits, if it can.
    pub fn accepts(&self, entry: usize) -> bool {
        let consumers = &self.entries[entry].consumers;
        let is_free = match self.settling {
            None => true,
            Some(Settling { at, .. }) => consumers.iter().all(|(to, _)| *to == at),
        };
        let is_open = |(to, _): &(usize, Port)| self.nodes[*to].takes_now();
        let is_free = is_free && consumers.iter().all(is_open);
        let silent = |(to, _): &(usize, Port)| !self.nodes[*to].may_emit();
        is_free && (self.flow() == Flow::Done || consumers.iter().all(silent))
    }

    /// Begins to end the bundle and to move watermarks (and, with `now`, processing time) through
    /// the stage, unless that has begun already.
    pub fn begin_settling(&mut self, now: Option<Timestamp>) {
        self.settling.get_or_insert(Settling {
            at: 0,
            now,
            timing: false,
        });
    }

    /// True while a settling is under way.
    pub fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    /// A step has more to emit for a clock that moved.
    pub fn is_emitting(&self) -> bool {
        self.nodes.iter().any(|node| node.emitting)
    }

    /// Goes on with a settling, for at most `quanta` calls that leave a step with more to do.
    /// `Done` once it is complete.
    pub fn settle_some(&mut self, quanta: usize) -> Result<Flow> {
        let mut quanta = quanta;
        self.guarded(|stage| {
            while let Some(settling) = stage.settling
                && stage.flow() == Flow::Done
                && quanta > 0
            {
                if settling.at == stage.nodes.len() {
                    stage.settling = None;
                } else {
                    stage.settle_node(settling, &mut quanta)?;
                }
            }
            Ok(())
        })?;
        Ok(match self.settling {
            None => Flow::Done,
            Some(_) => Flow::Yield,
        })
    }

    pub(super) fn settle_fully(&mut self, now: Option<Timestamp>) -> Result<()> {
        self.begin_settling(now);
        let flow = self.settle_some(usize::MAX)?;
        debug_assert_eq!(flow, Flow::Done, "an outlet without room needs settle_some");
        Ok(())
    }

    fn settle_node(&mut self, settling: Settling, quanta: &mut usize) -> Result<()> {
        let Settling { at, now, timing } = settling;
        if self.finish_bundle_of(at)? == Flow::Yield {
            return Ok(());
        }
        if !timing && self.move_watermark(at, quanta)? == Flow::Yield {
            return Ok(());
        }
        if let Some(settling) = &mut self.settling {
            settling.timing = true;
        }
        if let Some(now) = now {
            let tell = |step: &mut dyn Step, out: &mut Outs<'_>| step.processing_time(now, out);
            if self.emit(at, quanta, tell)? == Flow::Yield {
                return Ok(());
            }
        }
        self.pass_watermark(at, self.nodes[at].seen_watermark);
        self.settling = Some(Settling {
            at: at + 1,
            now,
            timing: false,
        });
        Ok(())
    }

    fn move_watermark(&mut self, at: usize, quanta: &mut usize) -> Result<Flow> {
        loop {
            let node = &mut self.nodes[at];
            let input = node.input_watermark();
            if input <= node.seen_watermark && !node.emitting {
                return Ok(Flow::Done);
            }
            node.seen_watermark = input;
            let tell = |step: &mut dyn Step, out: &mut Outs<'_>| step.watermark(input, out);
            if self.emit(at, quanta, tell)? == Flow::Yield {
                return Ok(Flow::Yield);
            }
        }
    }

    fn emit(
        &mut self,
        at: usize,
        quanta: &mut usize,
        call: impl FnMut(&mut dyn Step, &mut Outs<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let flow = self.run(at, quanta, call)?;
        self.nodes[at].emitting = flow == Flow::Yield;
        Ok(flow)
    }

    fn finish_bundle_of(&mut self, at: usize) -> Result<Flow> {
        if !self.nodes[at].in_bundle {
            return Ok(Flow::Done);
        }
        let mut quanta = usize::MAX;
        let flow = self.run(at, &mut quanta, |step, out| step.finish_bundle(out))?;
        self.nodes[at].in_bundle = flow == Flow::Yield;
        Ok(flow)
    }

    /// Ends the open bundle of every step without moving a clock, so that a snapshot may follow
    /// (see [`Stage::may_snapshot`]). `Yield` while there is no room for what that puts out.
    pub fn close_bundles(&mut self) -> Result<Flow> {
        self.guarded(|stage| {
            for at in 0..stage.nodes.len() {
                if stage.flow() == Flow::Yield || stage.finish_bundle_of(at)? == Flow::Yield {
                    break;
                }
            }
            Ok(())
        })?;
        Ok(self.flow())
    }

    /// A snapshot taken now loses and repeats nothing: no bundle is open, nothing is parked, every
    /// step has been told its watermark (so that copies of a stage behind one barrier agree on it),
    /// and whoever is in the midst of an emission writes down what is left of it. If not, settling
    /// leads there.
    pub fn may_snapshot(&self) -> bool {
        let between = |n: &StageNode| {
            let is_told = n.seen_watermark >= n.input_watermark();
            is_told && !n.in_bundle && n.saves_now()
        };
        !self.is_parked() && self.nodes.iter().all(between)
    }

    /// Sends on what the outlets have taken, however little it is.
    pub fn flush_partial(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            if let Body::Outlet(outlet) = &mut node.body {
                outlet.flush().map_err(|e| node.context.place(e))?;
            }
        }
        Ok(())
    }

    /// What each outlet may promise to its reader, in the order of the plan's exits.
    pub fn outlet_watermarks(&self) -> impl Iterator<Item = Timestamp> {
        let outlets = self.nodes.iter();
        outlets
            .filter(|n| matches!(n.body, Body::Outlet(_)))
            .map(StageNode::input_watermark)
    }
}
