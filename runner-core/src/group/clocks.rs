//! The three clocks of a grouping, and what they say about a window.

use whitebeam_sdk::{Duration, Timestamp, Window};

/// Where a grouping stands in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    /// No on-time element before it comes any more.
    pub(super) input: Timestamp,
    /// No on-time pane before it is emitted any more.
    pub(super) output: Timestamp,
    /// Processing time.
    pub(super) processing: Timestamp,
}

impl Clocks {
    /// Nothing has been heard of any clock.
    pub(super) const START: Clocks = Clocks {
        input: Timestamp::MIN,
        output: Timestamp::MIN,
        processing: Timestamp::MIN,
    };

    /// The window is past its lateness: its elements are dropped, what is left of it is emitted.
    #[inline]
    pub(super) fn has_expired(&self, window: Window, lateness: Duration) -> bool {
        window.expiry(lateness) < self.input
    }
}
