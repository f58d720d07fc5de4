//! Fast path: windows that fire once, whole, when the watermark passes their end.
//!
//! Owns one table per open window. Right for windows that do not merge, without lateness, under
//! triggers that fire at the end only (`group::path` says when). Its output watermark is held at
//! the last instant of the first window that is not fully emitted.

use super::assign::{Losses, cell_of, explicit_runs, timestamp_runs};
use super::changes::{Changes, Open, by_table};
use super::heads::{Head, head_of};
use std::collections::BTreeMap;
use whitebeam_sdk::erase::{
    After, Beside, Dropped, ErasedBatch, Flow, GroupStore, Outs, Port, Run, Slot, Stamp, Step,
    TableId, Which,
};
use whitebeam_sdk::snapshot::{SnapshotReader, SnapshotWriter};
use whitebeam_sdk::window::{Window, WindowFn};
use whitebeam_sdk::{Duration, PaneInfo, Result, Timestamp, element};

/// One table per window.
pub(super) struct Windowed {
    /// Holds: every key's accumulator. Keyed by: window. Cleared: when the window has fired.
    pub(super) store: Box<dyn GroupStore>,
    window_fn: WindowFn,
    /// How long after its end a window takes elements.
    pub(super) allowed_lateness: Duration,
    /// Open windows, the first to end first.
    pub(super) open: BTreeMap<(Timestamp, Timestamp), TableId>,
    pub(super) watermark: Timestamp,
    /// The caller's own hold, and the promise that was given already.
    held: Option<Timestamp>,
    promised: Timestamp,
    pub(super) losses: Losses,
    pub(super) runs: Vec<Run>,
    pub(super) tables: Vec<TableId>,
    pub(super) changes: Changes,
    slots: Vec<Slot>,
    peeked: Vec<Option<Slot>>,
}

impl std::fmt::Debug for Windowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Windowed({} open windows)", self.open.len())
    }
}

impl Windowed {
    pub(super) fn new(store: Box<dyn GroupStore>, window_fn: WindowFn, late_ports: bool) -> Self {
        Windowed {
            store,
            window_fn,
            allowed_lateness: Duration::ZERO,
            open: BTreeMap::new(),
            watermark: Timestamp::MIN,
            held: None,
            promised: Timestamp::MIN,
            losses: Losses::new(late_ports),
            runs: Vec::new(),
            tables: Vec::new(),
            changes: Changes::default(),
            slots: Vec::new(),
            peeked: Vec::new(),
        }
    }

    pub(super) fn table(&mut self, window: Window) -> TableId {
        let store = &mut self.store;
        *self
            .open
            .entry((window.end(), window.start()))
            .or_insert_with(|| store.open())
    }

    /// Adds elements up to `upto` to the windows from `first` on in `self.tables`.
    fn run(&mut self, upto: usize, first: usize) {
        let n = (self.tables.len() - first) as u32;
        self.runs.push(Run {
            upto: upto as u32,
            first: first as u32,
            n,
        });
    }

    fn add(&mut self, window: Window, rows: std::ops::Range<usize>) {
        if window.expiry(self.allowed_lateness) < self.watermark {
            self.losses.late(window, rows);
        } else {
            let table = self.table(window);
            self.tables.push(table);
        }
    }

    /// Adds the elements of `input` as `runs` and `tables` say.
    pub(super) fn add_assigned(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        self.losses.pass_on(port, input, out);
        self.keep_frozen(port, input, None)?;
        let mut slots = std::mem::take(&mut self.slots);
        slots.clear();
        let is_watched = self.changes.watches(&self.tables);
        let wanted = is_watched.then_some(&mut slots);
        self.store
            .upsert(port, input, &self.runs, &self.tables, wanted)?;
        self.note_changed(&slots);
        self.slots = slots;
        Ok(Flow::Done)
    }

    /// Has everything written that is frozen and that the elements of `input` are about to change.
    pub(super) fn keep_frozen(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        beside: Option<&Beside<'_>>,
    ) -> Result<()> {
        if !self.changes.is_writing() {
            return Ok(());
        }
        let changes = &mut self.changes;
        let (store, peeked) = (&mut *self.store, &mut self.peeked);
        peeked.clear();
        store.peek(port, input, &self.runs, &self.tables, peeked)?;
        let mut kept = Ok(());
        by_table(&self.runs, &self.tables, peeked, |table, slots| {
            if kept.is_ok() {
                let slots = slots.iter().flatten().copied();
                kept = changes.before(store, table, slots, beside);
            }
        });
        kept
    }

    /// The elements that were assigned last have changed these slots.
    pub(super) fn note_changed(&mut self, slots: &[Slot]) {
        let (store, changes) = (&*self.store, &mut self.changes);
        if !changes.watches(&self.tables) {
            return;
        }
        by_table(&self.runs, &self.tables, slots, |table, slots| {
            changes.changed(table, store.len(table), slots.iter().copied());
        });
    }

    /// Writes some of what is frozen in a table; true if it may be emptied.
    pub(super) fn clear_way(
        &mut self,
        table: TableId,
        beside: Option<&Beside<'_>>,
    ) -> Result<bool> {
        self.changes.clear_way(&mut *self.store, table, beside)
    }

    pub(super) fn close(&mut self, table: TableId) {
        self.store.close(table);
        self.changes.closed(table);
    }

    /// Freezes every open window.
    pub(super) fn freeze_tables(
        &mut self,
        since_last: bool,
        to: &mut SnapshotWriter,
    ) -> Result<()> {
        let mut open = Vec::with_capacity(self.open.len());
        for (&(end, start), &table) in &self.open {
            let (head, len) = (head_of(Window::new(start, end))?, self.store.len(table));
            open.push(Open { table, head, len });
        }
        self.changes.freeze(since_last, open.into_iter(), to);
        Ok(())
    }

