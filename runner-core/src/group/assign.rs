//! Which elements of a batch lie in which windows: runs of neighbours that share them.
//!
//! Owns the walk over a batch's metadata and the record of what was dropped. Every fast path and
//! the general path read windows through it.

use whitebeam_sdk::batch::{Col, Meta};
use whitebeam_sdk::erase::{Dropped, ErasedBatch, Outs, Port};
use whitebeam_sdk::time::Timestamp;
use whitebeam_sdk::window::{Window, WindowFn};

/// Calls `each(window, upto)` for runs of elements with explicit windows, in order.
pub(super) fn explicit_runs(meta: &Meta, len: usize, mut each: impl FnMut(Window, usize)) {
    match &meta.windows {
        Col::Uniform(window) => each(*window, len),
        Col::Each(all) => {
            let mut at = 0;
            for run in all.chunk_by(|a, b| a == b) {
                at += run.len();
                each(run[0], at);
            }
        }
    }
}

/// Calls `each(timestamp, upto)` for runs of elements that lie in the same cell; `cell` gives the
/// bounds of the cell of an instant.
pub(super) fn timestamp_runs(
    meta: &Meta,
    len: usize,
    cell: impl Fn(Timestamp) -> (Timestamp, Timestamp),
    mut each: impl FnMut(Timestamp, usize),
) {
    match &meta.ts {
        Col::Uniform(ts) => each(*ts, len),
        Col::Each(all) => {
            let mut at = 0;
            while let Some(&first) = all.get(at) {
                let (from, to) = cell(first);
                // The whole rest lies in the cell if the batch's bounds do.
                let inside = from <= meta.bounds.0 && meta.bounds.1 < to;
                let run = if inside {
                    None
                } else {
                    all[at..].iter().position(|t| *t < from || *t >= to)
                };
                at = run.map_or(len, |n| at + n);
                each(first, at);
            }
        }
    }
}

/// Elements that a grouping did not take, counted and (where someone listens) passed on.
#[derive(Debug, Default)]
pub(super) struct Losses {
    pub(super) counts: Dropped,
    /// (window, rows) of this batch that were late.
    late: Vec<(Window, std::ops::Range<u32>)>,
    listening: bool,
}

impl Losses {
    pub(super) fn new(listening: bool) -> Self {
        Losses {
            listening,
            ..Losses::default()
        }
    }

    /// Somebody wants what is late.
    pub(super) fn is_listening(&self) -> bool {
        self.listening
    }

    /// The elements `rows` came too late for `window`.
    pub(super) fn late(&mut self, window: Window, rows: std::ops::Range<usize>) {
        self.counts.late += rows.len() as u64;
        if self.listening {
            self.late.push((window, rows.start as u32..rows.end as u32));
        }
    }

    /// The elements `rows` lie in no window.
    pub(super) fn unwindowed(&mut self, rows: usize) {
        self.counts.unwindowed += rows as u64;
    }

    /// Copies what was late in `input` to its late output, each element with the window it missed.
    pub(super) fn pass_on(&mut self, port: Port, input: &dyn ErasedBatch, out: &mut Outs<'_>) {
        for (window, rows) in self.late.drain(..) {
            let rows: Vec<u32> = rows.collect();
            let mut part = input.new_like();
            input.copy_rows(&rows, part.as_mut());
            part.meta_mut().implied = false;
            part.meta_mut().windows = Col::Uniform(window);
            out.port(1 + port).append(part.as_mut());
        }
    }
}

/// The bounds of the cell in which all instants have the same windows.
pub(super) fn cell_of(window_fn: WindowFn) -> impl Fn(Timestamp) -> (Timestamp, Timestamp) {
    use whitebeam_sdk::time::Demand;
    let demand = window_fn.demand();
    move |t| match demand {
        Demand::None => (Timestamp::MIN, Timestamp::MAX),
        Demand::Grid(grid) => (grid.cell_start(t), grid.cell_end(t)),
        Demand::Exact => (t, t.next()),
    }
}
