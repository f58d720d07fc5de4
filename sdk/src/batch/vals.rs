//! `Vals` and `Batch`: the values of a batch, owned or a slice of something shared.
//!
//! Owns sharing for fan-out and memory sources. A shared batch is read in place and cloned only
//! where a step takes its elements by value.

use super::col::Meta;
use crate::pane::PaneInfo;
use crate::time::Timestamp;
use crate::window::Window;
use std::ops::Range;
use std::sync::Arc;

/// Values of one type.
#[derive(Clone, Debug)]
pub enum Vals<T> {
    /// This batch's own.
    Owned(Vec<T>),
    /// A range of values that others read too.
    Shared(Arc<Vec<T>>, Range<usize>),
}

impl<T> Vals<T> {
    /// The values.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Vals::Owned(v) => v,
            Vals::Shared(all, range) => &all[range.clone()],
        }
    }
}

/// Values of one type beside their metadata.
#[derive(Clone, Debug)]
pub struct Batch<T> {
    /// The values.
    pub vals: Vals<T>,
    /// Timestamps, windows and panes of the values.
    pub meta: Meta,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Batch {
            vals: Vals::Owned(Vec::new()),
            meta: Meta::default(),
        }
    }
}

impl<T> Batch<T> {
    /// A batch of `values` in the global window at [`Timestamp::MIN`].
    pub fn of(values: Vec<T>) -> Self {
        Batch {
            vals: Vals::Owned(values),
            meta: Meta::default(),
        }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.vals.as_slice().len()
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values in order.
    #[inline]
    pub fn values(&self) -> &[T] {
        self.vals.as_slice()
    }

    /// The values as an own vector; shared ones are given up (the batch must be empty or its
    /// values not needed).
    pub fn owned_mut(&mut self) -> &mut Vec<T> {
        if let Vals::Shared(..) = self.vals {
            self.vals = Vals::Owned(Vec::new());
        }
        match &mut self.vals {
            Vals::Owned(v) => v,
            Vals::Shared(..) => unreachable!("replaced above"),
        }
    }

    /// Makes the batch a view of `range` of `all`.
    pub fn set_shared(&mut self, all: &Arc<Vec<T>>, range: Range<usize>) {
        self.vals = Vals::Shared(Arc::clone(all), range);
    }

    /// Removes all elements and keeps memory.
    pub fn clear(&mut self) {
        self.owned_mut().clear();
        self.meta.clear();
    }

    /// Drops the first `n` elements, keeping the rest for a later turn.
    pub fn skip(&mut self, n: usize) {
        match &mut self.vals {
            Vals::Owned(v) => drop(v.drain(..n)),
            Vals::Shared(_, range) => range.start += n,
        }
        self.meta.skip(n);
    }
}

impl<T: Clone> Batch<T> {
    /// Appends an element with its metadata.
    pub fn push(&mut self, value: T, ts: Timestamp, window: Window, pane: PaneInfo) {
        let len = self.len();
        self.meta.push(len, ts, window, pane);
        self.own().push(value);
    }

    /// Appends an element that a source read, in the global window.
    pub fn push_at(&mut self, value: T, ts: Timestamp) {
        self.push(value, ts, Window::GLOBAL, PaneInfo::NO_FIRING);
    }

    /// Takes all values out, cloning those that others share.
    pub fn take_values(&mut self) -> Vec<T> {
        match &mut self.vals {
            Vals::Owned(v) => std::mem::take(v),
            Vals::Shared(all, range) => {
                let taken = all[range.clone()].to_vec();
                self.vals = Vals::Owned(Vec::new());
                taken
            }
        }
    }

    /// Turns own values into shared ones, so that several consumers read them.
    pub fn share(&mut self) {
        if let Vals::Owned(v) = &mut self.vals {
            let all = Arc::new(std::mem::take(v));
            let n = all.len();
            self.vals = Vals::Shared(all, 0..n);
        }
    }

    /// Moves all elements of `other` to the end of this batch; values that others share are cloned.
    pub fn append(&mut self, other: &mut Batch<T>) {
        let (len, more) = (self.len(), other.len());
        if more == 0 {
            return;
        }
        self.meta.append(len, &other.meta, more);
        match &mut other.vals {
            Vals::Owned(v) => self.own().append(v),
            Vals::Shared(all, range) => self.own().extend_from_slice(&all[range.clone()]),
        }
        other.clear();
    }

    /// The values as an own vector that holds them still; shared ones are cloned.
    pub(crate) fn own(&mut self) -> &mut Vec<T> {
        if let Vals::Shared(..) = self.vals {
            self.vals = Vals::Owned(self.take_values());
        }
        self.owned_mut()
    }

    /// Appends clones of the elements that `rows` names to `out`.
    pub fn copy_rows(&self, rows: &[u32], out: &mut Batch<T>) {
        if rows.is_empty() {
            return;
        }
        let len = out.len();
        let values = self.values();
        let mut part = Meta::default();
        part.gather(&self.meta, rows);
        out.meta.append(len, &part, rows.len());
        out.own()
            .extend(rows.iter().map(|&r| values[r as usize].clone()));
    }

    /// Timestamp of element `i`.
    #[inline]
    pub fn timestamp(&self, i: usize) -> Timestamp {
        self.meta.ts.get(i)
    }
}

impl<T> From<Batch<T>> for (Vals<T>, Meta) {
    fn from(b: Batch<T>) -> Self {
        (b.vals, b.meta)
    }
}
