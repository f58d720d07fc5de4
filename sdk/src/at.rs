//! `At`: what an element carries beside its value.
//!
//! Owns the view that user functions get. Invariant: one window at a time, also where an element
//! is in several.

use crate::pane::PaneInfo;
use crate::time::Timestamp;
use crate::window::Window;

/// Timestamp, window and pane of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct At {
    pub(crate) timestamp: Timestamp,
    pub(crate) window: Window,
    pub(crate) pane: PaneInfo,
}

impl At {
    /// Its event time.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Its window. An element in several windows is seen once in each.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The firing that it came from.
    pub fn pane(&self) -> PaneInfo {
        self.pane
    }
}
