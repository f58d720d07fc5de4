//! `MemoryStore`: snapshots that outlive a run, in memory.
//!
//! Owns encoded snapshots, so that what is read back was written. Writing can be made to fail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_runner_streaming::{Snapshot, SnapshotStore};
use whitebeam_sdk::{Error, Result, element};

#[derive(Debug, Default)]
struct Kept {
    snapshots: Vec<Vec<u8>>,
    failing: u32,
}

/// Snapshots in memory. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Kept>>);

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many snapshots were published.
    pub fn published(&self) -> usize {
        self.kept().snapshots.len()
    }

    /// The next `n` snapshots cannot be written.
    pub fn fail(&self, n: u32) {
        self.kept().failing = n;
    }
}

impl SnapshotStore for MemoryStore {
    fn latest(&mut self) -> Result<Option<Snapshot>> {
        let kept = self.kept();
        let last = kept.snapshots.last();
        last.map(|bytes| element::decode(&mut bytes.as_slice()))
            .transpose()
    }

    fn publish(&mut self, snapshot: &Snapshot) -> Result<()> {
        let mut kept = self.kept();
        if kept.failing > 0 {
            kept.failing -= 1;
            return Err(Error::unavailable("no room for a snapshot"));
        }
        let mut bytes = Vec::new();
        element::encode(snapshot, &mut bytes)?;
        kept.snapshots.push(bytes);
        Ok(())
    }
}
