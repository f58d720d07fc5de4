//! The life of one epoch behind its barriers: acknowledged, written, made visible.
//!
//! Owns what becomes of what the workers have handed over. Invariants: epochs are committed in
//! order, and only when their checkpoint is published; what the sinks staged for an epoch that did
//! not become durable belongs to the next.

use super::{Coordinator, End, RETRY};
use crate::control::Ack;
use crate::keeper::Refusal;
use crate::mutant::{Mutant, is_on};
use crate::observer::{Completed, Failed};
use crate::snapshot::{Held, Snapshot, StagedEpoch, Unwritten};
use crate::told;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, Result, Timestamp};

/// An epoch whose barriers are on their way.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) epoch: Epoch,
    pub(super) since: Duration,
    pub(super) acks: Vec<Ack>,
    pub(super) is_cancelled: bool,
    pub(super) end: Option<End>,
}

/// An epoch whose checkpoint is being written.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) epoch: Epoch,
    pub(super) staged: Arc<StagedEpoch>,
    pub(super) end: Option<End>,
}

impl<E: Env> Coordinator<E> {
    pub(super) fn acknowledge(&mut self, ack: Ack) -> Result<()> {
        let workers = self.settings.parallelism;
        let Some(in_flight) = &mut self.in_flight else {
            return Err(unasked(ack.epoch));
        };
        if in_flight.epoch != ack.epoch {
            return Err(unasked(ack.epoch));
        }
        in_flight.acks.push(ack);
        if in_flight.acks.len() < workers {
            return Ok(());
        }
        match self.in_flight.take() {
            Some(complete) => self.complete(complete),
            None => Ok(()),
        }
    }

    /// Every worker has ended the epoch.
    fn complete(&mut self, mut in_flight: InFlight) -> Result<()> {
        let epoch = in_flight.epoch;
        in_flight.acks.sort_by_key(|ack| ack.worker);
        let is_complete = in_flight.acks.iter().all(|ack| ack.is_complete);
        if is_complete {
            agree(&in_flight.acks)?;
        }
        let mut held = Held::default();
        let mut steps: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut staged = StagedEpoch {
            epoch,
            ..StagedEpoch::default()
        };
        for ack in in_flight.acks {
            held.merge(ack.held);
            for (path, step) in ack.steps {
                steps.entry(path).or_default().push(step);
            }
            staged.append(ack.staged);
        }
        staged.carry(std::mem::take(&mut self.carried));
        if !is_complete {
            self.carried = staged;
            return self.another_attempt(epoch, None);
        }
        self.counts.clone_from(&held.counts);
        let staged = Arc::new(staged);
        let Some(writer) = &self.with.writer else {
            self.make_visible(staged, in_flight.end);
            return Ok(());
        };
        self.writing = Some(Writing {
            epoch,
            staged: Arc::clone(&staged),
            end: in_flight.end,
        });
        let earlier = self.uncommitted.iter().cloned();
        let snapshot = Snapshot {
            epoch,
            drained: in_flight.end == Some(End::Drained),
            suspended: in_flight.end == Some(End::Suspended),
            held,
            staged: earlier.chain([staged]).collect(),
        };
        if is_on(Mutant::CommitBeforePublication)
            && let Some(staged) = snapshot.staged.last()
        {
            self.with.sinks.commit(staged, self.clock.env())?;
        }
        self.clock.env().point("epoch.acked");
        writer.ask(Unwritten { snapshot, steps });
        Ok(())
    }

    pub(super) fn written(&mut self, epoch: Epoch, written: Result<(), Refusal>) -> Result<()> {
        let Some(writing) = self.writing.take_if(|w| w.epoch == epoch) else {
            return Err(unasked(epoch));
        };
        let staged = writing.staged;
        match written {
            Ok(()) => {
                self.clock.env().point("epoch.written");
                self.make_visible(staged, writing.end);
                Ok(())
            }
            Err(Refusal::Final(e)) => {
                // The checkpoint may stand all the same: then whoever resumes owes its output.
                self.uncommitted.push_back(staged);
                Err(e)
            }
            Err(Refusal::Attempt(e)) => {
                self.carried = Arc::unwrap_or_clone(staged);
                self.another_attempt(epoch, Some(e))
            }
        }
    }

    /// An epoch is durable (or there is nothing to outlive the run): its output may be seen.
    fn make_visible(&mut self, staged: Arc<StagedEpoch>, end: Option<End>) {
        self.epochs.completed += 1;
        self.epochs.last = staged.epoch;
        let now = self.clock.monotonic();
        let completed = Completed {
            epoch: staged.epoch,
            took: now.saturating_sub(self.triggered),
            bytes: self.with.keeper.as_ref().map_or(0, |k| k.size()),
        };
        self.with.watch.completed(&completed, now);
        self.uncommitted.push_back(staged);
        self.ended = end;
    }

    /// An epoch that is not complete fails neither the run nor, at first, its end.
    fn another_attempt(&mut self, epoch: Epoch, why: Option<Error>) -> Result<()> {
        self.epochs.failed += 1;
        self.with.watch.failed(&Failed {
            epoch,
            why: why.as_ref(),
        });
        if self.ending.is_none() || self.attempts < self.settings.limits.attempts {
            return Ok(());
        }
        let mut e = Error::unavailable("the last checkpoint of the run could not be completed")
            .note("What was committed before is complete; a new run goes on from there.");
        if let Some(why) = why {
            e = e.note(why.to_string());
        }
        Err(e)
    }

    pub(super) fn commit_next(&mut self) -> bool {
        let now = self.clock.monotonic();
        if self.committing || self.retry_at.is_some_and(|at| now < at) {
            return false;
        }
        let Some(oldest) = self.uncommitted.front() else {
            return false;
        };
        self.retry_at = None;
        self.committing = true;
        self.with.committer.ask(Arc::clone(oldest));
        true
    }

    pub(super) fn committed(&mut self, epoch: Epoch, committed: Result<(), Refusal>) -> Result<()> {
        self.committing = false;
        match committed {
            Ok(()) => {
                let pending = self.with.control.pending();
                self.uncommitted.retain(|staged| {
                    let is_done = staged.epoch == epoch;
                    if is_done {
                        pending.release(staged.bytes());
                    }
                    !is_done
                });
                self.with.watch.committed(epoch);
                Ok(())
            }
            Err(Refusal::Attempt(e)) => {
                told::not_committed(epoch, &e);
                self.retry_at = Some(self.clock.monotonic() + RETRY);
                Ok(())
            }
            Err(Refusal::Final(e)) => Err(e),
        }
    }
}

/// All workers have seen the same watermarks before the barrier.
fn agree(acks: &[Ack]) -> Result<()> {
    let Some((first, others)) = acks.split_first() else {
        return Ok(());
    };
    let differs = |ack: &&Ack| ack.held.floors != first.held.floors;
    match others.iter().find(differs) {
        None => Ok(()),
        Some(other) => Err(Error::internal(format!(
            "workers {} and {} saw different watermarks before the barrier of epoch {}",
            first.worker, other.worker, first.epoch.0
        ))
        .note(floors(&first.held.floors))
        .note(floors(&other.held.floors))),
    }
}

fn floors(of: &BTreeMap<String, Vec<Timestamp>>) -> String {
    let line = |(name, at): (&String, &Vec<Timestamp>)| format!("{name}: {at:?}");
    of.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn unasked(epoch: Epoch) -> Error {
    Error::internal(format!(
        "an answer about epoch {}, which is not under way",
        epoch.0
    ))
}
