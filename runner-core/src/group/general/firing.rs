//! Panes: whether a window fires, what the pane is called, and its emission.
//!
//! Owns the queue of panes that are decided and not yet emitted. It stays short: deciding stops
//! after [`QUANTUM`] panes until they are out.

use super::General;
use super::windows::{Id, WindowState};
use crate::trigger::Machine;
use whitebeam_sdk::erase::{After, Firing, Flow, Outs, Stamp};
use whitebeam_sdk::window::{AccumulationMode, ClosingBehavior, OnTimeBehavior};
use whitebeam_sdk::{PaneTiming, Result, Timestamp};

/// Panes decided before any of them is emitted, about.
pub(super) const QUANTUM: usize = 512;

/// Panes that are decided.
#[derive(Debug, Default)]
pub(super) struct Panes {
    queue: Vec<Firing>,
    /// How many of them are emitted.
    emitted: usize,
}

impl Panes {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= QUANTUM
    }

    pub(super) fn push(&mut self, firing: Firing) {
        self.queue.push(firing);
    }

    /// Those not yet emitted.
    pub(super) fn waiting(&self) -> &[Firing] {
        &self.queue[self.emitted..]
    }

    /// The earliest timestamp among them.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.waiting().iter().map(|f| f.stamp.timestamp).min()
    }
}

impl General {
    /// Emits the panes that wait.
    pub(super) fn flush(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
        let Panes { queue, emitted } = &mut self.panes;
        if !queue.is_empty() {
            if self.store.emit_accs(queue, emitted, out.port(0))? == Flow::Yield {
                return Ok(Flow::Yield);
            }
            queue.clear();
            *emitted = 0;
        }
        self.evict_vacated();
        Ok(Flow::Done)
    }

    /// Tests the trigger of a window, and fires it if it is ready.
    pub(super) fn fire_if_ready(&mut self, id: Id) {
        let window = self.windows.state(id).window;
        let now = self.now(window);
        let (_, cells) = self.windows.parts(id);
        if Machine::is_closed(cells) || !self.machine.should_fire(cells, &now) {
            return;
        }
        self.machine.on_fire(cells, &now);
        let last = Machine::is_closed(cells);
        self.fire(id, last);
        if last {
            let (state, cells) = self.windows.parts(id);
            self.machine.clear(cells);
            state.panes = Default::default();
        }
    }

    /// The window is past its lateness: what is left of it is emitted, and it is forgotten.
    pub(super) fn expire(&mut self, id: Id) {
        let (state, cells) = self.windows.parts(id);
        let key = state.key;
        if !Machine::is_closed(cells) {
            self.fire(id, true);
        }
        self.windows.remove(id);
        self.vacated.push(key);
    }

    /// Ends a pane; queues it unless it is an empty one that nobody wants.
    fn fire(&mut self, id: Id, last: bool) {
        let (strategy, clocks) = (&self.strategy, &self.clocks);
        let state = self.windows.state(id);
        let window = state.window;
        let timestamp = state.hold.release(window);
        let pane = state.panes.next(window, clocks, last);
        let wanted = state.pending > 0
            || pane.timing == PaneTiming::OnTime && strategy.on_time == OnTimeBehavior::FireAlways
            || last && strategy.closing == ClosingBehavior::FireAlways;
        state.pending = 0;
        let keep = !last && strategy.accumulation == AccumulationMode::Accumulating;
        let acc = if keep { state.acc } else { state.acc.take() };
        if !wanted {
            if let (Some(acc), false) = (acc, keep) {
                self.store.free_acc(acc);
            }
            return;
        }
        state.panes.count(&pane);
        let &mut WindowState { key: slot, .. } = state;
        self.panes.push(Firing {
            slot,
            acc,
            stamp: Stamp {
                window,
                timestamp,
                pane,
            },
            after: if keep { After::Keep } else { After::Close },
        });
    }
}
