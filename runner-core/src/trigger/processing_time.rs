//! `AfterProcessingTime`: ready when processing time has passed the pane's first element by more
//! than the delay. Its cell holds that instant, moved so that 0 means none.

use super::state::{At, Sources, Timers};
use whitebeam_sdk::{Duration, Timestamp};

/// Armed by the first element of the pane; later ones do not move it.
pub(super) fn on_element(at: &mut At<'_>, node: usize, delay: Duration, timers: &mut Timers) {
    if at.cell(node) == 0 {
        let target = at.now.processing_time + delay;
        at.set_cell(node, to_cell(target));
        timers.processing.push(target);
    }
}

pub(super) fn should_fire(at: &At<'_>, node: usize) -> bool {
    at.cell(node) != 0 && to_cell(at.now.processing_time) > at.cell(node)
}

/// The earliest of the targets; whether a source had finished does not matter.
pub(super) fn on_merge(at: &mut At<'_>, node: usize, sources: &Sources<'_>, timers: &mut Timers) {
    let targets = sources.cells(at, node).filter(|&target| target != 0);
    let target = if at.is_finished(node) {
        0
    } else {
        targets.min().unwrap_or(0)
    };
    at.set_cell(node, target);
    if target != 0 {
        timers.processing.push(from_cell(target));
    }
}

/// Keeps the order of instants and is never 0, since no timestamp is as small as `i64::MIN`.
fn to_cell(instant: Timestamp) -> u64 {
    instant.micros() as u64 ^ 1 << 63
}

fn from_cell(cell: u64) -> Timestamp {
    Timestamp::from_micros((cell ^ 1 << 63) as i64)
}
