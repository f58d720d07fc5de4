//! Fast path: windows that also fire early by count and late by element.
//!
//! Owns one table per open window and, beside it, what each key has emitted. Right for windows
//! that do not merge, under the default trigger with lateness or the end-of-window trigger with
//! early counts and single late elements (`group::path` says when). Panes carry the end of their
//! window, so nothing but windows that are still to fire holds the output watermark, and it equals
//! the input watermark unless the caller holds it.

mod panes;
mod saved;

use super::changes::by_table;
use super::windowed::Windowed;
use panes::{Emission, OnTime};
use saved::beside;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::erase::{
    Dropped, ErasedBatch, Flow, GroupStore, Outs, Port, Slot, Step, TableId,
};
use whitebeam_sdk::snapshot::{SnapshotReader, SnapshotWriter};
use whitebeam_sdk::window::{Window, WindowingStrategy};
use whitebeam_sdk::{PaneTiming, Result, Timestamp};

/// What a key of a window has seen and emitted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Emitted {
    /// Elements since the last pane.
    since: u32,
    /// Panes so far.
    panes: u32,
    /// Panes so far that were not early, less one.
    nonspeculative: i32,
}

static NOTHING: Emitted = Emitted {
    since: 0,
    panes: 0,
    nonspeculative: -1,
};

/// A window's keys. Keyed by: slot of its table. Cleared: when the window expires.
#[derive(Debug)]
struct Keys {
    window: Window,
    emitted: Vec<Emitted>,
    /// The watermark has passed the end of the window, and on-time panes are out.
    past_end: bool,
    /// Keys whose trigger became ready in this bundle.
    ready: Vec<Slot>,
}

/// One table per window, and what each key has emitted.
pub(super) struct Counted {
    windows: Windowed,
    strategy: WindowingStrategy,
    /// Elements that make an early pane.
    early: u32,
    /// By table.
    keys: Vec<Option<Keys>>,
    /// Tables with keys that are ready.
    touched: Vec<TableId>,
    emission: Option<Emission>,
    on_time: Option<OnTime>,
    /// Restored windows whose end has passed and whose on-time panes are not all out.
    unfinished: Vec<Window>,
    slots: Vec<Slot>,
    spare: Vec<Vec<Emitted>>,
    output_watermark: Timestamp,
    hold: Option<Timestamp>,
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Counted({:?})", self.windows)
    }
}

impl Counted {
    /// Fires early at every `early` elements of a key, if any.
    pub(super) fn new(
        store: Box<dyn GroupStore>,
        strategy: WindowingStrategy,
        early: Option<u64>,
        late_ports: bool,
    ) -> Self {
        let mut windows = Windowed::new(store, strategy.window_fn, late_ports);
        windows.allowed_lateness = strategy.allowed_lateness;
        Counted {
            windows,
            strategy,
            // A pane of more elements than that cannot be counted out, and is not early.
            early: early
                .and_then(|n| u32::try_from(n.max(1)).ok())
                .unwrap_or(u32::MAX),
            keys: Vec::new(),
            touched: Vec::new(),
            emission: None,
            on_time: None,
            unfinished: Vec::new(),
            slots: Vec::new(),
            spare: Vec::new(),
            output_watermark: Timestamp::MIN,
            hold: None,
        }
    }

    /// Makes room beside the tables that were opened since the last call.
    fn follow_tables(&mut self) {
        for (&(end, start), &table) in &self.windows.open {
            let at = table.0 as usize;
            if self.keys.len() <= at {
                self.keys.resize_with(at + 1, || None);
            }
            if self.keys[at].is_none() {
                let window = Window::new(start, end);
                let is_due = end.previous() < self.windows.watermark;
                self.keys[at] = Some(Keys {
                    window,
                    emitted: self.spare.pop().unwrap_or_default(),
                    past_end: is_due && !self.unfinished.contains(&window),
                    ready: Vec::new(),
                });
            }
        }
    }

    /// Counts the elements whose slots `upsert` gave, and notes keys that become ready.
    fn count(&mut self) {
        let (keys, touched, early) = (&mut self.keys, &mut self.touched, self.early);
        let Windowed { runs, tables, .. } = &self.windows;
        by_table(runs, tables, &self.slots, |table, slots| {
            let slots = slots.iter().copied();
            Self::count_in(keys, touched, table, early, slots);
        });
        self.windows.note_changed(&self.slots);
        self.slots.clear();
    }

    fn count_in(
        keys: &mut [Option<Keys>],
        touched: &mut Vec<TableId>,
        table: TableId,
        early: u32,
        slots: impl Iterator<Item = Slot>,
    ) {
        let Some(keys) = &mut keys[table.0 as usize] else {
            return;
        };
        let ready_at = if keys.past_end { 1 } else { early };
        for slot in slots {
            let slot = slot as usize;
            if keys.emitted.len() <= slot {
                keys.emitted.resize(slot + 1, NOTHING);
            }
            let since = &mut keys.emitted[slot].since;
            *since = since.saturating_add(1);
            // Whatever is ready fires when its bundle ends, so the count passes this once a bundle.
            if *since == ready_at {
                if keys.ready.is_empty() {
                    touched.push(table);
                }
                keys.ready.push(slot as Slot);
            }
        }
    }

