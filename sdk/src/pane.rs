//! `PaneInfo`: which firing of a window an element came from.
//!
//! Owns the plain data only; when a pane is early, on time or late is decided in `runner-core`.

use serde::{Deserialize, Serialize};

/// When a pane was emitted relative to the watermark.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PaneTiming {
    /// Before the watermark passed the end of the window.
    Early,
    /// The first pane after the watermark passed the end of the window.
    OnTime,
    /// After the on-time pane.
    Late,
    /// Not produced by a grouping.
    Unknown,
}

impl PaneTiming {
    /// `early`, `on_time`, `late` or `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            PaneTiming::Early => "early",
            PaneTiming::OnTime => "on_time",
            PaneTiming::Late => "late",
            PaneTiming::Unknown => "unknown",
        }
    }
}

/// One firing of a window for a key, numbered and timed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct PaneInfo {
    /// Early, on time or late.
    pub timing: PaneTiming,
    /// Nothing was emitted before for this key and window.
    pub first: bool,
    /// Nothing will be emitted after for this key and window.
    pub last: bool,
    /// Panes emitted before this one.
    pub index: u32,
    /// Panes that were not early emitted before this one; -1 for an early pane.
    pub nonspeculative_index: i32,
}

impl PaneInfo {
    /// The pane of an element that no grouping produced.
    pub const NO_FIRING: PaneInfo = PaneInfo {
        timing: PaneTiming::Unknown,
        first: true,
        last: true,
        index: 0,
        nonspeculative_index: 0,
    };

    /// The only pane of a window: on time, first and last.
    pub const ON_TIME_AND_ONLY: PaneInfo = PaneInfo {
        timing: PaneTiming::OnTime,
        first: true,
        last: true,
        index: 0,
        nonspeculative_index: 0,
    };
}
