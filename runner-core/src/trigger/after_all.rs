//! `AfterAll`: fires once, when every part is ready or has finished.

use super::state::{At, Sources, Timers};

pub(super) fn on_element(at: &mut At<'_>, node: usize, timers: &mut Timers) {
    for part in at.parts(node) {
        if !at.is_finished(part) {
            at.on_element(part, timers);
        }
    }
}

pub(super) fn should_fire(at: &At<'_>, node: usize) -> bool {
    let mut parts = at.parts(node);
    parts.all(|part| at.is_finished(part) || at.should_fire(part))
}

pub(super) fn on_fire(at: &mut At<'_>, node: usize) {
    at.parts(node).for_each(|part| at.on_fire(part));
    at.finish(node);
}

pub(super) fn on_merge(at: &mut At<'_>, node: usize, sources: &Sources<'_>, timers: &mut Timers) {
    let parts = at.parts(node);
    parts.for_each(|part| at.on_merge(part, sources, timers));
    at.set_finished(node, at.current(node).is_none());
}
