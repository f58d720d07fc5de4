//! `Control`: what the coordinator tells the workers, and what they tell it.
//!
//! Owns the orders that stand and the reports that wait. Neither carries elements, and neither can
//! block: a worker looks at the orders once a turn.

use crate::exchange::Bell;
use crate::metrics::Board;
use crate::pending::Pending;
use crate::settings::Limits;
use crate::snapshot::{Held, SplitSnapshot, StagedEpoch};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::Error;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::snapshot::SnapshotWriter;

/// What stands ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Orders {
    /// The last epoch that sources are to end.
    pub(crate) requested: Option<Epoch>,
    /// Epochs up to here are given up.
    pub(crate) cancelled: Option<Epoch>,
    /// Sources read nothing behind this epoch.
    pub(crate) last: Option<Epoch>,
    /// Sources are to end where they stand.
    pub(crate) drain: bool,
    /// Steps write down what they hold at the end of an epoch.
    pub(crate) keeps_state: bool,
    /// The next epoch may say what has changed since this one, where that has been written.
    pub(crate) since: Option<Epoch>,
    /// Workers are to stop at once.
    pub(crate) stop: bool,
}

/// What a worker reports.
#[derive(Debug)]
pub(crate) enum Report {
    /// It has ended an epoch.
    Ack(Ack),
    /// All its input has ended and everything has fired.
    Finished,
    /// It cannot go on.
    Failed(Error),
}

/// What a worker hands over at the end of an epoch.
#[derive(Debug)]
pub(crate) struct Ack {
    pub(crate) worker: usize,
    pub(crate) epoch: Epoch,
    pub(crate) held: Held,
    /// What steps hold, by their paths.
    pub(crate) steps: Vec<(String, SnapshotWriter)>,
    pub(crate) staged: StagedEpoch,
    /// Every stage has written down what it holds; otherwise the epoch was given up.
    pub(crate) is_complete: bool,
}

/// Between a coordinator, its workers and who watches them.
#[derive(Debug)]
pub(crate) struct Control {
    orders: Mutex<Orders>,
    reports: Mutex<Vec<Report>>,
    workers: Vec<Arc<Bell>>,
    coordinator: Arc<Bell>,
    board: Arc<Board>,
    pending: Pending,
    scout: Arc<Bell>,
    /// Splits that were found while the run lasts, with their source, by worker.
    found: Vec<Mutex<Vec<(String, SplitSnapshot)>>>,
}

impl Control {
    /// Between `workers` and their coordinator, by their bells.
    pub(crate) fn new(
        workers: Vec<Arc<Bell>>,
        coordinator: Arc<Bell>,
        board: Arc<Board>,
        limits: &Limits,
    ) -> Self {
        board.begin(&workers);
        Control {
            scout: Arc::default(),
            found: workers.iter().map(|_| Mutex::default()).collect(),
            pending: Pending::new(
                limits.pending_bytes,
                limits.uncommitted.saturating_add(1),
                workers.len(),
            ),
            orders: Mutex::default(),
            reports: Mutex::default(),
            workers,
            coordinator,
            board,
        }
    }

    /// Where those who watch the run look.
    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    /// Output that lies in memory.
    pub(crate) fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Wakes the coordinator.
    pub(crate) fn ring(&self) {
        self.coordinator.ring();
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        // Nothing can fail while the lock is held.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands ordered now.
    pub(crate) fn orders(&self) -> Orders {
        *self.lock()
    }

    /// Changes the orders and wakes everybody.
    pub(crate) fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.lock());
        self.workers.iter().for_each(|bell| bell.ring());
        self.scout.ring();
    }

    /// Rung for who looks for splits.
    pub(crate) fn scout(&self) -> &Arc<Bell> {
        &self.scout
    }

    /// A worker is to read a split that was found, too.
    pub(crate) fn assign(&self, worker: usize, source: String, split: SplitSnapshot) {
        if let Some(found) = self.found.get(worker) {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.push((source, split));
        }
        if let Some(bell) = self.workers.get(worker) {
            bell.ring();
        }
    }

    /// What a worker is to read from now on.
    pub(crate) fn assigned(&self, worker: usize) -> Vec<(String, SplitSnapshot)> {
        let Some(found) = self.found.get(worker) else {
            return Vec::new();
        };
        std::mem::take(&mut found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the coordinator.
    pub(crate) fn report(&self, report: Report) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.push(report);
        drop(reports);
        self.coordinator.ring();
    }

    /// What was reported since the last time.
    pub(crate) fn take_reports(&self) -> Vec<Report> {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *reports)
    }
}
