//! `AfterSynchronizedProcessingTime`: what follows an `AfterProcessingTime` upstream, which has
//! waited already. Ready as soon as there is an element. Its cell says so.

use super::state::{At, Sources};

pub(super) fn on_element(at: &mut At<'_>, node: usize) {
    at.set_cell(node, 1);
}

/// As for `AfterProcessingTime`: armed if a source was, unless the union has finished.
pub(super) fn on_merge(at: &mut At<'_>, node: usize, sources: &Sources<'_>) {
    let armed = !at.is_finished(node) && sources.cells(at, node).any(|armed| armed != 0);
    at.set_cell(node, u64::from(armed));
}
