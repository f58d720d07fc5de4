//! The windows of all keys: a slab of states, and per key a list through it.
//!
//! Owns what is remembered per key and window, and its storage: no allocation per key, none per
//! window once the slab has grown. A key's list is ordered, the window that starts last first, so
//! that the windows of one element are found in one walk.
//!
//! Invariant: a state is in the list of its key, or free.

use crate::group::hold::{Hold, NO_HOLD};
use crate::group::pane::PaneCount;
use whitebeam_sdk::erase::{AccId, Slot};
use whitebeam_sdk::window::WindowingStrategy;
use whitebeam_sdk::{Timestamp, Window};

/// Place of a window's state in the slab.
pub(super) type Id = u32;

/// No window.
pub(super) const NONE: Id = Id::MAX;

/// What is remembered of one window of one key, beside the cells of its trigger.
///
/// A window whose trigger has finished keeps its finished bits and its timers, nothing else.
#[derive(Debug)]
pub(super) struct WindowState {
    /// Merges: into the union.
    pub(super) window: Window,
    pub(super) key: Slot,
    /// The key's window that starts before.
    next: Id,
    /// Changes whenever this place stands for another window: a processing timer knows whose it is.
    pub(super) birth: u32,
    /// The wave of processing timers that woke it last: once per wave is enough.
    pub(super) woken: u32,
    /// Holds: contents of the next pane. Cleared: by firing in discarding mode, by closing.
    pub(super) acc: Option<AccId>,
    /// Elements since the last pane. Merges: the sum. Cleared: by every firing.
    pub(super) pending: u64,
    /// Keeps the output watermark behind the pane.
    pub(super) hold: Hold,
    /// Numbers the panes.
    pub(super) panes: PaneCount,
    /// Wakes when the watermark passes the end. Merges: the union asks anew. Cleared: when due.
    pub(super) end_timer: bool,
    /// Waits for its trigger to be tested at the end of the bundle.
    pub(super) touched: bool,
    /// The trigger's last request, not to queue it twice; `NO_HOLD` if none.
    pub(super) processing_timer: Timestamp,
    /// Where it stands in the queue of timers, at or before its next one; `NO_HOLD` if nowhere
    /// yet.
    pub(super) queued_timer: Timestamp,
    /// Where it stands in the queue of holds, at or before its hold; `NO_HOLD` if nowhere.
    pub(super) queued_hold: Timestamp,
}

impl WindowState {
    fn new(key: Slot, window: Window, birth: u32) -> Self {
        WindowState {
            window,
            key,
            next: NONE,
            birth,
            woken: 0,
            acc: None,
            pending: 0,
            hold: Hold::NONE,
            panes: PaneCount::default(),
            end_timer: false,
            touched: false,
            processing_timer: NO_HOLD,
            queued_timer: NO_HOLD,
            queued_hold: NO_HOLD,
        }
    }

    /// The earliest pending event timer. A window that is known has one at its expiry.
    #[inline]
    pub(super) fn next_timer(&self, strategy: &WindowingStrategy) -> Timestamp {
        if self.end_timer {
            self.window.max_timestamp()
        } else {
            self.window.expiry(strategy.allowed_lateness)
        }
    }
}

/// The windows of all keys.
#[derive(Debug)]
pub(super) struct Windows {
    states: Vec<WindowState>,
    /// Trigger cells, `words` per state.
    cells: Vec<u64>,
    words: usize,
    free: Vec<Id>,
    /// First window of each key.
    heads: Vec<Id>,
}

impl Windows {
    /// No windows; each will have `words` words of trigger state.
    pub(super) fn new(words: usize) -> Self {
        Windows {
            states: Vec::new(),
            cells: Vec::new(),
            words,
            free: Vec::new(),
            heads: Vec::new(),
        }
    }

    pub(super) fn state(&mut self, id: Id) -> &mut WindowState {
        &mut self.states[id as usize]
    }

    /// A window's state and trigger cells.
    #[inline]
    pub(super) fn parts(&mut self, id: Id) -> (&mut WindowState, &mut [u64]) {
        let at = id as usize * self.words;
        (
            &mut self.states[id as usize],
            &mut self.cells[at..at + self.words],
        )
    }

