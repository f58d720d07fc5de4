//! One key's one window: its contents, holds, timers and pane numbers, and how a pane is made.
//!
//! Owns everything remembered per key and window, and the rules that need nothing but that window
//! and the clocks: holds, pane timing, emission of empty panes. Deliberately knows no other window
//! except those merged into it, and does not decide when to look (see `interpreter`).
//!
//! The model's hold at a window's expiry has no field here, because it can be told from nothing that
//! has: the timer at expiry is pending as long as the window is known, and keeps the output
//! watermark at the same instant; and a pane stamped with that hold is stamped with EOW, to which
//! timestamps are clipped.
//!
//! Invariants: a known window has a timer at its expiry; one whose root trigger finished has no
//! contents, no hold and no pane number.

use super::strategy::{Accumulation, Closing, OnTime, Strategy, TimestampCombiner};
use super::trigger::{Surroundings, Timers, TriggerState};
use super::windows::{Timestamp, Window};

/// The three clocks of a grouping step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub(super) input_watermark: Timestamp,
    pub(super) output_watermark: Timestamp,
    pub(super) processing_time: Timestamp,
}

/// When a pane was emitted in relation to the watermark.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Before the watermark passed the end of the window.
    Early,
    /// The one pane at the end of the window.
    OnTime,
    /// After it.
    Late,
}

/// One emission of one window of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pane<V> {
    /// The key.
    pub key: u64,
    /// The window.
    pub window: Window,
    /// The elements, in no promised order.
    pub values: Vec<V>,
    /// The event timestamp of the emitted element.
    pub timestamp: Timestamp,
    /// Early, on time or late.
    pub timing: Timing,
    /// Position among the panes of this key and window.
    pub index: i64,
    /// Position among those that are not early; -1 for an early one.
    pub nonspeculative_index: i64,
    /// No pane came before.
    pub first: bool,
    /// No pane will come after.
    pub last: bool,
}

/// What the next pane must know of the previous one.
#[derive(Debug, Clone, Copy)]
struct PreviousPane {
    timing: Timing,
    index: i64,
    nonspeculative_index: i64,
}

/// The fixed circumstances of every operation on a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) strategy: &'a Strategy,
    pub(super) clocks: Clocks,
    pub(super) key: u64,
    pub(super) window: Window,
}

impl Place<'_> {
    pub(super) fn expiry(&self) -> Timestamp {
        self.window.expiry(self.strategy.allowed_lateness)
    }

    pub(super) fn is_expired(&self) -> bool {
        self.clocks.input_watermark > self.expiry()
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            input_watermark: self.clocks.input_watermark,
            processing_time: self.clocks.processing_time,
            end_of_window: self.window.last_instant(),
            merging: self.strategy.window.is_merging(),
        }
    }
}

/// Everything remembered of one key and window.
#[derive(Debug, Clone)]
pub(super) struct WindowState<V> {
    /// Elements already in some pane; accumulating mode only.
    reported: Vec<V>,
    /// Elements in no pane yet. Empty means "the pane is empty".
    pending: Vec<V>,
    /// Combined timestamp of the pending elements that were in time.
    element_hold: Option<Timestamp>,
    previous: Option<PreviousPane>,
    trigger: TriggerState,
    pub(super) timers: Timers,
}

impl<V: Clone> WindowState<V> {
    pub(super) fn new(strategy: &Strategy) -> Self {
        Self {
            reported: Vec::new(),
            pending: Vec::new(),
            element_hold: None,
            previous: None,
            trigger: TriggerState::new(&strategy.trigger),
            timers: Timers::default(),
        }
    }

    /// The root trigger has finished: nothing more is accepted until expiry.
    pub(super) fn is_closed(&self) -> bool {
        self.trigger.finished
    }

