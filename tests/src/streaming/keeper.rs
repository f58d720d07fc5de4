//! `MemoryKeeper`: snapshots that outlive a run, in memory.
//!
//! Owns encoded snapshots, so that what is read back was written. Writing can be made to fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_runner_streaming::{Keeper, Kept, Refusal, Snapshot, StagedEpoch, Unwritten};
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, Result, element};

#[derive(Debug, Default)]
struct Remembered {
    last: Option<Vec<u8>>,
    published: usize,
    committed: Epoch,
    failing: u32,
}

/// Snapshots in memory. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct MemoryKeeper(Arc<Mutex<Remembered>>);

impl MemoryKeeper {
    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many snapshots were published.
    pub fn published(&self) -> usize {
        self.lock().published
    }

    /// The next `n` snapshots cannot be written.
    pub fn fail(&self, n: u32) {
        self.lock().failing = n;
    }
}

impl Keeper for MemoryKeeper {
    fn first_epoch(&self) -> Result<Option<Epoch>> {
        Ok(self.lock().last.as_ref().map(|_| Epoch(0)))
    }

    fn recover(&self, _: &BTreeMap<String, Epoch>) -> Result<Kept> {
        let remembered = self.lock();
        let last = remembered.last.as_deref();
        let mut snapshot: Option<Snapshot> = last
            .map(|mut bytes| element::decode(&mut bytes))
            .transpose()?;
        if let Some(snapshot) = &mut snapshot {
            let committed = remembered.committed;
            snapshot.staged.retain(|staged| staged.epoch > committed);
        }
        Ok(Kept {
            next: Epoch(snapshot.as_ref().map_or(1, |s| s.epoch.0 + 1)),
            snapshot,
            rejected: Vec::new(),
        })
    }

    fn publish(&self, snapshot: &mut Unwritten) -> Result<(), Refusal> {
        let mut remembered = self.lock();
        if remembered.failing > 0 {
            remembered.failing -= 1;
            let e = Error::unavailable("no room for a snapshot");
            return Err(Refusal::Attempt(e));
        }
        let snapshot = snapshot.finish().map_err(Refusal::Final)?;
        // In the place of the one before: what a run needs is measured, and two of them were most of it.
        let mut bytes = remembered.last.take().unwrap_or_default();
        bytes.clear();
        element::encode(snapshot, &mut bytes).map_err(Refusal::Final)?;
        remembered.last = Some(bytes);
        remembered.published += 1;
        Ok(())
    }

    fn committed(&self, staged: &StagedEpoch) -> Result<(), Refusal> {
        self.lock().committed = staged.epoch;
        Ok(())
    }
}
