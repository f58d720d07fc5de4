//! `Promises`: what the workers that read one source promise, side by side.
//!
//! Owns what a worker may promise whose splits are all idle: as much as those that are not. It is
//! told in its own channels like any other watermark, so that whoever reads them sees the same
//! watermarks before a barrier, whatever came first.

use crate::exchange::Bell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::Timestamp;

/// What one worker promises of its splits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Promise {
    /// No element before this instant.
    At(Timestamp),
    /// Nothing has come for a while: nobody is to wait.
    Idle,
    /// Nothing comes any more.
    Ended,
}

/// What the workers that read one source promise.
#[derive(Debug)]
pub(crate) struct Promises {
    by_worker: Mutex<Vec<Promise>>,
    workers: Vec<Arc<Bell>>,
}

impl Promises {
    /// Nothing is promised yet by the workers with these bells.
    pub(crate) fn new(workers: Vec<Arc<Bell>>) -> Self {
        Promises {
            by_worker: Mutex::new(vec![Promise::At(Timestamp::MIN); workers.len()]),
            workers,
        }
    }

    /// What wakes a worker.
    pub(crate) fn bell(&self, worker: usize) -> &Arc<Bell> {
        &self.workers[worker]
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Promise>> {
        // Nothing can fail while the lock is held.
        self.by_worker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// `worker` promises this from now on; what it may say of the source. `None` for nothing new.
    pub(crate) fn give(&self, worker: usize, promise: Promise) -> Option<Timestamp> {
        let mut all = self.lock();
        let has_changed = std::mem::replace(&mut all[worker], promise) != promise;
        let instants = all.iter().filter_map(|p| match p {
            Promise::At(at) => Some(*at),
            Promise::Idle | Promise::Ended => None,
        });
        let said = match promise {
            Promise::At(at) => Some(at),
            Promise::Idle => instants.min(),
            Promise::Ended => Some(Timestamp::MAX),
        };
        if has_changed {
            // Who is idle follows the others, and would not look by itself.
            let idle = all.iter().zip(&self.workers);
            for (_, bell) in idle.filter(|(p, _)| **p == Promise::Idle) {
                bell.ring();
            }
        }
        said
    }
}
