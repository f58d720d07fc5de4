//! `Top`: the `n` greatest or least values.

use super::CombineFn;
use crate::element::Element;
use std::cmp::Ordering;

/// The `n` greatest or least values, best first; fewer if there are fewer.
#[derive(Clone, Copy, Debug)]
pub struct Top {
    n: usize,
    best: Best,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Best {
    Largest,
    Smallest,
}

impl Top {
    /// The `n` greatest values, the greatest first.
    pub fn largest(n: usize) -> Self {
        let best = Best::Largest;
        Top { n, best }
    }

    /// The `n` least values, the least first.
    pub fn smallest(n: usize) -> Self {
        let best = Best::Smallest;
        Top { n, best }
    }

    fn order<V: Ord>(self, a: &V, b: &V) -> Ordering {
        match self.best {
            Best::Largest => b.cmp(a),
            Best::Smallest => a.cmp(b),
        }
    }

    /// Drops all but the best `n`. Done only when twice as many have gathered, so that a value
    /// costs constant time on average.
    fn shrink<V: Ord>(self, acc: &mut Vec<V>) {
        if acc.len() > self.n {
            acc.select_nth_unstable_by(self.n, |a, b| self.order(a, b));
            acc.truncate(self.n);
        }
    }

    fn limit(self) -> usize {
        self.n.saturating_mul(2).max(8)
    }
}

impl<V: Element + Ord> CombineFn<V> for Top {
    type Acc = Vec<V>;
    type Output = Vec<V>;
    fn create(&self) -> Vec<V> {
        Vec::new()
    }
    #[inline]
    fn add(&self, acc: &mut Vec<V>, value: V) {
        acc.push(value);
        if acc.len() >= self.limit() {
            self.shrink(acc);
        }
    }
    fn merge(&self, into: &mut Vec<V>, mut from: Vec<V>) {
        into.append(&mut from);
        if into.len() >= self.limit() {
            self.shrink(into);
        }
    }
    fn extract(&self, mut acc: Vec<V>) -> Vec<V> {
        self.shrink(&mut acc);
        acc.sort_unstable_by(|a, b| self.order(a, b));
        acc
    }
}
