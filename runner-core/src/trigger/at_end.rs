//! `Default` and plain `AfterWatermark`: ready once the watermark has passed the end of the window.
//!
//! The first never finishes, so every late bundle fires; the second finishes as it fires.

use super::state::{At, Sources, Timers};

/// Also what `Default` does on a merge: the union ends later than its parts.
pub(super) fn on_element(at: &At<'_>, timers: &mut Timers) {
    timers.end_of_window |= !at.now.is_past_end_of_window();
}

/// Finished only if that holds of the union too; otherwise the longer window has its own end to
/// wait for. Without sources it stays what it was: a closed window, or a new one. (The reference
/// finishes it, and so loses the first bundle of a late session.)
pub(super) fn on_merge(at: &mut At<'_>, node: usize, sources: &Sources<'_>) {
    if !sources.is_empty() {
        let finished = sources.finished_in_all(node) && at.now.is_past_end_of_window();
        at.set_finished(node, finished);
    }
}
