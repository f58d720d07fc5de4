//! `Bell`: wakes a machine that found nothing to do.
//!
//! Owns one flag. Who is about to sleep clears it, looks for work once more, and only then waits:
//! what came in between has rung.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Wakes one machine.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    sleeping: Mutex<()>,
    wake: Condvar,
}

impl Bell {
    /// There is something to do.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            // Between the sleeper's look at the flag and its sleep nobody holds this lock but it.
            drop(self.sleeping.lock().unwrap_or_else(PoisonError::into_inner));
            self.wake.notify_one();
        }
    }

    /// From here on, only new rings count.
    pub(crate) fn clear(&self) {
        // Not a plain store: whoever has rung before is heard with all that was put there before.
        self.rung.swap(false, Ordering::SeqCst);
    }

    /// Whether it rang since it was cleared.
    pub(crate) fn has_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// Sleeps until it rings, or for at most `limit`.
    pub(crate) fn wait(&self, limit: Option<Duration>) {
        let asleep = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = |(): &mut ()| !self.has_rung();
        match limit {
            Some(limit) => drop(self.wake.wait_timeout_while(asleep, limit, silent)),
            None => drop(self.wake.wait_while(asleep, silent)),
        }
    }
}
