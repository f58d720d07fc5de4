//! A batch comes in: which windows its elements are in, what is too late, and what each accepted
//! element does to its window.
//!
//! Owns the loops over rows. An element's lateness is judged on its own window, before any merge.

use super::General;
use super::windows::{Id, NONE};
use crate::group::assign::{cell_of, explicit_runs, timestamp_runs};
use crate::trigger::Machine;
use std::ops::Range;
use whitebeam_sdk::batch::Meta;
use whitebeam_sdk::erase::{AccOp, ErasedBatch, Outs, Port, Slot};
use whitebeam_sdk::{Result, Timestamp, Window};

/// What is worked out about the batch at hand; memory is kept for the next.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// Key slot of each row.
    pub(super) slots: Vec<Slot>,
    /// Runs of rows that are in the same windows.
    runs: Vec<Run>,
    /// The windows of all runs; those of a run start one after the other from the last.
    windows: Vec<Window>,
    ops: Vec<AccOp>,
    /// Some row may have left its key without a window.
    lost: bool,
}

#[derive(Clone, Debug)]
struct Run {
    rows: Range<usize>,
    windows: Range<usize>,
}

impl General {
    /// Takes all elements of `input`; touched windows are tested when the bundle ends.
    pub(super) fn take(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<()> {
        self.intake.slots.clear();
        self.intake.ops.clear();
        self.intake.lost = false;
        self.store.resolve(port, input, &mut self.intake.slots)?;
        self.find_runs(input.meta(), input.len());
        if self.strategy.merges() {
            self.take_merging(input.meta())?;
        } else {
            self.take_runs(input.meta())?;
        }
        self.losses.pass_on(port, input, out);
        self.store.accumulate(port, input, &self.intake.ops)?;
        if self.intake.lost {
            self.vacated.extend_from_slice(&self.intake.slots);
            self.evict_vacated();
        }
        self.note_next_processing();
        Ok(())
    }

    /// The windows of each row, less those that have expired.
    fn find_runs(&mut self, meta: &Meta, len: usize) {
        let Intake { runs, windows, .. } = &mut self.intake;
        runs.clear();
        windows.clear();
        if len == 0 {
            return;
        }
        let mut from = 0;
        if meta.implied {
            let window_fn = self.strategy.window_fn;
            timestamp_runs(meta, len, cell_of(window_fn), |ts, upto| {
                let first = windows.len();
                window_fn.assign(ts, |window| windows.push(window));
                runs.push(Run {
                    rows: from..upto,
                    windows: first..windows.len(),
                });
                from = upto;
            });
        } else {
            explicit_runs(meta, len, |window, upto| {
                windows.push(window);
                runs.push(Run {
                    rows: from..upto,
                    windows: windows.len() - 1..windows.len(),
                });
                from = upto;
            });
        }
        self.drop_late();
    }

    fn drop_late(&mut self) {
        let lateness = self.strategy.allowed_lateness;
        let Intake {
            runs,
            windows,
            lost,
            ..
        } = &mut self.intake;
        for run in runs {
            if run.windows.is_empty() {
                self.losses.unwindowed(run.rows.len());
                *lost = true;
            }
            let mut kept = run.windows.start;
            for at in run.windows.clone() {
                let window = windows[at];
                if self.clocks.has_expired(window, lateness) {
                    self.losses.late(window, run.rows.clone());
                    *lost = true;
                } else {
                    windows[kept] = window;
                    kept += 1;
                }
            }
            run.windows.end = kept;
        }
    }

    /// Windows that do not merge: each element goes to each of its windows.
    fn take_runs(&mut self, meta: &Meta) -> Result<()> {
        for at in 0..self.intake.runs.len() {
            let Run { rows, windows } = self.intake.runs[at].clone();
            for row in rows {
                let key = self.intake.slots[row];
                let mut id = NONE;
                for window in windows.clone() {
                    id = self
                        .windows
                        .find_or_add(key, self.intake.windows[window], id);
                    self.accept(row, id, meta.ts.get(row))?;
                }
            }
        }
        Ok(())
    }

    /// Windows that merge: first all merges, then the elements, each into what its window became.
    fn take_merging(&mut self, meta: &Meta) -> Result<()> {
        self.merging.begin();
        for at in 0..self.intake.runs.len() {
            let Run { rows, windows } = self.intake.runs[at].clone();
            for proposed in windows {
                let window = self.intake.windows[proposed];
                for row in rows.clone() {
                    self.merging
                        .propose(row as u32, self.intake.slots[row], window);
                }
            }
        }
        self.merge_all()?;
        for at in 0..self.merging.targets.len() {
            let (row, id) = self.merging.targets[at];
            self.accept(row as usize, id, meta.ts.get(row as usize))?;
        }
        Ok(())
    }

    /// An element that is not late goes into a window, unless that is closed.
    #[inline]
    fn accept(&mut self, row: usize, id: Id, timestamp: Timestamp) -> Result<()> {
        let (state, cells) = self.windows.parts(id);
        if Machine::is_closed(cells) {
            self.losses.counts.closed += 1;
            return Ok(());
        }
        let acc = match state.acc {
            Some(acc) => acc,
            None => *state.acc.insert(self.store.new_acc()?),
        };
        self.intake.ops.push(AccOp {
            row: row as u32,
            acc,
        });
        state.pending += 1;
        let window = state.window;
        let combiner = self.strategy.timestamp_combiner;
        state
            .hold
            .element(timestamp, window, combiner, &self.clocks);
        if !state.touched {
            state.touched = true;
            self.touched.push(id);
        }
        let now = self.now(window);
        let (_, cells) = self.windows.parts(id);
        self.machine.on_element(cells, &now, &mut self.timers);
        self.update(id);
        Ok(())
    }
}
