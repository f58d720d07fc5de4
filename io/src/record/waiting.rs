//! `Waiting`: elements that are decoded and not handed out yet.
//!
//! Owns the way from decoded records to batches, without copies where a batch takes all of them.
//! Invariant: elements are handed out once, in order, and each with the mark it came with.

use super::timing::RecordTiming;
use whitebeam_sdk::batch::{Batch, Meta, Vals, batch_len};
use whitebeam_sdk::time::Demand;
use whitebeam_sdk::{Element, Result, Timestamp};

/// Decoded elements, each beside a mark of where it came from.
pub(crate) struct Waiting<T, M> {
    values: Vec<T>,
    /// The records' own times, where the timing looks at them.
    times: Vec<Timestamp>,
    marks: Vec<M>,
    /// Those before it are handed out.
    handed: usize,
}

/// What was handed out at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Handed<M> {
    /// How many.
    pub(crate) count: usize,
    /// The mark of the last.
    pub(crate) last: M,
}

impl<T: Element, M: Copy> Waiting<T, M> {
    pub(crate) fn new() -> Self {
        Waiting {
            values: Vec::new(),
            times: Vec::new(),
            marks: Vec::new(),
            handed: 0,
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.values.len() - self.handed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for `more`, within what a batch holds.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.values.reserve(more.min(batch_len::<T>()));
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T, mark: M) {
        self.values.push(value);
        self.marks.push(mark);
    }

    /// Notes the time of the record that is pushed next, for timings that look at it.
    #[inline]
    pub(crate) fn push_time(&mut self, time: Timestamp) {
        self.times.push(time);
    }

    /// Appends what one batch can hold of the elements that wait to `out`; `None` if none do.
    pub(crate) fn hand_out<W: RecordTiming<T>>(
        &mut self,
        timing: &mut W,
        demand: Demand,
        out: &mut Batch<T>,
    ) -> Result<Option<Handed<M>>> {
        let range = self.handed..self.values.len();
        if range.is_empty() {
            return Ok(None);
        }
        let mut meta = Meta::default();
        let end = timing.stamp(&self.values, &self.times, range.clone(), demand, &mut meta)?;
        let handed = Handed {
            count: end - range.start,
            last: self.marks[end - 1],
        };
        let whole = range == (0..end);
        let vals = if whole {
            std::mem::take(&mut self.values)
        } else {
            self.values[range.start..end].to_vec()
        };
        self.handed = if whole { 0 } else { end };
        if self.handed >= self.values.len() {
            self.values.clear();
            self.times.clear();
            self.marks.clear();
            self.handed = 0;
        }
        self.give(vals, meta, out);
        Ok(Some(handed))
    }

    fn give(&mut self, vals: Vec<T>, meta: Meta, out: &mut Batch<T>) {
        let mut batch = Batch {
            vals: Vals::Owned(vals),
            meta,
        };
        if !out.is_empty() {
            out.append(&mut batch);
            return;
        }
        // The memory of the batch that was handed in serves the next one.
        if let Vals::Owned(memory) = &mut out.vals
            && self.values.capacity() == 0
        {
            self.values = std::mem::take(memory);
            self.values.clear();
        }
        *out = batch;
    }
}
