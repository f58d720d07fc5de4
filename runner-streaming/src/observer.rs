//! `Observer`: what a run tells whoever watches it.
//!
//! Owns the contract and the words. Observers are called by the coordinator, between its turns: they
//! must not wait for anything. Nothing of the run depends on them.

use std::fmt;
use std::time::Duration;
use whitebeam_sdk::Error;
use whitebeam_sdk::sink::Epoch;

/// Watches a run.
pub trait Observer: Send + Sync {
    /// Before the first turn.
    fn started(&self, started: &Started) {
        let _ = started;
    }
    /// A checkpoint is published; where nothing is kept, an epoch is complete.
    fn completed(&self, completed: &Completed) {
        let _ = completed;
    }
    /// A checkpoint was given up or could not be written; the run goes on.
    fn failed(&self, failed: &Failed) {
        let _ = failed;
    }
    /// All sinks have made an epoch visible.
    fn committed(&self, epoch: Epoch) {
        let _ = epoch;
    }
}

/// Says nothing.
impl Observer for () {}

/// How a run begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Started {
    /// The checkpoint that it goes on from; none for a run that begins anew.
    pub resumed_from: Option<Epoch>,
    /// Workers.
    pub parallelism: usize,
    /// Checkpoints that were found and cannot be used, and why.
    pub rejected: Vec<String>,
}

/// A checkpoint that is published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completed {
    /// The epoch that it ends.
    pub epoch: Epoch,
    /// From its request to its publication.
    pub took: Duration,
    /// Bytes that a recovery from it would read; 0 where nothing is kept.
    pub bytes: u64,
}

/// A checkpoint that is not there.
#[derive(Debug)]
pub struct Failed<'a> {
    /// The epoch that did not end.
    pub epoch: Epoch,
    /// Why it could not be written; none if its barriers took too long.
    pub why: Option<&'a Error>,
}

impl fmt::Display for Failed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = self.epoch.0;
        match self.why {
            Some(e) => write!(f, "checkpoint {epoch} could not be written: {e}"),
            None => write!(
                f,
                "checkpoint {epoch} was given up: its barriers took too long"
            ),
        }
    }
}
