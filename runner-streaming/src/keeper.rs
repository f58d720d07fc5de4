//! `Keeper`: what outlives a run.
//!
//! Owns the contract between the life of epochs and where they are kept. Snapshots become durable
//! whole or not at all; what sinks were promised is remembered until they have made it visible.

use crate::snapshot::{Snapshot, StagedEpoch, Unwritten};
use std::collections::BTreeMap;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, Result};

/// Why something could not be kept.
#[derive(Debug)]
pub enum Refusal {
    /// This attempt failed; a later one may succeed.
    Attempt(Error),
    /// The run must end: going on cannot help, or would do harm.
    Final(Error),
}

impl Refusal {
    /// The error alone.
    pub fn into_error(self) -> Error {
        match self {
            Refusal::Attempt(e) | Refusal::Final(e) => e,
        }
    }
}

/// What there is to go on from.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    /// The newest snapshot; none at the first run. What it says is staged is still to be made
    /// visible.
    pub snapshot: Option<Snapshot>,
    /// The first epoch that was never used.
    pub next: Epoch,
    /// What was found and cannot be used, to be told to a person.
    pub rejected: Vec<String>,
}

/// Where snapshots are kept. Shared by those who write, commit and watch.
pub trait Keeper: Send + Sync {
    /// The first epoch that this job may have made visible; what sinks show from before is another
    /// run's. None if nothing was ever published.
    fn first_epoch(&self) -> Result<Option<Epoch>>;
    /// What there is to go on from; once, before anything else. `visible` is the last epoch that
    /// each sink says it has made visible.
    fn recover(&self, visible: &BTreeMap<String, Epoch>) -> Result<Kept>;
    /// The epoch to whose snapshot the next one may say what has changed; `None` if it has to say
    /// everything.
    fn follows(&self) -> Option<Epoch> {
        None
    }
    /// Makes a snapshot durable. Of what is staged, the last epoch is new. What steps hold may be
    /// taken out of it while it is written; nobody asks for that later.
    fn publish(&self, snapshot: &mut Unwritten) -> Result<(), Refusal>;
    /// Nobody else has taken over: to be asked before anything that others see.
    fn confirm(&self) -> Result<(), Refusal> {
        Ok(())
    }
    /// All sinks have made an epoch visible.
    fn committed(&self, staged: &StagedEpoch) -> Result<(), Refusal> {
        let _ = staged;
        Ok(())
    }
    /// Says that this run is alive. To be called often.
    fn heartbeat(&self) -> Result<(), Refusal> {
        Ok(())
    }
    /// The size of the newest snapshot in bytes, as far as it is known.
    fn size(&self) -> u64 {
        0
    }
}
