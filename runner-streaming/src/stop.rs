//! `StopHandle`: how a run is asked to end, from anywhere.
//!
//! Owns the wish only. *Suspend*: finish the epoch, commit it, resume later; nothing fires.
//! *Drain*: the input ends here, everything fires, and nothing is left to resume.

use crate::exchange::Bell;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How a run is to end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stop {
    /// Go on where it stood, later.
    Suspend,
    /// Let everything fire; for good.
    Drain,
}

#[derive(Debug, Default)]
struct Wish {
    /// 0 for none, 1 to suspend, 2 to drain.
    how: AtomicU8,
    coordinators: Mutex<Vec<Arc<Bell>>>,
}

/// Asks a run to end. Clones ask the same run.
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<Wish>);

impl StopHandle {
    /// Of a run to come.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to end like this. Of several wishes to drain counts more.
    pub fn stop(&self, how: Stop) {
        let wish = match how {
            Stop::Suspend => 1,
            Stop::Drain => 2,
        };
        self.0.how.fetch_max(wish, Ordering::SeqCst);
        let bells = self.0.coordinators.lock();
        for bell in bells.unwrap_or_else(PoisonError::into_inner).iter() {
            bell.ring();
        }
    }

    /// What is asked for.
    pub(crate) fn wish(&self) -> Option<Stop> {
        match self.0.how.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Stop::Suspend),
            _ => Some(Stop::Drain),
        }
    }

    /// `bell` is rung for a wish.
    pub(crate) fn listen(&self, bell: &Arc<Bell>) {
        let bells = self.0.coordinators.lock();
        bells
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(bell));
    }
}
