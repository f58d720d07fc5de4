//! Holds: what keeps the output watermark behind the elements of an open pane, and so gives the
//! pane its timestamp.
//!
//! Owns the holds of one window of one key. An element holds at its contribution to the pane's
//! timestamp, unless that is behind the output watermark or the window has ended; then the window
//! is held at its expiry instead, and the element contributes no timestamp.

use super::clocks::Clocks;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::window::{TimestampCombiner, WindowingStrategy};
use whitebeam_sdk::{Timestamp, Window};

/// No hold, as an instant: it keeps nothing back.
pub(super) const NO_HOLD: Timestamp = Timestamp::MAX;

/// The holds of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Holds {
    /// Holds: combined timestamps of the pane's elements that were in time, or [`NO_HOLD`].
    /// Merges: by the combiner, or renewed at the union's end. Cleared: by every firing.
    elements: Timestamp,
    /// Held until expiry. Merges: always set. Cleared: by every firing.
    expiry: bool,
}

impl Default for Holds {
    fn default() -> Self {
        Holds {
            elements: NO_HOLD,
            expiry: false,
        }
    }
}

impl Holds {
    /// The earliest of them, or [`NO_HOLD`].
    pub(super) fn earliest(&self, window: Window, strategy: &WindowingStrategy) -> Timestamp {
        if self.expiry {
            self.elements.min(window.expiry(strategy.allowed_lateness))
        } else {
            self.elements
        }
    }

    /// Holds for an element at `timestamp`.
    #[inline]
    pub(super) fn element(
        &mut self,
        timestamp: Timestamp,
        window: Window,
        strategy: &WindowingStrategy,
        clocks: &Clocks,
    ) {
        let end = window.max_timestamp();
        let at = match strategy.timestamp_combiner {
            TimestampCombiner::EndOfWindow => end,
            TimestampCombiner::Earliest | TimestampCombiner::Latest => timestamp,
        };
        if clocks.output <= at && clocks.input <= end {
            self.elements = combine(strategy.timestamp_combiner, self.elements, at);
        } else {
            self.until_expiry(window, strategy, clocks);
        }
    }

    /// Holds until the window expires, unless it has.
    pub(super) fn until_expiry(
        &mut self,
        window: Window,
        strategy: &WindowingStrategy,
        clocks: &Clocks,
    ) {
        self.expiry |= !clocks.has_expired(window, strategy.allowed_lateness);
    }

    /// The timestamp of a pane that fires now; all holds are gone.
    pub(super) fn release(&mut self, window: Window, strategy: &WindowingStrategy) -> Timestamp {
        let at = self.earliest(window, strategy).min(window.max_timestamp());
        *self = Holds::default();
        at
    }

    /// The holds of a union of the windows that had `sources`.
    pub(super) fn merged(
        sources: impl Iterator<Item = Holds>,
        union: Window,
        strategy: &WindowingStrategy,
        clocks: &Clocks,
    ) -> Holds {
        let combiner = strategy.timestamp_combiner;
        let mut holds = Holds::default();
        let mut any = false;
        for source in sources {
            any = true;
            holds.elements = combine(combiner, holds.elements, source.elements);
        }
        if combiner == TimestampCombiner::EndOfWindow {
            // Also where the pane is empty: the union has an end of its own to be on time at.
            holds.elements = NO_HOLD;
            if any {
                holds.element(Timestamp::MIN, union, strategy, clocks);
            }
        }
        holds.until_expiry(union, strategy, clocks);
        holds
    }
}

fn combine(combiner: TimestampCombiner, a: Timestamp, b: Timestamp) -> Timestamp {
    match combiner {
        TimestampCombiner::Latest if a != NO_HOLD && b != NO_HOLD => a.max(b),
        _ => a.min(b),
    }
}
