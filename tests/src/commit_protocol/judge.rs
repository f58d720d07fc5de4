//! What may be wrong with a world.
//!
//! Owns the promises, each asked of every world that can be reached. Does not own how one gets there.

use super::broker::{DATA, MARKERS, Phase};
use super::process::Step;
use super::{Variant, World};

/// A promise that is broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wrong {
    /// A record is not visible and will never be.
    Lost,
    /// A record is visible twice.
    Duplicate,
    /// An epoch's commit is complete, and a part of it is not visible.
    Torn,
    /// What a partition shows is not the first so many epochs.
    OutOfOrder,
    /// What is visible is not what is checkpointed.
    Diverged,
    /// Nothing can happen any more, and not all is done.
    Stuck,
}

/// The first promise that is broken in `world`.
pub(super) fn judge(world: &World, variant: Variant) -> Option<Wrong> {
    let broker = &world.broker;
    for partition in &broker.partitions[..DATA] {
        let mut shown: Vec<u8> = partition.visible.newest_first().map(|(e, _)| e).collect();
        shown.reverse();
        match shown[..] {
            [] | [1] | [1, 2] => {}
            [2] | [2, 1] => return Some(Wrong::OutOfOrder),
            _ => return Some(Wrong::Duplicate),
        }
    }
    let makers = world.store.makers();
    let visible = broker
        .partitions
        .iter()
        .flat_map(|p| p.visible.newest_first());
    for (epoch, maker) in visible {
        if makers[usize::from(epoch) - 1] != maker + 1 {
            return Some(Wrong::Diverged);
        }
    }
    if broker.phase == Phase::Committing {
        return None;
    }
    let has_markers = variant != Variant::TwoPhase;
    for epoch in 1..=2 {
        let hidden = broker.hidden(epoch);
        let is_marked = broker.marker() >= epoch;
        let is_torn = !matches!(hidden, 0 | 0b11) || (has_markers && is_marked != (hidden == 0));
        if is_torn && !world.marker_was_lost {
            return Some(Wrong::Torn);
        }
        let can_appear = broker.undecided() & !(1 << MARKERS);
        let is_given_up = world.store.noted >= epoch;
        let is_over = world.processes[0].step == Step::Done;
        if is_over && hidden != 0 || is_given_up && hidden & !can_appear != 0 {
            return Some(Wrong::Lost);
        }
    }
    None
}
