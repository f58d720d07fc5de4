//! `Coordinator`: the life of an epoch, from its request to its commit, and of the run.
//!
//! Owns when an epoch is asked for and given up, and when the run is over; what becomes of an epoch
//! that the workers have ended is in `epoch`. Does not write or commit anything itself: two clerks
//! do. Invariant: one epoch is under way.

use crate::clerk::Desk;
use crate::clock::Clock;
use crate::control::{Control, Report};
use crate::exchange::Bell;
use crate::keeper::{Keeper, Kept, Refusal};
use crate::machine::{Machine, Turn};
use crate::settings::Settings;
use crate::sinks::Sinks;
use crate::snapshot::{Counts, StagedEpoch, Unwritten};
use crate::stop::{Stop, StopHandle};
use crate::told;
use crate::watch::Watch;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, Result};

mod epoch;

use epoch::{InFlight, Writing};

/// What a clerk answers about an epoch.
pub(crate) type Answer = (Epoch, Result<(), Refusal>);

/// How long a commit that found nobody waits until it is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// How soon an epoch may follow the one before, if too much output waits for its end.
const EARLY: Duration = Duration::from_millis(50);

/// How often the keeper is told that the run is alive, at least.
const BEAT: Duration = Duration::from_secs(1);

/// How a run came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It can be resumed.
    Suspended,
    /// Its input has ended and everything has fired.
    Drained,
}

/// How a run ended, and what it has done.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) counts: BTreeMap<String, Counts>,
    pub(crate) epochs: Epochs,
}

/// What became of the epochs of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Epochs {
    /// Published, or committed where nothing is published.
    pub completed: u64,
    /// Given up or not written.
    pub failed: u64,
    /// The last one that was completed.
    pub last: Epoch,
}

/// Everything the coordinator is connected with.
pub(crate) struct Connections {
    pub(crate) control: Arc<Control>,
    pub(crate) bell: Arc<Bell>,
    /// None if nothing is to outlive the run.
    pub(crate) writer: Option<Arc<Desk<Unwritten, Answer>>>,
    pub(crate) committer: Arc<Desk<Arc<StagedEpoch>, Answer>>,
    pub(crate) keeper: Option<Arc<dyn Keeper>>,
    pub(crate) sinks: Sinks,
    pub(crate) stop: StopHandle,
    pub(crate) watch: Watch,
}

/// The life of epochs and of the run.
pub(crate) struct Coordinator<E> {
    clock: Clock<E>,
    settings: Settings,
    with: Connections,
    next: Epoch,
    triggered: Duration,
    in_flight: Option<InFlight>,
    writing: Option<Writing>,
    /// Staged for epochs that did not become durable.
    carried: StagedEpoch,
    uncommitted: VecDeque<Arc<StagedEpoch>>,
    /// The oldest of them is being committed, or waits for this instant to be tried again.
    committing: bool,
    retry_at: Option<Duration>,
    finished: usize,
    /// The run is to end like this once an epoch for it is complete.
    ending: Option<End>,
    /// That epoch is complete.
    ended: Option<End>,
    attempts: u32,
    counts: BTreeMap<String, Counts>,
    epochs: Epochs,
    outcome: Option<Result<Ended>>,
}

impl<E: Env> Coordinator<E> {
    pub(crate) fn new(env: E, settings: Settings, with: Connections, kept: Kept) -> Self {
        let recovered = kept.snapshot.unwrap_or_default();
        let clock = Clock::new(env);
        with.stop.listen(&with.bell);
        let owed = recovered.staged.iter().map(|staged| staged.bytes());
        with.control.pending().stage(owed.sum());
        Coordinator {
            triggered: clock.monotonic(),
            clock,
            settings,
            with,
            next: kept.next,
            in_flight: None,
            writing: None,
            carried: StagedEpoch::default(),
            uncommitted: recovered.staged.into(),
            committing: false,
            retry_at: None,
            finished: 0,
            ending: None,
            ended: None,
            attempts: 0,
            counts: recovered.held.counts,
            epochs: Epochs::default(),
            outcome: None,
        }
    }

    /// How the run ended, once it has.
    pub(crate) fn take_outcome(&mut self) -> Option<Result<Ended>> {
        self.outcome.take()
    }

