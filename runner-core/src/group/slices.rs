//! Fast path: overlapping windows by slices, so that an element is added once and not once per
//! window.
//!
//! A slice is a span that no window boundary cuts. Owns one table per slice, of those that the
//! store may keep together; a window is emitted as the merge of its slices. Right under the same conditions as `windowed`, and only while
//! windows follow from timestamps: the first batch with explicit windows turns slices into window
//! tables for good.

use super::assign::{cell_of, timestamp_runs};
use super::heads::Head;
use super::windowed::{Windowed, stamp_of};
use std::collections::BTreeMap;
use whitebeam_sdk::erase::{
    After, Dropped, ErasedBatch, ErasedGrouping, Flow, GroupStore, Outs, Port, Run, Step, TableId,
    Which,
};
use whitebeam_sdk::snapshot::{SnapshotReader, SnapshotWriter};
use whitebeam_sdk::window::{Window, WindowFn};
use whitebeam_sdk::{Result, Timestamp, element};

/// One table per slice, or per window once windows came explicitly.
pub(super) struct Slices {
    /// Holds the store, the watermark and the losses of both modes.
    windows: Windowed,
    window_fn: WindowFn,
    /// Slices by their first instant.
    open: BTreeMap<Timestamp, TableId>,
    /// Every window whose last instant lies before it has fired.
    fired: Timestamp,
    /// Windows came explicitly: `open` stays empty.
    by_window: bool,
    /// Carries slices into window tables, and the input port that takes it.
    partials: Box<dyn ErasedBatch>,
    partials_port: Port,
    parts: Vec<TableId>,
    /// Slices that are open at once if the watermark keeps up.
    most: usize,
}

/// Slices beside those of a window that are open while it waits for the watermark.
const AHEAD: usize = 3;

/// Slices of a window.
fn slices_of(window_fn: WindowFn) -> usize {
    let WindowFn::Sliding { size, .. } = window_fn else {
        return 1;
    };
    let (from, to) = cell_of(window_fn)(Timestamp::from_micros(0));
    (size.micros() / (to.micros() - from.micros()).max(1)) as usize
}

impl std::fmt::Debug for Slices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slices({} open slices)", self.open.len())
    }
}

impl Slices {
    pub(super) fn new(
        grouping: &dyn ErasedGrouping,
        store: Box<dyn GroupStore>,
        window_fn: WindowFn,
        late_ports: bool,
    ) -> Self {
        Slices {
            windows: Windowed::new(store, window_fn, late_ports),
            window_fn,
            open: BTreeMap::new(),
            fired: Timestamp::MIN,
            by_window: false,
            partials: grouping.new_input(grouping.inputs()),
            partials_port: grouping.inputs(),
            parts: Vec::new(),
            most: slices_of(window_fn) + AHEAD,
        }
    }

    /// The first window over the slice at `start` that has not fired.
    fn next_window(&self, start: Timestamp) -> Option<Window> {
        let mut next = None;
        // Latest start first, so the last one that is still to fire is the earliest.
        self.window_fn.assign(start, |window| {
            if window.max_timestamp() >= self.fired {
                next = Some(window);
            }
        });
        next
    }

    /// The first window that is to fire.
    fn next(&self) -> Option<Window> {
        self.next_window(*self.open.first_key_value()?.0)
    }

    /// Closes the first slices as long as every window over them has fired.
    fn close_finished(&mut self) {
        while let Some((&start, &table)) = self.open.first_key_value() {
            if self.next_window(start).is_some() {
                return;
            }
            self.open.remove(&start);
            self.windows.store.close(table);
        }
    }

    fn assign(&mut self, input: &dyn ErasedBatch) {
        let Windowed {
            store,
            runs,
            tables,
            losses,
            watermark,
            ..
        } = &mut self.windows;
        let (open, window_fn, most) = (&mut self.open, self.window_fn, self.most);
        runs.clear();
        tables.clear();
        let cell = cell_of(window_fn);
        let mut from = 0;
        timestamp_runs(input.meta(), input.len(), &cell, |ts, upto| {
            let mut live = false;
            window_fn.assign(ts, |window| {
                if window.max_timestamp() < *watermark {
                    losses.late(window, from..upto);
                } else {
                    live = true;
                }
            });
            let first = tables.len() as u32;
            if live {
                let slice = open.entry(cell(ts).0);
                tables.push(*slice.or_insert_with(|| store.open_slice(most)));
            }
            runs.push(Run {
                upto: upto as u32,
                first,
                n: u32::from(live),
            });
            from = upto;
        });
    }

