//! Columns of metadata: one value for all elements while they agree, one per element otherwise.
//!
//! Owns the collapse and the row operations (gather, append). Does not know the values.

use crate::pane::PaneInfo;
use crate::time::{Demand, Timestamp};
use crate::window::Window;

/// One value for every element of a batch, or one each.
#[derive(Clone, Debug, PartialEq)]
pub enum Col<T> {
    /// All elements have this one.
    Uniform(T),
    /// One per element.
    Each(Vec<T>),
}

impl<T: Copy + PartialEq> Col<T> {
    /// The value of element `i`.
    #[inline]
    pub fn get(&self, i: usize) -> T {
        match self {
            Col::Uniform(v) => *v,
            Col::Each(all) => all[i],
        }
    }

    /// The one value of all elements, if it is stored as one.
    #[inline]
    pub fn uniform(&self) -> Option<T> {
        match self {
            Col::Uniform(v) => Some(*v),
            Col::Each(_) => None,
        }
    }

    /// Replaces this column by the rows of `from` that `rows` names.
    pub fn gather(&mut self, from: &Col<T>, rows: &[u32]) {
        match from {
            Col::Uniform(v) => *self = Col::Uniform(*v),
            Col::Each(all) => {
                let mut mine = self.take_vec();
                mine.extend(rows.iter().map(|&r| all[r as usize]));
                *self = Col::Each(mine);
            }
        }
    }

    /// Appends `more` rows that all hold `value` to a column of `len` rows.
    pub fn push_n(&mut self, len: usize, value: T, more: usize) {
        match self {
            Col::Uniform(v) if len == 0 => *v = value,
            Col::Uniform(v) if *v == value => {}
            _ => self.each(len).extend(std::iter::repeat_n(value, more)),
        }
    }

    /// Appends `more` rows of `other` to a column of `len` rows.
    pub fn append(&mut self, len: usize, other: &Col<T>, more: usize) {
        match other {
            Col::Uniform(v) => self.push_n(len, *v, more),
            Col::Each(all) => self.each(len).extend_from_slice(&all[..more]),
        }
    }

    /// This column as one entry per element, of which there are `len`.
    pub fn each(&mut self, len: usize) -> &mut Vec<T> {
        if let Col::Uniform(v) = self {
            *self = Col::Each(vec![*v; len]);
        }
        match self {
            Col::Each(all) => all,
            Col::Uniform(_) => unreachable!("made one entry per element above"),
        }
    }

    /// Keeps the rows from `from` on.
    pub fn skip(&mut self, from: usize) {
        if let Col::Each(all) = self {
            all.drain(..from.min(all.len()));
        }
    }

    /// The emptied vector of this column, for re-use.
    pub fn take_vec(&mut self) -> Vec<T> {
        match self {
            Col::Uniform(_) => Vec::new(),
            Col::Each(all) => {
                let mut all = std::mem::take(all);
                all.clear();
                all
            }
        }
    }
}

/// What travels beside the values of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// Event timestamps, as exact as somebody downstream demands.
    pub ts: Col<Timestamp>,
    /// No timestamp lies outside (conservative after a filter).
    pub bounds: (Timestamp, Timestamp),
    /// Windows; meaningless while `implied`.
    pub windows: Col<Window>,
    /// Windows follow from the timestamps by the collection's window function and are not stored.
    pub implied: bool,
    /// The firing that each element came from.
    pub panes: Col<PaneInfo>,
}

impl Default for Meta {
    fn default() -> Self {
        Meta {
            ts: Col::Uniform(Timestamp::MIN),
            bounds: (Timestamp::MIN, Timestamp::MIN),
            windows: Col::Uniform(Window::GLOBAL),
            implied: false,
            panes: Col::Uniform(PaneInfo::NO_FIRING),
        }
    }
}

impl Meta {
    /// True if every column holds one value.
    #[inline]
    pub fn is_uniform(&self) -> bool {
        matches!(
            (&self.ts, &self.windows, &self.panes),
            (Col::Uniform(_), Col::Uniform(_), Col::Uniform(_))
        )
    }

    /// Takes the metadata of `from` for values that all came from uniform rows.
    pub fn adopt_uniform(&mut self, from: &Meta) {
        debug_assert!(from.is_uniform(), "adopting rows without naming them");
        self.clone_from(from);
    }

    /// Replaces the metadata by the rows of `from` that `rows` names.
    pub fn gather(&mut self, from: &Meta, rows: &[u32]) {
        self.ts.gather(&from.ts, rows);
        self.windows.gather(&from.windows, rows);
        self.panes.gather(&from.panes, rows);
        self.bounds = from.bounds;
        self.implied = from.implied;
    }

    /// Appends `more` rows of `other` to metadata of `len` rows. Both must agree on `implied`.
    pub fn append(&mut self, len: usize, other: &Meta, more: usize) {
        if len == 0 {
            self.bounds = other.bounds;
            self.implied = other.implied;
        } else {
            debug_assert_eq!(
                self.implied, other.implied,
                "one collection, one form of windows"
            );
            self.widen(other.bounds.0, other.bounds.1);
        }
        self.ts.append(len, &other.ts, more);
        self.windows.append(len, &other.windows, more);
        self.panes.append(len, &other.panes, more);
    }

    /// Appends one row.
    pub fn push(&mut self, len: usize, ts: Timestamp, window: Window, pane: PaneInfo) {
        if len == 0 {
            self.bounds = (ts, ts);
        } else {
            self.widen(ts, ts);
        }
        self.ts.push_n(len, ts, 1);
        self.windows.push_n(len, window, 1);
        self.panes.push_n(len, pane, 1);
    }

    /// Every row carries `ts`.
    pub fn set_timestamp(&mut self, ts: Timestamp) {
        self.ts = Col::Uniform(ts);
        self.bounds = (ts, ts);
    }

    /// Row `i` carries `times[i]`, or all one instant where `demand` sees no difference. `times`
    /// must not be empty.
    pub fn set_timestamps(&mut self, times: Vec<Timestamp>, demand: Demand) {
        debug_assert!(!times.is_empty(), "a batch of nothing has no timestamps");
        let mut bounds = (Timestamp::MAX, Timestamp::MIN);
        for &t in &times {
            bounds = (bounds.0.min(t), bounds.1.max(t));
        }
        self.set_within(times, bounds, demand);
    }

    /// The same for timestamps that stand in order.
    pub(crate) fn set_sorted_timestamps(&mut self, times: Vec<Timestamp>, demand: Demand) {
        debug_assert!(times.is_sorted(), "the caller looked");
        if let (Some(&first), Some(&last)) = (times.first(), times.last()) {
            self.set_within(times, (first, last), demand);
        }
    }

    fn set_within(
        &mut self,
        times: Vec<Timestamp>,
        bounds: (Timestamp, Timestamp),
        demand: Demand,
    ) {
        self.bounds = bounds;
        self.ts = if demand.same(bounds.0, bounds.1) {
            Col::Uniform(bounds.0)
        } else {
            Col::Each(times)
        };
    }

    fn widen(&mut self, low: Timestamp, high: Timestamp) {
        self.bounds = (self.bounds.0.min(low), self.bounds.1.max(high));
    }

    /// Keeps the rows from `from` on.
    pub fn skip(&mut self, from: usize) {
        self.ts.skip(from);
        self.windows.skip(from);
        self.panes.skip(from);
    }

    /// Back to the metadata of an empty batch, keeping memory.
    pub fn clear(&mut self) {
        *self = Meta::default();
    }
}