    /// Whether the run has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    fn work(&mut self) -> Result<bool> {
        let mut worked = false;
        if let Some(Err(Refusal::Final(e))) = self.with.keeper.as_ref().map(|k| k.heartbeat()) {
            return Err(e);
        }
        for report in self.with.control.take_reports() {
            worked = true;
            match report {
                Report::Ack(ack) => self.acknowledge(ack)?,
                Report::Finished => self.finished += 1,
                Report::Failed(e) => return Err(e),
            }
        }
        while let Some((epoch, written)) = self.with.writer.as_ref().and_then(|w| w.answer()) {
            worked = true;
            self.written(epoch, written)?;
        }
        while let Some((epoch, committed)) = self.with.committer.answer() {
            worked = true;
            self.committed(epoch, committed)?;
        }
        self.heed_wishes();
        worked |= self.cancel_if_late();
        worked |= self.commit_next();
        worked |= self.trigger_if_due();
        worked |= self.end_if_done()?;
        Ok(worked)
    }

    fn heed_wishes(&mut self) {
        let workers = self.settings.parallelism;
        if self.finished == workers && self.ending != Some(End::Drained) {
            // Whatever was wished for: nothing is left to resume.
            self.ending = Some(End::Drained);
        }
        match self.with.stop.wish() {
            Some(Stop::Drain) if !self.with.control.orders().drain => {
                told::asked(Stop::Drain);
                self.with.control.order(|o| o.drain = true);
            }
            Some(Stop::Suspend) if self.ending.is_none() => {
                told::asked(Stop::Suspend);
                self.ending = Some(End::Suspended);
            }
            _ => {}
        }
    }

    /// Whether another epoch may be asked for, as far as those under way are concerned.
    fn is_free(&self) -> bool {
        self.in_flight.is_none() && self.writing.is_none() && self.ended.is_none()
    }

    fn trigger_if_due(&mut self) -> bool {
        let limit = self.settings.limits.uncommitted;
        if !self.is_free() || self.uncommitted.len() >= limit {
            return false;
        }
        let now = self.clock.monotonic();
        let wait = self.interval();
        let is_first_try = self.ending.is_some() && self.attempts == 0;
        if !is_first_try && now < self.triggered + wait {
            return false;
        }
        let epoch = self.next;
        self.next = Epoch(epoch.0 + 1);
        self.triggered = now;
        self.attempts += u32::from(self.ending.is_some());
        self.in_flight = Some(InFlight {
            epoch,
            since: now,
            acks: Vec::new(),
            is_cancelled: false,
            end: self.ending,
        });
        let since = self
            .with
            .keeper
            .as_ref()
            .and_then(|keeper| keeper.follows());
        let suspends = self.ending == Some(End::Suspended);
        self.with.control.order(|o| {
            o.requested = Some(epoch);
            o.since = since;
            if suspends {
                o.last = Some(epoch);
            }
        });
        self.with.watch.requested(epoch);
        self.clock.env().point("epoch.requested");
        true
    }

    /// How long after one epoch the next is asked for.
    fn interval(&self) -> Duration {
        match self.with.control.pending().is_due() {
            true => self.settings.interval.min(EARLY),
            false => self.settings.interval,
        }
    }

    fn cancel_if_late(&mut self) -> bool {
        let timeout = self.settings.align_timeout;
        let now = self.clock.monotonic();
        let Some(in_flight) = &mut self.in_flight else {
            return false;
        };
        // For the last one there is all the time in the world: nothing else waits for it.
        let may_be_late = in_flight.is_cancelled || in_flight.end.is_some();
        if may_be_late || now < in_flight.since + timeout {
            return false;
        }
        in_flight.is_cancelled = true;
        let epoch = in_flight.epoch;
        self.with.control.order(|o| o.cancelled = Some(epoch));
        true
    }

    fn end_if_done(&mut self) -> Result<bool> {
        let Some(end) = self.ended.filter(|_| self.uncommitted.is_empty()) else {
            return Ok(false);
        };
        self.clock.env().point("stop.final");
        match end {
            End::Drained => self.with.sinks.finish()?,
            // What came after the last epoch will come again.
            End::Suspended => self.with.sinks.abort(),
        }
        told::ended(self.epochs.last, end == End::Drained);
        let ended = Ended {
            end,
            counts: std::mem::take(&mut self.counts),
            epochs: self.epochs,
        };
        self.close(Ok(ended));
        Ok(true)
    }

    fn close(&mut self, outcome: Result<Ended>) {
        self.outcome = Some(outcome);
        self.with.control.order(|o| o.stop = true);
        if let Some(writer) = &self.with.writer {
            writer.close();
        }
        self.with.committer.close();
    }

    fn fail(&mut self, e: Error) {
        told::broken(&e);
        // Output that is durable and not yet visible belongs to the run that will resume.
        let is_owed =
            self.with.writer.is_some() && (!self.uncommitted.is_empty() || self.writing.is_some());
        if !is_owed {
            self.with.sinks.abort();
        }
        self.close(Err(e));
    }

    fn pause(&self) -> Option<Duration> {
        let now = self.clock.monotonic();
        let trigger = self.triggered + self.interval();
        let align = self.in_flight.as_ref();
        let align = align.filter(|f| !f.is_cancelled && f.end.is_none());
        let align = align.map(|f| f.since + self.settings.align_timeout);
        let is_open = self.is_free() && self.uncommitted.len() < self.settings.limits.uncommitted;
        let beat = self.with.keeper.is_some().then_some(now + BEAT);
        let instants = [is_open.then_some(trigger), align, self.retry_at, beat];
        let next = instants.into_iter().flatten().min();
        next.map(|at| at.saturating_sub(now))
    }
}

impl<E: Env> Machine for Coordinator<E> {
    fn turn(&mut self) -> Turn {
        if self.is_over() {
            return Turn::Over;
        }
        self.clock.read();
        match catch(|| self.work()).and_then(|worked| worked) {
            Ok(_) if self.is_over() => Turn::Over,
            Ok(true) => Turn::Worked,
            Ok(false) => Turn::Idle(self.pause()),
            Err(e) => {
                self.fail(e);
                Turn::Over
            }
        }
    }

    fn bell(&self) -> &Arc<Bell> {
        &self.with.bell
    }
}
