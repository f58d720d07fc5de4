//! The numbering and timing of panes.

use super::clocks::Clocks;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::{PaneInfo, PaneTiming, Window};

/// What is remembered of the panes of a window. A merge keeps it only where the union has the
/// bounds of a window that was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct PaneCount {
    emitted: u32,
    /// Of the last pane: -1 as long as all were early.
    nonspeculative: i32,
}

impl Default for PaneCount {
    fn default() -> Self {
        PaneCount {
            emitted: 0,
            nonspeculative: -1,
        }
    }
}

impl PaneCount {
    /// What a pane would be called that fires now.
    pub(super) fn next(self, window: Window, clocks: &Clocks, last: bool) -> PaneInfo {
        let end = window.max_timestamp();
        let timing = if end < clocks.output || self.nonspeculative >= 0 {
            PaneTiming::Late
        } else if clocks.input <= end {
            PaneTiming::Early
        } else {
            PaneTiming::OnTime
        };
        PaneInfo {
            timing,
            first: self.emitted == 0,
            last,
            index: self.emitted,
            nonspeculative_index: match timing {
                PaneTiming::Early => -1,
                _ => self.nonspeculative.saturating_add(1),
            },
        }
    }

    /// The pane is emitted. One that is suppressed does not count.
    pub(super) fn count(&mut self, pane: &PaneInfo) {
        self.emitted = self.emitted.saturating_add(1);
        self.nonspeculative = pane.nonspeculative_index;
    }
}