    /// Everything in this window that keeps the output watermark back: holds and event timers.
    pub(super) fn holds(&self) -> impl Iterator<Item = Timestamp> + '_ {
        let timers = self.timers.event.iter().copied();
        self.element_hold.into_iter().chain(timers)
    }

    /// Takes in one element; the window is not closed.
    pub(super) fn accept(&mut self, at: &Place<'_>, timestamp: Timestamp, value: V) {
        self.pending.push(value);
        self.timers.event.insert(at.expiry());
        self.hold_for_element(at, timestamp);
        self.trigger
            .on_element(&at.strategy.trigger, &at.surroundings(), &mut self.timers);
    }

    /// Holds at the element's contribution to the pane's timestamp, unless that is behind the output
    /// watermark or the end of the window has passed: such an element does not touch the timestamp.
    fn hold_for_element(&mut self, at: &Place<'_>, timestamp: Timestamp) {
        let combiner = at.strategy.timestamp_combiner;
        let end = at.window.last_instant();
        let hold = combiner.assign(timestamp, end);
        if hold < at.clocks.output_watermark || end < at.clocks.input_watermark {
            return;
        }
        self.element_hold = Some(match self.element_hold {
            None => hold,
            Some(other) => combiner.combine(other, hold),
        });
    }

    /// If the trigger is ready: tells it so, and emits unless the pane is an empty one nobody wants.
    pub(super) fn fire_if_ready(&mut self, at: &Place<'_>) -> Option<Pane<V>> {
        let trigger = &at.strategy.trigger;
        if self.is_closed() || !self.trigger.should_fire(trigger, &at.surroundings()) {
            return None;
        }
        self.trigger.on_fire(trigger, &at.surroundings());
        let last = self.is_closed();
        let pane = self.emit(at, last);
        if last {
            self.forget();
        } else if at.strategy.accumulation == Accumulation::Discarding {
            self.pending.clear();
        } else {
            self.reported.append(&mut self.pending);
        }
        pane
    }

    /// The window expires: emits what is left. The caller forgets the window afterwards.
    pub(super) fn expire(&mut self, at: &Place<'_>) -> Option<Pane<V>> {
        if self.is_closed() {
            return None;
        }
        self.emit(at, true)
    }

    fn emit(&mut self, at: &Place<'_>, last: bool) -> Option<Pane<V>> {
        let timestamp = self.element_hold.take().unwrap_or(at.window.last_instant());
        let described = self.describe(at);
        let strategy = at.strategy;
        let wanted = !self.pending.is_empty()
            || (described.timing == Timing::OnTime && strategy.on_time == OnTime::FireAlways)
            || (last && strategy.closing == Closing::FireAlways);
        if !wanted {
            return None;
        }
        let first = self.previous.is_none();
        self.previous = Some(described);
        Some(Pane {
            key: at.key,
            window: at.window,
            values: [&self.reported[..], &self.pending[..]].concat(),
            timestamp,
            timing: described.timing,
            index: described.index,
            nonspeculative_index: described.nonspeculative_index,
            first,
            last,
        })
    }

    fn describe(&self, at: &Place<'_>) -> PreviousPane {
        let end = at.window.last_instant();
        let only_early_so_far = self
            .previous
            .is_none_or(|previous| previous.timing == Timing::Early);
        let timing = if at.clocks.output_watermark > end || !only_early_so_far {
            Timing::Late
        } else if at.clocks.input_watermark <= end {
            Timing::Early
        } else {
            Timing::OnTime
        };
        PreviousPane {
            timing,
            index: self.previous.map_or(0, |previous| previous.index + 1),
            nonspeculative_index: match timing {
                Timing::Early => -1,
                Timing::OnTime | Timing::Late => self
                    .previous
                    .map_or(0, |previous| previous.nonspeculative_index + 1),
            },
        }
    }

    /// Makes `self`, what the result had of its own, the union of the open windows in `sources`
    /// (which include the result's former self, if it was open). Returns the elements lost because
    /// the result is closed: it had been emitted for the last time before.
    pub(super) fn absorb(&mut self, at: &Place<'_>, sources: Vec<Self>) -> Vec<V> {
        let triggers: Vec<&TriggerState> = sources.iter().map(|source| &source.trigger).collect();
        let trigger = &at.strategy.trigger;
        self.trigger
            .on_merge(trigger, &triggers, &at.surroundings(), &mut self.timers);
        self.timers.event.insert(at.expiry());
        self.element_hold = merged_hold(at.strategy.timestamp_combiner, &sources);
        self.reported.clear();
        self.pending.clear();
        for mut source in sources {
            self.reported.append(&mut source.reported);
            self.pending.append(&mut source.pending);
        }
        if !self.is_closed() {
            return Vec::new();
        }
        let lost = std::mem::take(&mut self.pending);
        self.element_hold = None;
        self.forget();
        lost
    }

    /// What closing leaves behind: the finished bits and the timers.
    fn forget(&mut self) {
        self.trigger.clear();
        self.reported.clear();
        self.pending.clear();
        self.previous = None;
    }
}

/// Holds combine, except those at the end of a window: the result ends elsewhere, and the element
/// that caused the merge is about to hold there.
fn merged_hold<V>(combiner: TimestampCombiner, sources: &[WindowState<V>]) -> Option<Timestamp> {
    match combiner {
        TimestampCombiner::EndOfWindow => None,
        TimestampCombiner::Earliest | TimestampCombiner::Latest => sources
            .iter()
            .filter_map(|source| source.element_hold)
            .reduce(|a, b| combiner.combine(a, b)),
    }
}
