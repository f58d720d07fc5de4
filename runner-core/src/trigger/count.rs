//! `ElementCount`: ready when the pane has at least so many elements. Its cell counts them.

use super::state::{At, Sources};

pub(super) fn on_element(at: &mut At<'_>, node: usize) {
    at.set_cell(node, at.cell(node) + 1);
}

/// Counts add up, unless one of the windows had fired already.
pub(super) fn on_merge(at: &mut At<'_>, node: usize, sources: &Sources<'_>) {
    if sources.finished_in_any(node) {
        at.finish(node);
        at.set_cell(node, 0);
    } else {
        at.set_cell(node, sources.cells(at, node).sum());
    }
}
