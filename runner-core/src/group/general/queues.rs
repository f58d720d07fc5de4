//! Which window is next: timers and holds of all windows in order of time.
//!
//! Owns ordering only. The queues of event timers and holds are *lazy*: a window stands in each at
//! most once, at or before its true instant, and is moved when it comes to the front. A session
//! that grows by a thousand elements moves once. An entry whose window says that it stands
//! elsewhere (or is gone) means nothing, so a reclaimed place is never woken by mistake.
//!
//! Invariant: the window with the earliest timer, and the one with the earliest hold that no timer
//! of its own covers, have entries that are not later.

use super::windows::{Id, WindowState, Windows};
use crate::group::hold::NO_HOLD;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::window::WindowingStrategy;

#[derive(Debug, Default)]
pub(super) struct Queues {
    timers: BinaryHeap<Reverse<(Timestamp, Id)>>,
    holds: BinaryHeap<Reverse<(Timestamp, Id)>>,
    processing: BinaryHeap<Reverse<(Timestamp, Id, u32)>>,
}

impl Queues {
    /// Call after any change to a window's timers or holds.
    #[inline]
    pub(super) fn update(&mut self, id: Id, state: &mut WindowState, strategy: &WindowingStrategy) {
        let timer = state.next_timer(strategy);
        if timer < state.queued_timer {
            state.queued_timer = timer;
            self.timers.push(Reverse((timer, id)));
        }
        let hold = state.hold.instant();
        if hold < timer && hold < state.queued_hold {
            state.queued_hold = hold;
            self.holds.push(Reverse((hold, id)));
        }
    }

    /// A processing timer of the window.
    pub(super) fn set_processing(&mut self, at: Timestamp, id: Id, state: &mut WindowState) {
        if state.processing_timer != at {
            state.processing_timer = at;
            self.processing.push(Reverse((at, id, state.birth)));
        }
    }

    /// Takes out a window that has an event timer before `now`. Its caller forgets it or updates it.
    pub(super) fn due(
        &mut self,
        now: Timestamp,
        windows: &mut Windows,
        strategy: &WindowingStrategy,
    ) -> Option<Id> {
        while let Some((at, id)) = before(&mut self.timers, now) {
            let state = windows.state(id);
            if state.queued_timer != at {
                continue;
            }
            state.queued_timer = NO_HOLD;
            if state.next_timer(strategy) < now {
                state.end_timer &= state.window.max_timestamp() >= now;
                return Some(id);
            }
            self.update(id, state, strategy);
        }
        None
    }

    /// Takes out a processing timer before `now`; gives its window.
    pub(super) fn due_processing(&mut self, now: Timestamp, windows: &mut Windows) -> Option<Id> {
        while let Some((at, id, birth)) = before(&mut self.processing, now) {
            let state = windows.state(id);
            if state.birth == birth {
                if state.processing_timer == at {
                    state.processing_timer = NO_HOLD;
                }
                return Some(id);
            }
        }
        None
    }

    /// When the next processing timer is due, timers of windows that are gone set aside.
    pub(super) fn next_processing(&mut self, windows: &mut Windows) -> Option<Timestamp> {
        while let Some(&Reverse((at, id, birth))) = self.processing.peek() {
            if windows.state(id).birth == birth {
                return Some(at);
            }
            self.processing.pop();
        }
        None
    }

    /// All pending processing timers, by window.
    pub(super) fn all_processing(&self, windows: &mut Windows) -> Vec<(Id, Timestamp)> {
        let entries = self.processing.iter();
        let mut all: Vec<_> = entries
            .filter(|Reverse((_, id, birth))| windows.state(*id).birth == *birth)
            .map(|Reverse((at, id, _))| (*id, *at))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The earliest event timer or hold of any window, if before `limit`; else `limit`.
    pub(super) fn earliest(
        &mut self,
        limit: Timestamp,
        windows: &mut Windows,
        strategy: &WindowingStrategy,
    ) -> Timestamp {
        let limit = front(&mut self.timers, limit, |id, at| {
            let state = windows.state(id);
            if state.queued_timer != at {
                return NO_HOLD;
            }
            state.queued_timer = state.next_timer(strategy);
            state.queued_timer
        });
        front(&mut self.holds, limit, |id, at| {
            let state = windows.state(id);
            if state.queued_hold != at {
                return NO_HOLD;
            }
            let hold = state.hold.instant();
            // A timer of its own that is not later holds just as well.
            let covered = hold >= state.next_timer(strategy);
            state.queued_hold = if covered { NO_HOLD } else { hold };
            state.queued_hold
        })
    }
}

fn before<T: Instant + Ord>(queue: &mut BinaryHeap<Reverse<T>>, now: Timestamp) -> Option<T> {
    match queue.peek() {
        Some(Reverse(entry)) if entry.instant() < now => queue.pop().map(|Reverse(entry)| entry),
        _ => None,
    }
}

/// An entry of a queue.
trait Instant {
    fn instant(&self) -> Timestamp;
}

impl Instant for (Timestamp, Id) {
    fn instant(&self) -> Timestamp {
        self.0
    }
}

impl Instant for (Timestamp, Id, u32) {
    fn instant(&self) -> Timestamp {
        self.0
    }
}

/// The front's instant if before `limit`, after each entry that came to the front has been moved
/// to where `place` says that it stands (never earlier; [`NO_HOLD`]: nowhere).
fn front(
    queue: &mut BinaryHeap<Reverse<(Timestamp, Id)>>,
    limit: Timestamp,
    mut place: impl FnMut(Id, Timestamp) -> Timestamp,
) -> Timestamp {
    while let Some(mut top) = queue.peek_mut() {
        let Reverse((at, id)) = *top;
        if at >= limit {
            break;
        }
        match place(id, at) {
            NO_HOLD => {
                std::collections::binary_heap::PeekMut::pop(top);
            }
            now if now == at => return at,
            now => top.0.0 = now,
        }
    }
    limit
}
