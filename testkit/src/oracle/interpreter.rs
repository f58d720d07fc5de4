//! The conductor: bundles, watermarks and processing time come in, panes and drops go out.
//!
//! Owns the clocks, the windows of every key, the order of work inside a bundle (lateness, merging,
//! elements, then triggers) and the output watermark. Deliberately leaves every rule about a single
//! window to `window_state` and `trigger`.
//!
//! Invariant: neither watermark ever moves back, and the output watermark is never ahead of the
//! input watermark, of a hold or of a pending event timer placed before it passed them.

use std::collections::{BTreeMap, BTreeSet};

use super::strategy::Strategy;
use super::trigger::Timers;
use super::window_state::{Clocks, Pane, Place, WindowState};
use super::windows::{MIN, Merge, Timestamp, Window, overlapping};

/// What one call brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<V> {
    /// Panes emitted, in no promised order.
    pub panes: Vec<Pane<V>>,
    /// Element-window pairs whose window had expired.
    pub dropped_late: Vec<Dropped<V>>,
    /// Element-window pairs whose trigger had finished.
    pub dropped_closed: Vec<Dropped<V>>,
    /// Elements that belong to no window at all.
    pub dropped_unwindowed: Vec<Unwindowed<V>>,
}

impl<V> Default for Step<V> {
    fn default() -> Self {
        Self {
            panes: Vec::new(),
            dropped_late: Vec::new(),
            dropped_closed: Vec::new(),
            dropped_unwindowed: Vec::new(),
        }
    }
}

/// An element that a window did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped<V> {
    /// The key.
    pub key: u64,
    /// The element.
    pub value: V,
    /// The window: the element's own one if late, the merged one if closed.
    pub window: Window,
}

/// An element that no window could take: sliding windows with gaps between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwindowed<V> {
    /// The key.
    pub key: u64,
    /// The element.
    pub value: V,
}

/// One element in one of its windows.
#[derive(Debug)]
struct Arrival<V> {
    timestamp: Timestamp,
    value: V,
    window: Window,
}

/// A grouping step under one strategy, for any number of keys.
#[derive(Debug, Clone)]
pub struct Interpreter<V> {
    strategy: Strategy,
    clocks: Clocks,
    other_hold: Option<Timestamp>,
    windows: BTreeMap<(u64, Window), WindowState<V>>,
}

impl<V: Clone> Interpreter<V> {
    /// A step that has seen nothing; processing time starts at 0.
    ///
    /// # Panics
    /// If a size, period or gap of the window function is not positive.
    #[must_use]
    pub fn new(strategy: Strategy) -> Self {
        assert!(
            strategy.window.is_well_formed(),
            "sizes, periods and gaps are positive: {:?}",
            strategy.window
        );
        Self {
            strategy,
            clocks: Clocks {
                input_watermark: MIN,
                output_watermark: MIN,
                processing_time: 0,
            },
            other_hold: None,
            windows: BTreeMap::new(),
        }
    }

    /// Where the output watermark stands.
    #[must_use]
    pub fn output_watermark(&self) -> Timestamp {
        self.clocks.output_watermark
    }

    /// Whether nothing is remembered of any window.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Forgets all keys but some, as if the others had been given to another instance.
    pub fn keep_keys(&mut self, keep: impl Fn(u64) -> bool) {
        self.windows.retain(|&(key, _), _| keep(key));
    }

    /// Something outside these keys holds the output watermark at `hold`, or (`None`) no longer
    /// does.
    pub fn other_hold(&mut self, hold: Option<Timestamp>) -> Step<V> {
        self.other_hold = hold;
        self.advance_output_watermark();
        Step::default()
    }

    /// One bundle of (key, timestamp, value). Keys are independent of each other.
    pub fn bundle(&mut self, elements: &[(u64, Timestamp, V)]) -> Step<V> {
        let mut step = Step::default();
        let keys: BTreeSet<u64> = elements.iter().map(|element| element.0).collect();
        for key in keys {
            let of_key = elements.iter().filter(|element| element.0 == key);
            let of_key: Vec<_> = of_key.map(|(_, t, value)| (*t, value.clone())).collect();
            self.bundle_of_key(key, &of_key, &mut step);
        }
        self.advance_output_watermark();
        step
    }

    /// The input watermark reaches `watermark`; moving back has no effect.
    pub fn watermark(&mut self, watermark: Timestamp) -> Step<V> {
        self.clocks.input_watermark = self.clocks.input_watermark.max(watermark);
        // First with the due timers still pending: they keep the output watermark at the end of
        // their window, and so its pane on time.
        self.advance_output_watermark();
        let mut step = Step::default();
        for id in self.due(|timers| &mut timers.event, self.clocks.input_watermark) {
            self.wake(id, &mut step);
        }
        self.advance_output_watermark();
        step
    }

    /// Processing time advances by `duration`.
    pub fn advance_processing_time(&mut self, duration: i64) -> Step<V> {
        self.clocks.processing_time = self.clocks.processing_time.saturating_add(duration);
        let mut step = Step::default();
        for id in self.due(|timers| &mut timers.processing, self.clocks.processing_time) {
            self.wake(id, &mut step);
        }
        self.advance_output_watermark();
        step
    }

