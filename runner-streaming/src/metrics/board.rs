//! `Board`: where workers put what is known of them when somebody asks.
//!
//! Owns the question and the answers. A worker looks at one number per turn and writes nothing until
//! that number has changed, so that nobody pays for what nobody reads. Invariant: who asks waits for
//! a moment, who is asked never waits.

use super::{CheckpointMetrics, SplitMetrics, StepMetrics};
use crate::exchange::Bell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(200);

/// What one worker answers.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct WorkerView {
    pub(crate) at: Duration,
    pub(crate) stages: Vec<StageView>,
}

/// One copy of a stage.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct StageView {
    pub(crate) name: String,
    pub(crate) blocked: Duration,
    pub(crate) steps: Vec<(String, StepMetrics)>,
    pub(crate) splits: Vec<SplitMetrics>,
}

/// A worker's last answer.
#[derive(Debug)]
struct Seat {
    bell: Arc<Bell>,
    /// The number of the question it answers.
    answered: u64,
    view: Option<WorkerView>,
}

/// Between a run and who watches it.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Questions so far.
    asked: AtomicU64,
    seats: Mutex<Vec<Seat>>,
    heard: Condvar,
    checkpoints: Mutex<CheckpointMetrics>,
}

impl Board {
    fn seats(&self) -> MutexGuard<'_, Vec<Seat>> {
        // Nothing can fail while the lock is held.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins with these workers.
    pub(crate) fn begin(&self, workers: &[Arc<Bell>]) {
        let seat = |bell: &Arc<Bell>| Seat {
            bell: Arc::clone(bell),
            answered: 0,
            view: None,
        };
        *self.seats() = workers.iter().map(seat).collect();
        self.checkpoints(|c| *c = CheckpointMetrics::default());
    }

    /// The number of the question that is open, if it is not `answered`.
    pub(crate) fn question(&self, answered: u64) -> Option<u64> {
        let asked = self.asked.load(Ordering::Acquire);
        (asked != answered).then_some(asked)
    }

    /// A worker's answer to a question.
    pub(crate) fn answer(&self, worker: usize, question: u64, view: WorkerView) {
        if let Some(seat) = self.seats().get_mut(worker) {
            seat.answered = question;
            seat.view = Some(view);
        }
        self.heard.notify_all();
    }

    /// A worker's last word: it will not be waited for any more.
    pub(crate) fn leave(&self, worker: usize, view: WorkerView) {
        self.answer(worker, u64::MAX, view);
    }

    /// Notes what became of an epoch.
    pub(crate) fn checkpoints(&self, change: impl FnOnce(&mut CheckpointMetrics)) {
        let mut known = self.checkpoints.lock();
        change(known.as_mut().unwrap_or_else(|poisoned| poisoned.get_mut()));
    }

    /// Asks all workers, and takes what they have said after a moment at the latest.
    pub(crate) fn read(&self) -> (Vec<WorkerView>, CheckpointMetrics) {
        let question = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let seats = self.seats();
        seats.iter().for_each(|seat| seat.bell.ring());
        let is_open = |seats: &mut Vec<Seat>| seats.iter().any(|seat| seat.answered < question);
        let waited = self.heard.wait_timeout_while(seats, PATIENCE, is_open);
        let (seats, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let views = seats.iter().filter_map(|seat| seat.view.clone()).collect();
        drop(seats);
        let checkpoints = self.checkpoints.lock();
        (views, *checkpoints.unwrap_or_else(PoisonError::into_inner))
    }
}
