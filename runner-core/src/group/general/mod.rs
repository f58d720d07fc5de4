//! The general path of grouping: any windows, any trigger, state per key and window. It is the
//! meaning; every fast path is proved equal to it.
//!
//! Split by what happens: `intake` takes a batch, `sessions` merges windows, `firing` decides and
//! emits panes, `waves` follows the clocks, `record` writes and reads snapshots. `windows` and
//! `queues` are the storage under them. Keys and contents are the store's; timers, holds, panes
//! and lateness are here.
//!
//! Elements of one `process` call meet open sessions together; triggers are tested when the bundle
//! ends. Emission is resumable: panes that are decided wait in a short queue, everything else that
//! is due is still where it was, so that a snapshot may come in between.
//!
//! Invariant: no pane is decided while another waits from an earlier call; what a waiting pane
//! shows never changes.

mod firing;
mod intake;
mod queues;
mod record;
mod sessions;
mod waves;
mod windows;

use super::assign::Losses;
use super::clocks::Clocks;
use crate::trigger::{Machine, Now, Timers, compile};
use firing::Panes;
use intake::Intake;
use queues::Queues;
use sessions::Merging;
use waves::Waves;
use whitebeam_sdk::erase::{Dropped, ErasedBatch, Flow, GroupStore, Outs, Port, Slot, Step};
use whitebeam_sdk::snapshot::{SnapshotReader, SnapshotWriter};
use whitebeam_sdk::window::WindowingStrategy;
use whitebeam_sdk::{Result, Timestamp, Window};
use windows::{Id, NONE, Windows};

/// A grouping under any windowing strategy.
pub struct General {
    /// Holds: keys, and contents by accumulator.
    store: Box<dyn GroupStore>,
    strategy: WindowingStrategy,
    machine: Machine,
    clocks: Clocks,
    /// Keyed by: key slot and window. Cleared: when the window expires.
    windows: Windows,
    queues: Queues,
    /// Something outside keeps the output watermark back.
    outside: Option<Timestamp>,
    /// Windows whose trigger is tested at the end of the bundle.
    touched: Vec<Id>,
    /// Keys that may have no windows left.
    vacated: Vec<Slot>,
    panes: Panes,
    waves: Waves,
    losses: Losses,
    intake: Intake,
    merging: Merging,
    timers: Timers,
}

impl std::fmt::Debug for General {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "General({:?}, {})", self.clocks, self.strategy.trigger)
    }
}

impl General {
    /// A grouping into `store`. With `late_ports`, output 1 + i carries what input i lost because
    /// it was late.
    pub fn new(store: Box<dyn GroupStore>, strategy: WindowingStrategy, late_ports: bool) -> Self {
        let machine = compile(&strategy.trigger, strategy.merges());
        General {
            store,
            windows: Windows::new(machine.words()),
            machine,
            strategy,
            clocks: Clocks::START,
            queues: Queues::default(),
            outside: None,
            touched: Vec::new(),
            vacated: Vec::new(),
            panes: Panes::default(),
            waves: Waves::default(),
            losses: Losses::new(late_ports),
            intake: Intake::default(),
            merging: Merging::default(),
            timers: Timers::default(),
        }
    }

    /// Keeps the output watermark at or before `at`, as far as it has not passed it already;
    /// `None` lets it go.
    pub fn set_external_hold(&mut self, at: Option<Timestamp>) {
        self.outside = at;
        self.advance_output();
    }

    /// Nothing is remembered of any key.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
            && (0..self.windows.slots()).all(|key| self.windows.first(key) == NONE)
    }

    fn now(&self, window: Window) -> Now {
        Now {
            input_watermark: self.clocks.input,
            processing_time: self.clocks.processing,
            end_of_window: window.max_timestamp(),
        }
    }

    /// Passes on the timers that the trigger of a window asked for, and its changed holds.
    fn update(&mut self, id: Id) {
        let state = self.windows.state(id);
        state.end_timer |= std::mem::take(&mut self.timers.end_of_window);
        for at in self.timers.processing.drain(..) {
            self.queues.set_processing(at, id, state);
        }
        self.queues.update(id, state, &self.strategy);
    }

    /// Forgets keys that have no windows; no pane of theirs may be waiting.
    fn evict_vacated(&mut self) {
        if self.vacated.is_empty() {
            return;
        }
        self.vacated.sort_unstable();
        self.vacated.dedup();
        self.vacated.retain(|&key| self.windows.first(key) == NONE);
        self.store.evict(&self.vacated);
        self.vacated.clear();
    }
}

impl Step for General {
    fn process(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        if self.flush(out)? == Flow::Yield {
            return Ok(Flow::Yield);
        }
        self.take(port, input, out)?;
        Ok(Flow::Done)
    }

    fn finish_bundle(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
        self.finish_touched(out)
    }

    fn watermark(&mut self, wm: Timestamp, out: &mut Outs<'_>) -> Result<Flow> {
        self.advance_input(wm, out)
    }

    fn output_watermark(&self, input: Timestamp) -> Timestamp {
        self.clocks.output.min(input)
    }

    fn processing_time(&mut self, now: Timestamp, out: &mut Outs<'_>) -> Result<Flow> {
        self.advance_processing(now, out)
    }

    fn next_processing_time(&self) -> Option<Timestamp> {
        // A timer is due once the clock is past it.
        self.waves.next_processing.map(Timestamp::next)
    }

    fn emits(&self) -> bool {
        self.losses.is_listening() || !self.panes.is_empty()
    }

    fn hold(&mut self, at: Option<Timestamp>) {
        self.set_external_hold(at);
    }

    fn snapshot(&mut self, to: &mut SnapshotWriter) -> Result<()> {
        self.save(to)
    }

    fn restore(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        self.load(from)
    }

    fn dropped(&self) -> Dropped {
        self.losses.counts
    }
}