    fn place(&self, (key, window): (u64, Window)) -> Place<'_> {
        Place {
            strategy: &self.strategy,
            clocks: self.clocks,
            key,
            window,
        }
    }

    fn is_closed(&self, id: (u64, Window)) -> bool {
        self.windows.get(&id).is_some_and(WindowState::is_closed)
    }

    /// Runs `change` on the state of a window, which is made if there is none.
    fn with_state<R>(
        &mut self,
        id: (u64, Window),
        change: impl FnOnce(&mut WindowState<V>, &Place<'_>) -> R,
    ) -> R {
        let state = self.windows.remove(&id);
        let mut state = state.unwrap_or_else(|| WindowState::new(&self.strategy));
        let result = change(&mut state, &self.place(id));
        self.windows.insert(id, state);
        result
    }

    /// Removes the timers of one kind that are due, and says whose they were.
    fn due(
        &mut self,
        kind: fn(&mut Timers) -> &mut BTreeSet<Timestamp>,
        now: Timestamp,
    ) -> Vec<(u64, Window)> {
        let mut due = Vec::new();
        for (&id, state) in &mut self.windows {
            let timers = kind(&mut state.timers);
            if timers.first().is_some_and(|&first| first < now) {
                timers.retain(|&timer| timer >= now);
                due.push(id);
            }
        }
        due
    }

    fn bundle_of_key(&mut self, key: u64, elements: &[(Timestamp, V)], step: &mut Step<V>) {
        let mut arrivals = self.explode(key, elements, step);
        if self.strategy.window.is_merging() {
            self.merge(key, &mut arrivals, step);
        }
        let touched: BTreeSet<Window> = arrivals.iter().map(|arrival| arrival.window).collect();
        for arrival in arrivals {
            let id = (key, arrival.window);
            if self.is_closed(id) {
                step.dropped_closed.push(Dropped {
                    key,
                    value: arrival.value,
                    window: arrival.window,
                });
            } else {
                self.with_state(id, |state, place| {
                    state.accept(place, arrival.timestamp, arrival.value);
                });
            }
        }
        // Only now, once for the whole bundle.
        for window in touched {
            let pane = self.with_state((key, window), WindowState::fire_if_ready);
            step.panes.extend(pane);
        }
    }

    /// Every element in every one of its windows, less those whose window has expired. Judged before
    /// merging: a session that is still open does not save an element whose own window is gone.
    fn explode(
        &self,
        key: u64,
        elements: &[(Timestamp, V)],
        step: &mut Step<V>,
    ) -> Vec<Arrival<V>> {
        let mut arrivals = Vec::new();
        for (timestamp, value) in elements {
            let windows = self.strategy.window.assign(*timestamp);
            if windows.is_empty() {
                let value = value.clone();
                step.dropped_unwindowed.push(Unwindowed { key, value });
            }
            for window in windows {
                let value = value.clone();
                if self.place((key, window)).is_expired() {
                    step.dropped_late.push(Dropped { key, value, window });
                } else {
                    arrivals.push(Arrival {
                        timestamp: *timestamp,
                        value,
                        window,
                    });
                }
            }
        }
        arrivals
    }

    /// Merges the open windows of the key with those of the arrivals, and redirects the arrivals to
    /// the results. Closed windows take no part.
    fn merge(&mut self, key: u64, arrivals: &mut [Arrival<V>], step: &mut Step<V>) {
        let proposed = arrivals.iter().map(|arrival| arrival.window);
        let open = self
            .windows
            .iter()
            .filter(|((of, _), state)| *of == key && !state.is_closed())
            .map(|((_, window), _)| *window);
        let candidates: BTreeSet<Window> = proposed.chain(open).collect();
        for Merge { parts, result } in overlapping(&candidates) {
            let lost = self.merge_into(key, &parts, result);
            step.dropped_closed
                .extend(lost.into_iter().map(|value| Dropped {
                    key,
                    value,
                    window: result,
                }));
            for arrival in arrivals.iter_mut() {
                if parts.contains(&arrival.window) {
                    arrival.window = result;
                }
            }
        }
    }

    /// Moves what the open windows among `parts` hold into `result`; their timers die with them.
    /// Returns the elements lost because `result` is closed.
    fn merge_into(&mut self, key: u64, parts: &BTreeSet<Window>, result: Window) -> Vec<V> {
        let mut sources = Vec::new();
        for &part in parts {
            let id = (key, part);
            if self.is_closed(id) {
                continue;
            }
            if part == result {
                sources.extend(self.windows.get(&id).cloned());
            } else {
                sources.extend(self.windows.remove(&id));
            }
        }
        self.with_state((key, result), |state, place| state.absorb(place, sources))
    }

    /// A timer of the window came due. What to do follows from the state alone, so that one look is
    /// enough however far a clock leapt and however many timers it passed. (The model renews the
    /// timer at expiry here; a known window has never lost it.)
    fn wake(&mut self, id: (u64, Window), step: &mut Step<V>) {
        if self.place(id).is_expired() {
            step.panes.extend(self.with_state(id, WindowState::expire));
            self.windows.remove(&id);
        } else {
            step.panes
                .extend(self.with_state(id, WindowState::fire_if_ready));
        }
    }

    fn advance_output_watermark(&mut self) {
        let reachable = self
            .windows
            .values()
            .flat_map(WindowState::holds)
            .chain(self.other_hold)
            .fold(self.clocks.input_watermark, Timestamp::min);
        self.clocks.output_watermark = self.clocks.output_watermark.max(reachable);
    }
}
