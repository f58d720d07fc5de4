//! `OrFinally`: the first part, until the second fires, which ends both.
//!
//! The second part's state spans the firings of the first, so that the last pane may hold less
//! than the second has counted.

use super::after_first;
use super::state::{At, Sources, Timers};

pub(super) fn on_element(at: &mut At<'_>, node: usize, timers: &mut Timers) {
    let parts = at.parts(node);
    parts.for_each(|part| at.on_element(part, timers));
}

pub(super) fn should_fire(at: &At<'_>, node: usize) -> bool {
    at.parts(node).any(|part| at.should_fire(part))
}

pub(super) fn on_fire(at: &mut At<'_>, node: usize) {
    let mut parts = at.parts(node);
    let (Some(actual), Some(until)) = (parts.next(), parts.next()) else {
        return;
    };
    if at.should_fire(until) {
        at.on_fire(until);
        at.clear(actual);
    } else {
        at.on_fire(actual);
    }
    let finished = at.is_finished(actual) || at.is_finished(until);
    at.set_finished(node, finished);
}

pub(super) fn on_merge(at: &mut At<'_>, node: usize, sources: &Sources<'_>, timers: &mut Timers) {
    after_first::on_merge(at, node, sources, timers);
}
