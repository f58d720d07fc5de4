//! Windows of a batch, from implied to stored.
//!
//! Owns the one place where elements in several windows become one element each. Knows no keys, no
//! watermark and no lateness.

use super::{Batch, Col, Meta, Vals};
use crate::at::At;
use crate::time::Timestamp;
use crate::window::{Window, WindowFn};

impl<T: Clone> Batch<T> {
    /// Stores windows that followed from the timestamps by `window_fn`: an element in several
    /// windows becomes one element in each, an element in none is gone. Windows that are stored
    /// already stay.
    pub fn store_windows(&mut self, window_fn: WindowFn) {
        if !self.meta.implied {
            return;
        }
        self.meta.implied = false;
        if !matches!(window_fn, WindowFn::Sliding { .. }) {
            self.meta.windows = single_windows(&self.meta.ts, window_fn);
            return;
        }
        if let Some(t) = self.meta.ts.uniform()
            && let [only] = all_windows(window_fn, t)[..]
        {
            self.meta.windows = Col::Uniform(only);
            return;
        }
        self.explode(window_fn);
    }

    fn explode(&mut self, window_fn: WindowFn) {
        let (mut rows, mut windows) = (Vec::new(), Vec::new());
        for i in 0..self.len() {
            window_fn.assign(self.meta.ts.get(i), |window| {
                rows.push(i as u32);
                windows.push(window);
            });
        }
        let values = self.values();
        let copies = rows.iter().map(|&row| values[row as usize].clone());
        self.vals = Vals::Owned(copies.collect());
        let mut meta = Meta::default();
        meta.gather(&self.meta, &rows);
        meta.windows = Col::Each(windows);
        self.meta = meta;
    }
}

impl Meta {
    /// What element `i` carries; its window must be stored.
    #[inline]
    pub fn at(&self, i: usize) -> At {
        debug_assert!(!self.implied, "implied windows are stored first");
        At {
            timestamp: self.ts.get(i),
            window: self.windows.get(i),
            pane: self.panes.get(i),
        }
    }
}

fn single_windows(times: &Col<Timestamp>, window_fn: WindowFn) -> Col<Window> {
    let window = |t| window_fn.only_window(t).unwrap_or(Window::GLOBAL);
    match times {
        Col::Uniform(t) => Col::Uniform(window(*t)),
        Col::Each(all) => Col::Each(all.iter().map(|t| window(*t)).collect()),
    }
}

fn all_windows(window_fn: WindowFn, t: Timestamp) -> Vec<Window> {
    let mut all = Vec::new();
    window_fn.assign(t, |window| all.push(window));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Duration, micros};

    fn at(t: i64) -> Timestamp {
        Timestamp::from_micros(t)
    }

    #[test]
    fn stored_windows_are_those_that_the_timestamps_imply() {
        let functions = [
            WindowFn::Global,
            WindowFn::Fixed {
                size: micros(10),
                offset: micros(3),
            },
            WindowFn::Sliding {
                size: micros(10),
                period: micros(5),
                offset: Duration::ZERO,
            },
            WindowFn::Sliding {
                size: micros(5),
                period: micros(10),
                offset: Duration::ZERO,
            },
            WindowFn::Sessions { gap: micros(7) },
        ];
        for window_fn in functions {
            for times in [vec![4, 4, 4], vec![1, 7, 12, 26], vec![8]] {
                let mut expected = Vec::new();
                for t in &times {
                    window_fn.assign(at(*t), |w| expected.push((*t, w)));
                }
                let mut batch = Batch::of(times.clone());
                let column = times.iter().map(|t| at(*t)).collect();
                batch
                    .meta
                    .set_timestamps(column, crate::time::Demand::Exact);
                batch.meta.implied = true;
                batch.store_windows(window_fn);
                let found = |i: usize| {
                    let seen = batch.meta.at(i);
                    assert_eq!(seen.timestamp(), at(batch.values()[i]));
                    (batch.values()[i], seen.window())
                };
                let found: Vec<_> = (0..batch.len()).map(found).collect();
                assert_eq!(found, expected, "{window_fn} of {times:?}");
            }
        }
    }
}