    pub(super) fn cells(&self, id: Id) -> &[u64] {
        let at = id as usize * self.words;
        &self.cells[at..at + self.words]
    }

    /// Number of key slots ever seen.
    pub(super) fn slots(&self) -> Slot {
        self.heads.len() as Slot
    }

    /// First window of `key`, or [`NONE`].
    pub(super) fn first(&self, key: Slot) -> Id {
        self.heads.get(key as usize).copied().unwrap_or(NONE)
    }

    /// The key's next window, or [`NONE`].
    pub(super) fn next(&self, id: Id) -> Id {
        self.states[id as usize].next
    }

    /// The window of `key` with these bounds.
    pub(super) fn find(&self, key: Slot, window: Window) -> Option<Id> {
        let (_, at) = self.seek(key, window, NONE);
        (at != NONE && self.states[at as usize].window == window).then_some(at)
    }

    /// The same, new if need be. `after` is a window of the key that starts later, or [`NONE`].
    #[inline]
    pub(super) fn find_or_add(&mut self, key: Slot, window: Window, after: Id) -> Id {
        let (previous, at) = self.seek(key, window, after);
        if at != NONE && self.states[at as usize].window == window {
            return at;
        }
        self.add_between(key, window, previous, at)
    }

    /// Where `window` belongs in the key's list: the states before and after.
    #[inline]
    fn seek(&self, key: Slot, window: Window, after: Id) -> (Id, Id) {
        let known = after != NONE && self.states[after as usize].window > window;
        let mut previous = if known { after } else { NONE };
        let mut at = if known {
            self.next(after)
        } else {
            self.first(key)
        };
        while at != NONE && self.states[at as usize].window > window {
            previous = at;
            at = self.next(at);
        }
        (previous, at)
    }

    fn add_between(&mut self, key: Slot, window: Window, previous: Id, next: Id) -> Id {
        let id = match self.free.pop() {
            Some(id) => {
                let birth = self.states[id as usize].birth;
                self.states[id as usize] = WindowState::new(key, window, birth);
                self.parts(id).1.fill(0);
                id
            }
            None => {
                let id = self.states.len() as Id;
                self.states.push(WindowState::new(key, window, 0));
                self.cells.resize(self.cells.len() + self.words, 0);
                id
            }
        };
        self.link(id, key, previous, next);
        id
    }

    fn link(&mut self, id: Id, key: Slot, previous: Id, next: Id) {
        self.states[id as usize].next = next;
        if previous != NONE {
            self.states[previous as usize].next = id;
            return;
        }
        if self.heads.len() <= key as usize {
            self.heads.resize(key as usize + 1, NONE);
        }
        self.heads[key as usize] = id;
    }

    fn unlink(&mut self, id: Id) {
        let WindowState { key, next, .. } = self.states[id as usize];
        let mut at = self.first(key);
        if at == id {
            self.heads[key as usize] = next;
            return;
        }
        while at != NONE {
            let following = self.next(at);
            if following == id {
                self.states[at as usize].next = next;
                return;
            }
            at = following;
        }
    }

    /// Forgets a window. Its places in the queues die with it.
    pub(super) fn remove(&mut self, id: Id) {
        self.unlink(id);
        let state = self.state(id);
        state.birth = state.birth.wrapping_add(1);
        state.touched = false;
        state.queued_timer = NO_HOLD;
        state.queued_hold = NO_HOLD;
        self.free.push(id);
    }

    /// Makes a window's place stand for a union that contains it. Its timers and trigger cells do
    /// not belong to the union; its places in the queues may stay, being early at worst.
    pub(super) fn widen(&mut self, id: Id, union: Window) {
        let state = self.state(id);
        let key = state.key;
        state.birth = state.birth.wrapping_add(1);
        state.woken = 0;
        state.end_timer = false;
        state.processing_timer = NO_HOLD;
        state.panes = PaneCount::default();
        if state.window != union {
            self.unlink(id);
            self.state(id).window = union;
            let (previous, next) = self.seek(key, union, NONE);
            self.link(id, key, previous, next);
        }
        self.parts(id).1.fill(0);
    }
}
