//! `AfterWatermark` with early or late triggers: they repeat before and after the end of the
//! window, which fires itself.
//!
//! The finished bit of the early part says that the end of the window has fired. Where windows
//! merge, the early phase may come back, so both parts see all elements.

use super::at_end;
use super::state::{At, Sources, Timers};

/// The phase that a window is in; with the part that fires in it.
enum Phase {
    Early(usize),
    Late(Option<usize>),
}

fn phase(at: &At<'_>, node: usize) -> Phase {
    let (early, late) = parts(at, node);
    if at.is_finished(early) {
        Phase::Late(late)
    } else {
        Phase::Early(early)
    }
}

fn parts(at: &At<'_>, node: usize) -> (usize, Option<usize>) {
    (node + 1, at.parts(node).nth(1))
}

pub(super) fn on_element(at: &mut At<'_>, node: usize, timers: &mut Timers) {
    at_end::on_element(at, timers);
    if at.is_merging() {
        let parts = at.parts(node);
        parts.for_each(|part| at.on_element(part, timers));
    } else if let Some(current) = at.current(node) {
        at.on_element(current, timers);
    }
}

pub(super) fn should_fire(at: &At<'_>, node: usize) -> bool {
    match phase(at, node) {
        Phase::Early(early) => at.should_fire(early) || at.now.is_past_end_of_window(),
        Phase::Late(late) => late.is_some_and(|late| at.should_fire(late)),
    }
}

pub(super) fn on_fire(at: &mut At<'_>, node: usize) {
    match phase(at, node) {
        Phase::Early(early) if at.now.is_past_end_of_window() => end_early(at, node, early),
        Phase::Early(early) => {
            at.on_fire(early);
            at.repeat(early);
        }
        Phase::Late(Some(late)) => {
            at.on_fire(late);
            at.repeat(late);
        }
        Phase::Late(None) => at.finish(node),
    }
}

/// The end of the window fires; what the late part has seen so far is in the pane that is gone.
fn end_early(at: &mut At<'_>, node: usize, early: usize) {
    if at.should_fire(early) {
        at.on_fire(early);
    }
    at.finish(early);
    at.clear(early);
    match parts(at, node).1 {
        Some(late) => at.clear(late),
        None => at.finish(node),
    }
}

/// The early phase is over only if it was over in every window and the union's end has passed too;
/// otherwise it comes back, and late firings begin anew after it. A late union of new windows only
/// waits for the late part, or for expiry.
pub(super) fn on_merge(at: &mut At<'_>, node: usize, sources: &Sources<'_>, timers: &mut Timers) {
    let (early, late) = parts(at, node);
    if sources.finished_in_all(early) && at.now.is_past_end_of_window() {
        at.finish(early);
        if let Some(late) = late {
            at.on_merge(late, sources, timers);
        }
        return;
    }
    at.on_merge(early, sources, timers);
    at.set_finished(early, false);
    if let Some(late) = late {
        at.repeat(late);
    }
}
