//! Progress: what an observer is told while a run goes on.
//!
//! Owns the counts; showing them is the caller's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How far a run has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Splits read to their end.
    pub splits_done: u64,
    /// Splits found so far.
    pub splits: u64,
    /// Bytes (or elements, for sources without bytes) read so far.
    pub bytes_done: u64,
    /// Bytes of all splits whose size is known so far.
    pub bytes: u64,
    /// Elements read so far.
    pub elements: u64,
    /// Everything is committed.
    pub finished: bool,
}

/// Hears of progress, from any worker, about once per batch of input.
pub trait Observer: Send + Sync {
    /// The run has come this far.
    fn progress(&self, progress: Progress);
}

/// Counts shared by all workers.
pub(crate) struct Meter {
    observer: Option<Arc<dyn Observer>>,
    splits_done: AtomicU64,
    splits: AtomicU64,
    bytes_done: AtomicU64,
    bytes: AtomicU64,
    elements: AtomicU64,
}

impl Meter {
    pub(crate) fn new(observer: Option<Arc<dyn Observer>>) -> Self {
        let zero = AtomicU64::default;
        Meter {
            observer,
            splits_done: zero(),
            splits: zero(),
            bytes_done: zero(),
            bytes: zero(),
            elements: zero(),
        }
    }

    pub(crate) fn found(&self, splits: usize) {
        self.splits.fetch_add(splits as u64, Relaxed);
        self.tell(false);
    }

    pub(crate) fn opened(&self, total: Option<u64>) {
        self.bytes.fetch_add(total.unwrap_or(0), Relaxed);
    }

    pub(crate) fn read(&self, bytes: u64, elements: usize) {
        if self.observer.is_some() {
            self.bytes_done.fetch_add(bytes, Relaxed);
            self.elements.fetch_add(elements as u64, Relaxed);
            self.tell(false);
        }
    }

    pub(crate) fn split_done(&self) {
        self.splits_done.fetch_add(1, Relaxed);
        self.tell(false);
    }

    pub(crate) fn finished(&self) {
        self.tell(true);
    }

    fn tell(&self, finished: bool) {
        if let Some(observer) = &self.observer {
            observer.progress(Progress {
                splits_done: self.splits_done.load(Relaxed),
                splits: self.splits.load(Relaxed),
                bytes_done: self.bytes_done.load(Relaxed),
                bytes: self.bytes.load(Relaxed),
                elements: self.elements.load(Relaxed),
                finished,
            });
        }
    }
}
