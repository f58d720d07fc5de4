//! `Repeatedly`: its one part fires for ever, begun anew whenever it finishes.

use super::state::{At, Timers};

/// Where the part stands after its node.
pub(super) const REPEATED: usize = 1;

pub(super) fn on_element(at: &mut At<'_>, node: usize, timers: &mut Timers) {
    at.on_element(node + REPEATED, timers);
}

pub(super) fn on_fire(at: &mut At<'_>, node: usize) {
    at.on_fire(node + REPEATED);
    if at.is_finished(node + REPEATED) {
        at.reset(node + REPEATED);
    }
}
