//! Fast path: windows that also fire early by count and late by element.
//!
//! Owns one table per open window and, beside it, what each key has emitted. Right for windows
//! that do not merge, under the default trigger with lateness or the end-of-window trigger with
//! early counts and single late elements (`group::path` says when). Panes carry the end of their
//! window, so nothing but windows that are still to fire holds the output watermark, and it equals
//! the input watermark unless the caller holds it.

use super::changes::by_table;
use super::slices::Table;
use super::windowed::{Windowed, head_of};
use serde::{Deserialize, Serialize};
use whitebeam_sdk::erase::{
    After, Dropped, ErasedBatch, Firing, Flow, GroupStore, Outs, Port, Slot, Stamp, Step, TableId,
};
use whitebeam_sdk::snapshot::{SnapshotReader, SnapshotWriter};
use whitebeam_sdk::window::{AccumulationMode, OnTimeBehavior, Window, WindowingStrategy};
use whitebeam_sdk::{PaneInfo, PaneTiming, Result, Timestamp, element};

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

/// Panes that one call prepares at most: what is prepared cannot be written down.
const CHUNK: usize = 1024;

/// A window whose on-time panes are being emitted.
#[derive(Clone, Copy, Debug)]
struct OnTime {
    table: TableId,
    window: Window,
    /// No slot before this one is still to fire.
    from: usize,
}

/// Panes that are being emitted.
#[derive(Debug)]
struct Emission {
    table: TableId,
    firings: Vec<Firing>,
    from: usize,
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

    /// The firing of one key, which is noted as emitted.
    fn fire(&mut self, table: TableId, slot: Slot, timing: PaneTiming, last: bool) -> Firing {
        let accumulating = self.strategy.accumulation == AccumulationMode::Accumulating;
        let keys = &mut self.keys[table.0 as usize];
        let mut window = Window::GLOBAL;
        let mut emitted = NOTHING;
        if let Some(keys) = keys {
            window = keys.window;
            let state = &mut keys.emitted[slot as usize];
            emitted = *state;
            state.since = 0;
            state.panes += 1;
            state.nonspeculative += i32::from(timing != PaneTiming::Early);
        }
        let nonspeculative_index = match timing {
            PaneTiming::Early => -1,
            _ => emitted.nonspeculative + 1,
        };
        let pane = PaneInfo {
            timing,
            first: emitted.panes == 0,
            last,
            index: emitted.panes,
            nonspeculative_index,
        };
        let stamp = Stamp {
            window,
            timestamp: window.max_timestamp(),
            pane,
        };
        // A table's slots are its accumulators; the id is not looked at.
        let acc = Some(whitebeam_sdk::erase::AccId(slot));
        Firing {
            slot,
            acc,
            stamp,
            after: if accumulating {
                After::Keep
            } else {
                After::Reset
            },
        }
    }

    /// Emits what is under way; `Yield` if it goes on.
    fn emit(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
        let Some(e) = &mut self.emission else {
            return Ok(Flow::Done);
        };
        let store = &mut self.windows.store;
        let flow = store.emit_slots(e.table, &e.firings, &mut e.from, out.port(0))?;
        if flow == Flow::Done {
            self.emission = None;
        }
        Ok(flow)
    }

    /// Goes on with the on-time panes of a window: prepares some that are still to be emitted.
    fn fire_on_time(
        &mut self,
        OnTime {
            table,
            window,
            from,
        }: OnTime,
    ) {
        self.on_time = None;
        let Some(keys) = &mut self.keys[table.0 as usize] else {
            return;
        };
        let also_empty = self.strategy.on_time == OnTimeBehavior::FireAlways;
        let is_due = |e: &Emitted| e.nonspeculative < 0 && (also_empty || e.since > 0);
        let slots = (from..).zip(&keys.emitted[from..]);
        let due = slots.filter(|(_, e)| is_due(e)).map(|(slot, _)| slot);
        let due: Vec<Slot> = due.take(CHUNK).map(|slot| slot as Slot).collect();
        match due.last() {
            Some(last) if due.len() == CHUNK => {
                let from = *last as usize + 1;
                self.on_time = Some(OnTime {
                    table,
                    window,
                    from,
                });
            }
            _ => keys.past_end = true,
        }
        if let Some(changes) = &mut self.windows.changes {
            // What fires in its bundle was noted when the bundle's elements came.
            changes.changed(table, due.iter().copied());
        }
        let lateness = self.strategy.allowed_lateness;
        let last = window.expiry(lateness) < self.windows.watermark;
        let fire = |slot| self.fire(table, slot, PaneTiming::OnTime, last);
        let firings = due.into_iter().map(fire).collect();
        self.emission = Some(Emission {
            table,
            firings,
            from: 0,
        });
    }

