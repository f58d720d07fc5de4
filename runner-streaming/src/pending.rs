//! `Pending`: how many bytes of output lie in memory and are not visible yet, and whether that is
//! enough.
//!
//! Owns the sum over workers and epochs. What the sinks hold is told by the workers once a turn, what
//! they stage when it is handed over; the coordinator tells what was committed. Invariant: nothing
//! stops for it but reading from sources, so that what is under way, barriers above all, comes through.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of output that lie in memory.
#[derive(Debug)]
pub(crate) struct Pending {
    limit: u64,
    /// What an epoch may hold before it ends early.
    share: u64,
    /// What the sinks of each worker hold, and how much of it the end of an epoch stages.
    workers: Vec<(AtomicU64, AtomicU64)>,
    /// What was staged for epochs that are not committed.
    staged: AtomicU64,
}

impl Pending {
    /// Of so many workers; more than `limit` bytes are enough. They are shared by `epochs`: those that
    /// are being committed, and the one that is being written meanwhile.
    pub(crate) fn new(limit: u64, epochs: usize, workers: usize) -> Self {
        Pending {
            limit,
            share: limit / epochs.max(1) as u64,
            workers: (0..workers).map(|_| Default::default()).collect(),
            staged: AtomicU64::new(0),
        }
    }

    /// What the sinks of a worker hold now, and how much of it the end of an epoch stages.
    pub(crate) fn hold(&self, worker: usize, held: u64, unstaged: u64) {
        if let Some(of_it) = self.workers.get(worker) {
            of_it.0.store(held, Ordering::Relaxed);
            of_it.1.store(unstaged, Ordering::Relaxed);
        }
    }

    /// So much was staged.
    pub(crate) fn stage(&self, bytes: u64) {
        self.staged.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So much of what was staged is committed.
    pub(crate) fn release(&self, bytes: u64) {
        self.staged.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether sources are to wait.
    pub(crate) fn is_full(&self) -> bool {
        let staged = self.staged.load(Ordering::Relaxed);
        staged.saturating_add(self.sum(|(held, _)| held)) > self.limit
    }

    /// Whether the epoch that is being written is to end early: so that the next can be written while
    /// it is committed, and what it sends fits into one commit. What is on its way arrives by itself.
    pub(crate) fn is_due(&self) -> bool {
        let unstaged = self.sum(|(_, unstaged)| unstaged);
        unstaged > self.share || unstaged > 0 && self.is_full()
    }

    fn sum(&self, of: impl Fn(&(AtomicU64, AtomicU64)) -> &AtomicU64) -> u64 {
        let bytes = self
            .workers
            .iter()
            .map(|worker| of(worker).load(Ordering::Relaxed));
        bytes.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::Pending;

    #[test]
    fn all_workers_and_what_is_staged_count() {
        let pending = Pending::new(10, 1, 2);
        pending.hold(0, 4, 4);
        pending.hold(1, 4, 4);
        pending.stage(2);
        assert!(!pending.is_full());
        pending.hold(1, 5, 5);
        assert!(pending.is_full());
        pending.release(2);
        assert!(!pending.is_full());
    }

    #[test]
    fn an_epoch_is_due_when_it_holds_its_share_or_nothing_more_fits() {
        let pending = Pending::new(12, 3, 2);
        pending.stage(8);
        pending.hold(0, 2, 2);
        pending.hold(1, 2, 2);
        assert!(!pending.is_due());
        pending.hold(1, 3, 3);
        assert!(pending.is_due());
        pending.hold(1, 0, 0);
        assert!(!pending.is_due());
        // Full by what is staged, or on its way: an epoch that ends makes no room.
        pending.hold(0, 0, 0);
        pending.stage(5);
        assert!(pending.is_full() && !pending.is_due());
        pending.hold(1, 9, 0);
        assert!(!pending.is_due());
        pending.hold(1, 9, 1);
        assert!(pending.is_due());
    }
}
