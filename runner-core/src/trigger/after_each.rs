//! `AfterEach`: one part after the other; finished after the last.
//!
//! Where windows merge, a merge may turn back to an earlier part, so every part sees all elements,
//! and all of them forget the pane that is gone.

use super::state::{At, Sources, Timers};

pub(super) fn on_element(at: &mut At<'_>, node: usize, timers: &mut Timers) {
    if at.is_merging() {
        let parts = at.parts(node);
        parts.for_each(|part| at.on_element(part, timers));
    } else if let Some(current) = at.current(node) {
        at.on_element(current, timers);
    }
}

pub(super) fn should_fire(at: &At<'_>, node: usize) -> bool {
    let current = at.current(node);
    current.is_some_and(|part| at.should_fire(part))
}

pub(super) fn on_fire(at: &mut At<'_>, node: usize) {
    if let Some(current) = at.current(node) {
        at.on_fire(current);
    }
    if at.is_merging() {
        at.clear(node);
    }
    at.set_finished(node, at.current(node).is_none());
}

/// Goes on at the first part that the merge leaves unfinished; later ones begin anew.
pub(super) fn on_merge(at: &mut At<'_>, node: usize, sources: &Sources<'_>, timers: &mut Timers) {
    let mut has_turn = true;
    for part in at.parts(node) {
        if has_turn {
            at.on_merge(part, sources, timers);
            has_turn = at.is_finished(part);
        } else {
            at.clear(part);
        }
    }
    at.set_finished(node, at.current(node).is_none());
}