    /// Goes on writing.
    pub(super) fn pace_tables(
        &mut self,
        quota: usize,
        beside: Option<&Beside<'_>>,
        to: &mut SnapshotWriter,
    ) -> Result<Flow> {
        match self.changes.pace(&mut *self.store, quota, beside, to)? {
            true => Ok(Flow::Done),
            false => Ok(Flow::Yield),
        }
    }

    /// Emits every window whose last instant lies before `limit`.
    pub(super) fn fire_until(
        &mut self,
        limit: Timestamp,
        which: Which,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        while let Some((&(end, start), &table)) = self.open.first_key_value()
            && end.previous() < limit
        {
            let stamp = stamp_of(Window::new(start, end));
            if !self.clear_way(table, None)? {
                return Ok(Flow::Yield);
            }
            self.changes.emptying(table);
            if self
                .store
                .emit(&[table], which, &stamp, After::Close, out)?
                == Flow::Yield
            {
                return Ok(Flow::Yield);
            }
            self.open.remove(&(end, start));
            self.close(table);
            if !out.is_empty() {
                // One window's panes a batch: its metadata stays one value.
                return Ok(Flow::Yield);
            }
        }
        Ok(Flow::Done)
    }

    /// The output watermark, held by the first window that is to fire and by the caller; what was
    /// promised before a hold is not taken back.
    pub(super) fn promise(&self, first: Option<Timestamp>, input: Timestamp) -> Timestamp {
        let holds = [first, self.held].into_iter().flatten();
        holds.fold(input, Timestamp::min).max(self.promised)
    }

    /// Writes every open window.
    pub(super) fn save(&mut self, to: &mut SnapshotWriter) -> Result<()> {
        self.save_beside(None, to)
    }

    /// Writes every open window, each slot with what a policy keeps beside it.
    pub(super) fn save_beside(
        &mut self,
        beside: Option<&Beside<'_>>,
        to: &mut SnapshotWriter,
    ) -> Result<()> {
        for (&(end, start), &table) in &self.open {
            let head = head_of(Window::new(start, end))?;
            self.store.save_table(table, beside, &mut to.under(&head))?;
        }
        Ok(())
    }

    fn save_watermark(&self, to: &mut SnapshotWriter) -> Result<()> {
        let mut plain = Vec::new();
        element::encode(&self.watermark, &mut plain)?;
        to.plain(plain);
        Ok(())
    }

    pub(super) fn assign(&mut self, input: &dyn ErasedBatch) {
        self.runs.clear();
        self.tables.clear();
        let (meta, len) = (input.meta(), input.len());
        let mut from = 0;
        if meta.implied {
            let window_fn = self.window_fn;
            timestamp_runs(meta, len, cell_of(window_fn), |ts, upto| {
                let first = self.tables.len();
                let mut windows = 0;
                window_fn.assign(ts, |window| {
                    windows += 1;
                    self.add(window, from..upto);
                });
                if windows == 0 {
                    self.losses.unwindowed(upto - from);
                }
                self.run(upto, first);
                from = upto;
            });
        } else {
            explicit_runs(meta, len, |window, upto| {
                let first = self.tables.len();
                self.add(window, from..upto);
                self.run(upto, first);
                from = upto;
            });
        }
    }
}

/// The only pane of a window.
pub(super) fn stamp_of(window: Window) -> Stamp {
    Stamp {
        window,
        timestamp: window.max_timestamp(),
        pane: PaneInfo::ON_TIME_AND_ONLY,
    }
}

impl Step for Windowed {
    fn process(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        self.assign(input);
        let flow = self.add_assigned(port, input, out)?;
        if let ([_], [table]) = (&self.runs[..], &self.tables[..]) {
            // A table that grows large meets many a batch like this.
            self.changes.grown(*table, self.store.len(*table));
        }
        Ok(flow)
    }

    fn watermark(&mut self, wm: Timestamp, out: &mut Outs<'_>) -> Result<Flow> {
        self.watermark = wm;
        self.fire_until(wm, Which::Outputs, out.port(0))
    }

    fn output_watermark(&self, input: Timestamp) -> Timestamp {
        let first = self
            .open
            .first_key_value()
            .map(|((end, _), _)| end.previous());
        self.promise(first, input)
    }

    fn hold(&mut self, at: Option<Timestamp>) {
        self.promised = self.output_watermark(self.watermark);
        self.held = at;
    }

    fn emits(&self) -> bool {
        false
    }

    fn snapshot(&mut self, to: &mut SnapshotWriter) -> Result<()> {
        self.save_watermark(to)?;
        self.save(to)
    }

    fn freeze(&mut self, since_last: bool, to: &mut SnapshotWriter) -> Result<()> {
        self.save_watermark(to)?;
        self.freeze_tables(since_last, to)
    }

    fn pace(&mut self, quota: usize, to: &mut SnapshotWriter) -> Result<Flow> {
        self.pace_tables(quota, None, to)
    }

    fn restore(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        for mut plain in from.plain() {
            self.watermark = self.watermark.max(element::decode(&mut plain)?);
        }
        for record in from.keyed() {
            let mut bytes = record.bytes;
            if let Head::Window(window) = element::decode(&mut bytes)? {
                let table = self.table(window);
                self.store.load_entry(table, &mut bytes)?;
            }
        }
        Ok(())
    }

    fn dropped(&self) -> Dropped {
        self.losses.counts
    }
}