    /// Drops windows that have expired.
    fn expire(&mut self, wm: Timestamp) -> Result<Flow> {
        let lateness = self.strategy.allowed_lateness;
        while let Some((&(end, start), &table)) = self.windows.open.first_key_value()
            && Window::new(start, end).expiry(lateness) < wm
        {
            if !self.windows.clear_way(table, Some(&beside(&self.keys)))? {
                return Ok(Flow::Yield);
            }
            self.windows.open.remove(&(end, start));
            self.windows.close(table);
            if let Some(mut keys) = self.keys[table.0 as usize].take() {
                keys.emitted.clear();
                self.spare.push(keys.emitted);
            }
        }
        Ok(Flow::Done)
    }

    fn advance_output(&mut self) {
        let held = self.hold.unwrap_or(Timestamp::MAX);
        self.output_watermark = self.output_watermark.max(self.windows.watermark.min(held));
    }
}

impl Step for Counted {
    fn process(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        let tables = self.windows.open.len();
        self.windows.assign(input);
        if self.windows.open.len() != tables {
            self.follow_tables();
        }
        self.windows.losses.pass_on(port, input, out);
        self.windows
            .keep_frozen(port, input, Some(&beside(&self.keys)))?;
        let Windowed {
            store,
            runs,
            tables,
            ..
        } = &mut self.windows;
        store.upsert(port, input, runs, tables, Some(&mut self.slots))?;
        self.count();
        Ok(Flow::Done)
    }

    fn finish_bundle(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
        loop {
            if self.emit(out)? == Flow::Yield {
                return Ok(Flow::Yield);
            }
            let Some(table) = self.touched.pop() else {
                return Ok(Flow::Done);
            };
            let Some(keys) = &mut self.keys[table.0 as usize] else {
                continue;
            };
            let (past_end, end) = (keys.past_end, keys.window.max_timestamp());
            let mut ready = std::mem::take(&mut keys.ready);
            let mut firings = Vec::with_capacity(ready.len());
            for slot in ready.drain(..) {
                let on_time_is_out = self.keys[table.0 as usize]
                    .as_ref()
                    .is_some_and(|keys| keys.emitted[slot as usize].nonspeculative >= 0);
                let timing = match past_end {
                    false => PaneTiming::Early,
                    true if self.output_watermark > end || on_time_is_out => PaneTiming::Late,
                    true => PaneTiming::OnTime,
                };
                firings.push(self.fire(table, slot, timing, false));
            }
            if let Some(keys) = &mut self.keys[table.0 as usize] {
                keys.ready = ready;
            }
            self.emission = Some(Emission {
                table,
                firings,
                from: 0,
            });
        }
    }

    fn watermark(&mut self, wm: Timestamp, out: &mut Outs<'_>) -> Result<Flow> {
        self.windows.watermark = wm;
        loop {
            if self.emit(out)? == Flow::Yield {
                return Ok(Flow::Yield);
            }
            if !out.port(0).is_empty() {
                // A snapshot may be taken in between.
                return Ok(Flow::Yield);
            }
            let begun = self.on_time.or_else(|| self.next_on_time(wm));
            let Some(on_time) = begun else {
                break;
            };
            let table = on_time.table;
            if !self.windows.clear_way(table, Some(&beside(&self.keys)))? {
                return Ok(Flow::Yield);
            }
            self.fire_on_time(on_time);
        }
        if self.expire(wm)? == Flow::Yield {
            return Ok(Flow::Yield);
        }
        self.advance_output();
        Ok(Flow::Done)
    }

    fn takes_amid(&self) -> bool {
        // Late elements would be shown in on-time panes that are still to come.
        false
    }

    fn saves_amid(&self) -> bool {
        self.emission.is_none()
    }

    fn output_watermark(&self, _: Timestamp) -> Timestamp {
        self.output_watermark
    }

    fn hold(&mut self, at: Option<Timestamp>) {
        self.hold = at;
        self.advance_output();
    }

    fn snapshot(&mut self, to: &mut SnapshotWriter) -> Result<()> {
        self.save(to)
    }

    fn freeze(&mut self, since_last: bool, to: &mut SnapshotWriter) -> Result<()> {
        self.save_clocks(to)?;
        self.windows.freeze_tables(since_last, to)
    }

    fn pace(&mut self, quota: usize, to: &mut SnapshotWriter) -> Result<Flow> {
        self.windows
            .pace_tables(quota, Some(&beside(&self.keys)), to)
    }

    fn restore(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        self.load(from)
    }

    fn dropped(&self) -> Dropped {
        self.windows.dropped()
    }
}
