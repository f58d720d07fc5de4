//! The panes of counted windows: which are due, and their emission in pieces.
//!
//! Owns how a firing is numbered and timed, and the chunks in which the on-time panes of a window are
//! prepared. Does not own when a window is due.

use super::{Counted, Emitted, NOTHING};
use whitebeam_sdk::erase::{After, Firing, Flow, Outs, Slot, Stamp, TableId};
use whitebeam_sdk::window::{AccumulationMode, OnTimeBehavior, Window};
use whitebeam_sdk::{PaneInfo, PaneTiming, Result, Timestamp};

/// Panes that one call prepares at most: what is prepared cannot be written down.
const CHUNK: usize = 1024;

/// A window whose on-time panes are being emitted.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnTime {
    pub(super) table: TableId,
    pub(super) window: Window,
    /// No slot before this one is still to fire.
    pub(super) from: usize,
}

/// Panes that are being emitted.
#[derive(Debug)]
pub(super) struct Emission {
    pub(super) table: TableId,
    pub(super) firings: Vec<Firing>,
    pub(super) from: usize,
}

impl Counted {
    /// The firing of one key, which is noted as emitted.
    pub(super) fn fire(
        &mut self,
        table: TableId,
        slot: Slot,
        timing: PaneTiming,
        last: bool,
    ) -> Firing {
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
    pub(super) fn emit(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
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
    pub(super) fn fire_on_time(
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
        // What fires in its bundle was noted when the bundle's elements came.
        let windows = &mut self.windows;
        let len = windows.store.len(table);
        windows.changes.changed(table, len, due.iter().copied());
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
    pub(super) fn next_on_time(&self, wm: Timestamp) -> Option<OnTime> {
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
}
