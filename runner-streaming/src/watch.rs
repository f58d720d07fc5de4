//! `Watch`: everybody who is told what becomes of a run: its observer, its metrics and its logs.
//!
//! Owns who hears what. The words of logs are `told`'s.

use crate::metrics::{Board, CheckpointMetrics, Published};
use crate::observer::{Completed, Failed, Observer, Started};
use crate::told;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_sdk::sink::Epoch;

/// Those who watch a run.
pub(crate) struct Watch {
    observer: Arc<dyn Observer>,
    board: Arc<Board>,
}

impl Watch {
    pub(crate) fn new(observer: Arc<dyn Observer>, board: Arc<Board>) -> Self {
        Watch { observer, board }
    }

    fn note(&self, change: impl FnOnce(&mut CheckpointMetrics)) {
        self.board.checkpoints(change);
    }

    pub(crate) fn started(&self, started: &Started) {
        told::started(started);
        self.observer.started(started);
    }

    pub(crate) fn requested(&self, epoch: Epoch) {
        told::requested(epoch);
        self.note(|c| c.under_way = Some(epoch));
    }

    /// `at` is on the clock of the run.
    pub(crate) fn completed(&self, completed: &Completed, at: Duration) {
        told::published(completed);
        let Completed { epoch, took, bytes } = *completed;
        self.note(|c| {
            c.under_way = None;
            c.completed += 1;
            c.last = Some(Published {
                epoch,
                at,
                took,
                bytes,
            });
        });
        self.observer.completed(completed);
    }

    pub(crate) fn failed(&self, failed: &Failed<'_>) {
        told::failed(failed);
        self.note(|c| {
            c.under_way = None;
            c.failed += 1;
        });
        self.observer.failed(failed);
    }

    pub(crate) fn committed(&self, epoch: Epoch) {
        self.note(|c| c.committed = Some(epoch));
        self.observer.committed(epoch);
    }
}