    /// The first window whose end the watermark has passed and whose on-time panes are not out.
    fn next_on_time(&self, wm: Timestamp) -> Option<OnTime> {
        let due = self
            .windows
            .open
            .iter()
            .take_while(|((end, _), _)| end.previous() < wm);
        let of = |(&(end, start), &table): (&(Timestamp, Timestamp), &TableId)| OnTime {
            table,
            window: Window::new(start, end),
            from: 0,
        };
        let waits = |table: TableId| {
            self.keys[table.0 as usize]
                .as_ref()
                .is_some_and(|keys| !keys.past_end)
        };
        due.map(of).find(|on_time| waits(on_time.table))
    }

    /// Drops windows that have expired.
    fn expire(&mut self, wm: Timestamp) -> Result<Flow> {
        let lateness = self.strategy.allowed_lateness;
        while let Some((&(end, start), &table)) = self.windows.open.first_key_value()
            && Window::new(start, end).expiry(lateness) < wm
        {
            if !self.windows.clear_way(table, &beside(&self.keys))? {
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

    fn save_clocks(&self, to: &mut SnapshotWriter) -> Result<()> {
        let mut plain = Vec::new();
        let watermark = self.windows.watermark;
        let due = self.windows.open.iter();
        let due = due.take_while(|((end, _), _)| end.previous() < watermark);
        let keys = |table: &TableId| self.keys[table.0 as usize].as_ref();
        let unfinished = due.filter(|(_, table)| keys(table).is_some_and(|k| !k.past_end));
        let unfinished = unfinished.map(|(&(end, start), _)| Window::new(start, end));
        let clocks = Clocks {
            watermark,
            output: self.output_watermark,
            unfinished: unfinished.collect(),
        };
        element::encode(&clocks, &mut plain)?;
        to.plain(plain);
        Ok(())
    }

    fn advance_output(&mut self) {
        let held = self.hold.unwrap_or(Timestamp::MAX);
        self.output_watermark = self.output_watermark.max(self.windows.watermark.min(held));
    }
}

/// What an instance holds beside its keys.
#[derive(Debug, Serialize, Deserialize)]
struct Clocks {
    watermark: Timestamp,
    output: Timestamp,
    /// Windows whose end has passed and whose on-time panes are not all out: a key of theirs that
    /// has emitted none is still to fire.
    unfinished: Vec<Window>,
}

/// Appends what a slot has emitted.
fn beside(keys: &[Option<Keys>]) -> impl Fn(TableId, Slot, &mut Vec<u8>) -> Result<()> {
    |table, slot, to| {
        let keys = keys[table.0 as usize].as_ref();
        let emitted = keys.and_then(|keys| keys.emitted.get(slot as usize));
        element::encode(emitted.unwrap_or(&NOTHING), to)
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
        self.windows.keep_frozen(port, input, &beside(&self.keys))?;
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
            if !self.windows.clear_way(table, &beside(&self.keys))? {
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
        self.save_clocks(to)?;
        let (groups, beside) = (to.key_groups(), beside(&self.keys));
        let (mut rest, mut failed) = (Vec::new(), Ok(()));
        for (&(end, start), &table) in &self.windows.open {
            let head = head_of(Window::new(start, end))?;
            let store = &mut self.windows.store;
            store.save_table(table, groups, &mut |entry| {
                rest.clear();
                if let Err(e) = beside(table, entry.slot, &mut rest) {
                    failed = Err(e);
                }
                to.keyed(entry.group, &head, entry.key, &[entry.acc, &rest]);
            })?;
        }
        failed
    }

    fn freeze(&mut self, since_last: bool, to: &mut SnapshotWriter) -> Result<()> {
        self.save_clocks(to)?;
        self.windows.freeze_tables(since_last, to)
    }

    fn pace(&mut self, quota: usize, to: &mut SnapshotWriter) -> Result<Flow> {
        self.windows.pace_tables(quota, &beside(&self.keys), to)
    }

    fn restore(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        for mut plain in from.plain() {
            let clocks: Clocks = element::decode(&mut plain)?;
            self.windows.watermark = self.windows.watermark.max(clocks.watermark);
            self.output_watermark = self.output_watermark.max(clocks.output);
            self.unfinished.extend(clocks.unfinished);
        }
        for record in from.keyed() {
            let mut bytes = record.bytes;
            let Table::Window(window) = element::decode(&mut bytes)? else {
                continue;
            };
            let table = self.windows.table(window);
            self.follow_tables();
            let slot = self.windows.store.load_entry(table, &mut bytes)? as usize;
            let state: Emitted = element::decode(&mut bytes)?;
            if let Some(keys) = &mut self.keys[table.0 as usize] {
                if keys.emitted.len() <= slot {
                    keys.emitted.resize(slot + 1, NOTHING);
                }
                keys.emitted[slot] = state;
            }
        }
        self.unfinished.clear();
        Ok(())
    }

    fn dropped(&self) -> Dropped {
        self.windows.dropped()
    }
}