    fn collect_parts(&mut self, window: Window) {
        self.parts.clear();
        self.parts.extend(
            self.open
                .range(window.start()..window.end())
                .map(|(_, table)| *table),
        );
    }

    /// Turns slices into tables of the windows that are still to fire.
    fn convert_to_windows(&mut self) -> Result<()> {
        self.by_window = true;
        while let Some(window) = self.next() {
            self.collect_parts(window);
            let into = [self.windows.table(window)];
            let stamp = stamp_of(window);
            loop {
                let store = &mut self.windows.store;
                let batch = self.partials.as_mut();
                let flow = store.emit(&self.parts, Which::Partials, &stamp, After::Keep, batch)?;
                let run = Run {
                    upto: batch.len() as u32,
                    first: 0,
                    n: 1,
                };
                store.upsert(self.partials_port, batch, &[run], &into, None)?;
                batch.clear();
                if flow == Flow::Done {
                    break;
                }
            }
            self.fired = window.max_timestamp().next();
            self.close_finished();
        }
        Ok(())
    }
}

impl Step for Slices {
    fn process(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        if !self.by_window && !input.meta().implied {
            self.convert_to_windows()?;
        }
        if self.by_window {
            return self.windows.process(port, input, out);
        }
        self.assign(input);
        self.windows.add_assigned(port, input, out)
    }

    fn watermark(&mut self, wm: Timestamp, out: &mut Outs<'_>) -> Result<Flow> {
        if self.by_window {
            return self.windows.watermark(wm, out);
        }
        self.windows.watermark = wm;
        while let Some(window) = self.next().filter(|w| w.max_timestamp() < wm) {
            self.collect_parts(window);
            let (store, to) = (&mut self.windows.store, out.port(0));
            let flow = store.emit(
                &self.parts,
                Which::Outputs,
                &stamp_of(window),
                After::Keep,
                to,
            )?;
            if flow == Flow::Yield {
                return Ok(flow);
            }
            self.fired = window.max_timestamp().next();
            self.close_finished();
            if !out.port(0).is_empty() {
                return Ok(Flow::Yield);
            }
        }
        self.fired = self.fired.max(wm);
        self.close_finished();
        Ok(Flow::Done)
    }

    fn output_watermark(&self, input: Timestamp) -> Timestamp {
        if self.by_window {
            return self.windows.output_watermark(input);
        }
        self.windows
            .promise(self.next().map(Window::max_timestamp), input)
    }

    fn hold(&mut self, at: Option<Timestamp>) {
        self.windows.hold(at);
    }

    fn emits(&self) -> bool {
        false
    }

    fn takes_amid(&self) -> bool {
        // What is late for a window that is due would be shown in it: its slices are others' too.
        self.by_window
    }

    fn saves_amid(&self) -> bool {
        // How far an instance has come is one instant for all its keys: those that are restored
        // together must have come equally far.
        self.by_window
    }

    fn snapshot(&mut self, to: &mut SnapshotWriter) -> Result<()> {
        let mut plain = Vec::new();
        element::encode(&(self.windows.watermark, self.fired), &mut plain)?;
        to.plain(plain);
        self.windows.save(to)?;
        for (start, &table) in &self.open {
            let mut head = Vec::new();
            element::encode(&Head::Slice(*start), &mut head)?;
            let store = &mut self.windows.store;
            store.save_table(table, None, &mut to.under(&head))?;
        }
        Ok(())
    }

    fn restore(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        for mut plain in from.plain() {
            let (watermark, fired) = element::decode(&mut plain)?;
            self.windows.watermark = self.windows.watermark.max(watermark);
            self.fired = self.fired.max(fired);
        }
        for record in from.keyed() {
            let mut bytes = record.bytes;
            let (store, most) = (&mut self.windows.store, self.most);
            let table = match element::decode(&mut bytes)? {
                Head::Slice(start) => {
                    let slice = self.open.entry(start);
                    *slice.or_insert_with(|| store.open_slice(most))
                }
                Head::Window(window) => {
                    self.by_window = true;
                    self.windows.table(window)
                }
            };
            self.windows.store.load_entry(table, &mut bytes)?;
        }
        if self.by_window {
            self.convert_to_windows()
        } else {
            Ok(())
        }
    }

    fn dropped(&self) -> Dropped {
        self.windows.dropped()
    }
}
