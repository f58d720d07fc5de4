//! Holds: what keeps the output watermark behind the elements of an open pane, and so gives the
//! pane its timestamp.
//!
//! Owns the hold of one window of one key. An element holds at its contribution to the pane's
//! timestamp, unless that is behind the output watermark or the window has ended: such an element
//! does not touch the timestamp. The model then holds at the window's expiry instead, and does so
//! after merges and for a promised last pane. That hold needs no place here: a window's timer at
//! expiry is pending as long as the window is known and keeps the output watermark at the same
//! instant, and timestamps of panes are clipped to the end of the window.

use super::clocks::Clocks;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::window::TimestampCombiner;
use whitebeam_sdk::{Timestamp, Window};

/// No hold, as an instant: it keeps nothing back.
pub(super) const NO_HOLD: Timestamp = Timestamp::MAX;

/// The hold of a window's pane: combined timestamps of its elements that were in time.
///
/// Merges: by the combiner; one at the end of the window is placed anew by the element that caused
/// the merge. Cleared: by every firing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Hold(Timestamp);

impl Hold {
    /// Of a pane without elements that were in time.
    pub(super) const NONE: Hold = Hold(NO_HOLD);

    /// Where it holds, or [`NO_HOLD`].
    #[inline]
    pub(super) fn instant(self) -> Timestamp {
        self.0
    }

    /// Holds for an element at `timestamp`.
    #[inline]
    pub(super) fn element(
        &mut self,
        timestamp: Timestamp,
        window: Window,
        combiner: TimestampCombiner,
        clocks: &Clocks,
    ) {
        let end = window.max_timestamp();
        let at = match combiner {
            TimestampCombiner::EndOfWindow => end,
            TimestampCombiner::Earliest | TimestampCombiner::Latest => timestamp,
        };
        if clocks.output <= at && clocks.input <= end {
            self.combine(Hold(at), combiner);
        }
    }

    /// The timestamp of a pane that fires now; the hold is gone.
    pub(super) fn release(&mut self, window: Window) -> Timestamp {
        std::mem::replace(self, Hold::NONE)
            .0
            .min(window.max_timestamp())
    }

    /// Takes over the hold of a window that merges into this one.
    pub(super) fn merge(&mut self, from: Hold, combiner: TimestampCombiner) {
        match combiner {
            TimestampCombiner::EndOfWindow => *self = Hold::NONE,
            TimestampCombiner::Earliest | TimestampCombiner::Latest => self.combine(from, combiner),
        }
    }

    fn combine(&mut self, other: Hold, combiner: TimestampCombiner) {
        self.0 = match combiner {
            TimestampCombiner::Latest if self.0 == NO_HOLD => other.0,
            TimestampCombiner::Latest if other.0 != NO_HOLD => self.0.max(other.0),
            TimestampCombiner::Latest => self.0,
            _ => self.0.min(other.0),
        };
    }
}
