//! Where sessions stand: when each is due, and which sessions a key has beside its latest.
//!
//! Owns the rule by which sessions merge, and the order of expiry. Expiry is *lazy*: a session
//! stands in a coarse bucket by the end it had when it was put there, and is put in order only
//! when the watermark comes to the bucket. One that grew in between moves on then; growing writes
//! nothing here.
//!
//! Invariant: every taken slot stands in exactly one place, at or before its session's end. A slot
//! whose session was merged away is freed when its turn comes, so that no place is stale.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use whitebeam_sdk::erase::{GroupStore, Meet, Place, Slot};
use whitebeam_sdk::{Duration, Timestamp, Window};

#[derive(Debug)]
pub(super) struct Book {
    /// Ends that the watermark has come near, in order.
    near: BinaryHeap<Reverse<(Timestamp, Slot)>>,
    /// Later ends, by bucket.
    far: BTreeMap<i64, Vec<Slot>>,
    /// Buckets before this one are in `near`.
    reached: i64,
    /// Length of a bucket.
    width: i64,
    /// By latest session of a key: its earlier ones.
    earlier: BTreeMap<Slot, Vec<(Window, Slot)>>,
    /// Sessions that end here or before have fired.
    horizon: Timestamp,
}

impl Book {
    pub(super) fn new(gap: Duration) -> Self {
        Book {
            near: BinaryHeap::new(),
            far: BTreeMap::new(),
            reached: i64::MIN,
            // Narrow beside a session's life, wide beside the distance of sessions.
            width: (gap.micros() / 16).max(1),
            earlier: BTreeMap::new(),
            horizon: Timestamp::MIN,
        }
    }

    pub(super) fn set_horizon(&mut self, horizon: Timestamp) {
        self.horizon = horizon;
    }

    /// All taken slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        let near = self.near.iter().map(|Reverse((_, slot))| *slot);
        near.chain(self.far.values().flatten().copied())
    }

    /// Takes out a session that ends at or before `horizon`, the first to end first.
    pub(super) fn due(
        &mut self,
        horizon: Timestamp,
        store: &mut dyn GroupStore,
    ) -> Option<(Slot, Window)> {
        self.reach(horizon, store);
        while let Some(&Reverse((at, slot))) = self.near.peek()
            && at <= horizon
        {
            self.near.pop();
            let Some(window) = store.span(slot) else {
                store.free_span(slot);
                continue;
            };
            if window.end() <= horizon {
                if !self.earlier.is_empty() {
                    self.earlier.remove(&slot);
                }
                return Some((slot, window));
            }
            self.stand(slot, window.end());
        }
        None
    }

    /// Puts the sessions of buckets that begin at or before `horizon` in order.
    fn reach(&mut self, horizon: Timestamp, store: &mut dyn GroupStore) {
        self.reached = self.reached.max(self.bucket(horizon) + 1);
        while let Some(first) = self.far.first_entry()
            && *first.key() < self.reached
        {
            for slot in first.remove() {
                match store.span(slot) {
                    Some(window) => self.stand(slot, window.end()),
                    None => store.free_span(slot),
                }
            }
        }
    }

    fn bucket(&self, at: Timestamp) -> i64 {
        at.micros().div_euclid(self.width)
    }

    fn stand(&mut self, slot: Slot, end: Timestamp) {
        let bucket = self.bucket(end);
        if bucket < self.reached {
            self.near.push(Reverse((end, slot)));
        } else {
            self.far.entry(bucket).or_default().push(slot);
        }
    }

    /// The first end of all sessions.
    pub(super) fn first_end(&self, store: &dyn GroupStore) -> Option<Timestamp> {
        let end = |slot: Slot| store.span(slot).map(Window::end);
        let near = self.near.iter().map(|Reverse((_, slot))| *slot);
        let mut first = near.filter_map(end).min();
        for (bucket, slots) in &self.far {
            if first.is_some_and(|first| self.bucket(first) < *bucket) {
                break;
            }
            let here = slots.iter().copied().filter_map(end).min();
            first = first.into_iter().chain(here).min();
        }
        first
    }
}

/// True if the windows are of one session: they share an instant, or are the same.
fn joins(a: Window, b: Window) -> bool {
    a == b || a.overlaps(b)
}

impl Meet for Book {
    /// A key's sessions do not overlap, so what `proposed` joins is all that its union joins.
    fn meet(&mut self, latest: (Slot, Window), proposed: Window, merged: &mut Vec<Slot>) -> Place {
        let horizon = self.horizon;
        let earlier = self.earlier.get_mut(&latest.0);
        let mut none = Vec::new();
        let earlier = earlier.unwrap_or(&mut none);
        earlier.retain(|(window, _)| horizon < window.end());
        let mut union = proposed;
        let met = earlier.extract_if(.., |(window, _)| joins(*window, proposed));
        for (window, slot) in met {
            union = union.span(window);
            merged.push(slot);
        }
        if joins(latest.1, proposed) {
            return Place::Into(latest.0, union.span(latest.1));
        }
        match merged.pop() {
            Some(slot) => {
                earlier.push((union, slot));
                Place::Into(slot, union)
            }
            None if latest.1 < proposed => Place::Latest,
            None => Place::Beside,
        }
    }

    fn begun(&mut self, slot: Slot, window: Window, latest: Option<(Slot, Window)>) {
        self.stand(slot, window.end());
        let Some((met, met_window)) = latest else {
            return;
        };
        if met_window < window {
            let mut earlier = self.earlier.remove(&met).unwrap_or_default();
            earlier.push((met_window, met));
            self.earlier.insert(slot, earlier);
        } else {
            self.earlier.entry(met).or_default().push((window, slot));
        }
    }
}
