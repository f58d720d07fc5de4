//! What a task does at the end of an epoch.
//!
//! Owns when a barrier passes, and what is written down behind it: at once what is little, over
//! several turns what is much. Invariants: a barrier passes an open emission but never a parked
//! batch, and partial buffers go out before it.

use super::{Cx, Input, Task};
use crate::control::Orders;
use crate::exchange::{Inlet, Message};
use crate::mutant::{Mutant, is_on};
use crate::snapshot::{Held, StagedEpoch};
use whitebeam_env::Env;
use whitebeam_sdk::Result;
use whitebeam_sdk::erase::Flow;
use whitebeam_sdk::graph::NodeId;
use whitebeam_sdk::hash::KEY_GROUPS;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::snapshot::SnapshotWriter;

/// What a task is writing down, while it goes on.
#[derive(Debug)]
pub(super) struct Freezing {
    epoch: Epoch,
    frozen: Frozen,
    steps: Vec<(NodeId, SnapshotWriter)>,
    /// All that is held now was emitted; a deliberate mistake forgets it.
    leave_out: bool,
}

impl Freezing {
    /// Bytes that sinks staged and nobody has taken over.
    pub(super) fn staged(&self) -> u64 {
        self.frozen.staged.bytes()
    }
}

/// What a task writes down at the end of an epoch.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    pub(crate) held: Held,
    pub(crate) staged: StagedEpoch,
    /// What steps hold, by their paths.
    pub(crate) steps: Vec<(String, SnapshotWriter)>,
}

impl Task {
    /// Gives up every epoch up to `epoch`: the inputs are read on.
    pub(crate) fn give_up(&mut self, epoch: Epoch) {
        if self.passed < Some(epoch) {
            self.passed = Some(epoch);
            if let Input::Exchanges(inlets) = &mut self.input {
                inlets.iter_mut().for_each(|inlet| inlet.release(epoch));
            }
        }
    }

    /// The epoch whose end has come here: of a source, or of a stage whose inputs have all ended,
    /// when it is asked for; of any other when all inputs are aligned.
    pub(super) fn due_epoch(&self, orders: &Orders) -> Option<Epoch> {
        let asked = orders.requested.filter(|e| Some(*e) > orders.cancelled);
        let due = match &self.input {
            Input::Source(_) => asked,
            Input::Exchanges(inlets) if inlets.iter().all(|i| i.has_ended()) => asked,
            Input::Exchanges(inlets) => {
                let barrier = inlets.iter().filter_map(|i| i.barrier()).max();
                let is_aligned = inlets.iter().all(|inlet| inlet.is_aligned());
                barrier.filter(|_| is_aligned || is_on(Mutant::NoAlignment))
            }
        };
        due.filter(|epoch| Some(*epoch) > self.passed)
    }

    /// False if it cannot be passed yet.
    pub(super) fn pass_barrier<E: Env>(&mut self, epoch: Epoch, cx: &Cx<'_, E>) -> Result<bool> {
        let must_wait = self.stage.close_bundles()? == Flow::Yield;
        if must_wait && !is_on(Mutant::BarrierPassesParked) {
            return Ok(false);
        }
        if !self.stage.may_snapshot() && !is_on(Mutant::BarrierPassesParked) {
            // Steps are told the watermark before the barrier, and whoever cannot write down what
            // is left of an emission ends it first.
            self.stage.begin_settling(Some(cx.clock.now()));
            let _ = self.stage.settle_some(cx.limits.quanta)?;
            return Ok(false);
        }
        let env = cx.clock.env();
        let is_source = matches!(self.input, Input::Source(_));
        env.point(if is_source {
            "src.barrier_in"
        } else {
            "align.all"
        });
        if is_on(Mutant::BarrierBeforePartials) {
            self.send_barrier(epoch);
            self.stage.flush_partial()?;
        } else {
            self.stage.flush_partial()?;
            self.send_barrier(epoch);
        }
        self.freeze(epoch, &cx.orders)?;
        env.point(if is_source {
            "src.snapped"
        } else {
            "snap.taken"
        });
        self.passed = Some(epoch);
        if let Input::Exchanges(inlets) = &mut self.input {
            inlets.iter_mut().for_each(|inlet| inlet.release(epoch));
        }
        Ok(true)
    }

    fn send_barrier(&self, epoch: Epoch) {
        for exit in &self.exits {
            exit.tell(|| Message::Barrier(epoch));
        }
    }

    /// A task that has finished still hands over what its sinks hold.
    pub(super) fn answer<E: Env>(
        &mut self,
        cx: &Cx<'_, E>,
        frozen: &mut Option<Frozen>,
    ) -> Result<bool> {
        let Some(epoch) = self.due_epoch(&cx.orders) else {
            return Ok(false);
        };
        self.freeze(epoch, &cx.orders)?;
        self.passed = Some(epoch);
        *frozen = self.write_down(cx, cx.limits.records)?;
        Ok(true)
    }

    /// Notes what is held now; what is much of it is written down from now on.
    fn freeze(&mut self, epoch: Epoch, orders: &Orders) -> Result<()> {
        let mut frozen = Frozen::default();
        let mut steps = Vec::new();
        if orders.keeps_state {
            let since_last = orders.since.is_some() && orders.since == self.frozen;
            steps = self.stage.freeze(since_last, KEY_GROUPS, &self.mine)?;
        }
        self.frozen = None;
        match &self.input {
            Input::Source(reading) => {
                let path = reading.path().to_string();
                frozen.held.sources.insert(path, reading.snapshot());
            }
            Input::Exchanges(inlets) => {
                let floors = inlets.iter().map(Inlet::watermark).collect();
                frozen.held.floors.insert(self.name.clone(), floors);
            }
        }
        for (sink, parts) in self.stage.stage_sinks(epoch)? {
            let path = self.paths.get(&sink).map_or("", String::as_str);
            frozen.staged.add(path, parts);
        }
        frozen.held.counts = self.counts();
        self.freezing = Some(Freezing {
            epoch,
            frozen,
            steps,
            leave_out: is_on(Mutant::EmissionNotSaved) && self.stage.is_emitting(),
        });
        Ok(())
    }

    /// Goes on writing down what was held at the end of the epoch, by about `records` of each step;
    /// all of it once that is done.
    pub(super) fn write_down<E: Env>(
        &mut self,
        cx: &Cx<'_, E>,
        records: usize,
    ) -> Result<Option<Frozen>> {
        let Some(freezing) = &mut self.freezing else {
            return Ok(None);
        };
        if self.stage.pace(records, &mut freezing.steps)? == Flow::Yield {
            cx.clock.env().point("snap.paced");
            return Ok(None);
        }
        let Some(Freezing {
            epoch,
            mut frozen,
            steps,
            leave_out,
        }) = self.freezing.take()
        else {
            return Ok(None);
        };
        self.frozen = Some(epoch);
        for (id, mut step) in steps {
            if leave_out {
                step.clear_keyed();
            }
            // Where others say what has changed, nothing has to be said too.
            if !step.is_nothing() || cx.orders.since.is_some() {
                let path = self.paths.get(&id).cloned().unwrap_or_default();
                frozen.steps.push((path, step));
            }
        }
        Ok(Some(frozen))
    }
}
