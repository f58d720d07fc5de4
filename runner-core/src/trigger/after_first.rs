//! `AfterFirst`: fires once, when any part is ready or has finished.

use super::state::{At, Sources, Timers};

pub(super) fn on_element(at: &mut At<'_>, node: usize, timers: &mut Timers) {
    let parts = at.parts(node);
    parts.for_each(|part| at.on_element(part, timers));
}

pub(super) fn should_fire(at: &At<'_>, node: usize) -> bool {
    let mut parts = at.parts(node);
    parts.any(|part| at.is_finished(part) || at.should_fire(part))
}

/// Parts that were not ready forget the pane that is gone.
pub(super) fn on_fire(at: &mut At<'_>, node: usize) {
    for part in at.parts(node) {
        if at.should_fire(part) {
            at.on_fire(part);
        } else {
            at.clear(part);
        }
    }
    at.finish(node);
}

pub(super) fn on_merge(at: &mut At<'_>, node: usize, sources: &Sources<'_>, timers: &mut Timers) {
    let parts = at.parts(node);
    parts.for_each(|part| at.on_merge(part, sources, timers));
    let finished = at.parts(node).any(|part| at.is_finished(part));
    at.set_finished(node, finished);
}
