//! `Delivery`: how often a record arrives, and what a run holds for it.
//!
//! Owns the state of a run, and what its calls do for each of the three ways. Invariant: what a
//! process did not stage itself it never sends at most once.

use super::Settings;
use super::direct::Direct;
use super::place::Place;
use super::session::Session;
use super::staged::{Epochal, StagedRecords};
use super::writer::Run;
use crate::kafka::client::{ClientError, Failure, NewTopic};
use crate::kafka::error::failed;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use whitebeam_sdk::Result;
use whitebeam_sdk::sink::{Committed, Epoch};

/// How often a record arrives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Delivery {
    AtLeast,
    AtMost,
    /// Under this name.
    Exactly(String),
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Delivery::AtLeast => f.write_str("at least once"),
            Delivery::AtMost => f.write_str("at most once"),
            Delivery::Exactly(id) => write!(f, "exactly once as {id}"),
        }
    }
}

/// What a sink holds while a run lasts.
#[derive(Default)]
pub(super) struct State {
    run: Option<Arc<Run>>,
    /// Of sinks that write exactly once.
    session: Option<Session>,
    /// Of sinks that write at most once.
    sender: Option<Direct>,
    /// The last epoch that was sent, or partly sent, at most once.
    attempted: Option<Epoch>,
}

impl State {
    /// What the writers of this run share, made by the first of them.
    pub(super) fn run(&mut self, settings: &Settings) -> Result<Arc<Run>> {
        if let Some(run) = &self.run {
            return Ok(Arc::clone(run));
        }
        let place = settings.place()?;
        let at = format!("topic `{}` at {}", place.topic, place.client.describe());
        let partitions = settings.partitions(&place)?;
        let direct = match settings.delivery {
            Delivery::AtLeast => Some(Arc::new(Direct::new(
                place.clone(),
                settings.patience.call,
            )?)),
            _ => None,
        };
        let session = self.session.as_ref();
        let run = Arc::new(Run {
            id: session.map_or_else(|| place.client.unique(), Session::run),
            at,
            partitions,
            max_record: settings.max_record,
            event_times: settings.event_times,
            direct,
            known: Mutex::new(session.and_then(Session::known)),
        });
        self.run = Some(Arc::clone(&run));
        Ok(run)
    }

    pub(super) fn direct(&self) -> Option<Arc<Direct>> {
        self.run.as_ref().and_then(|run| run.direct.clone())
    }

    /// Begins a run that may go on from another; the last epoch that is visible.
    pub(super) fn recover(&mut self, settings: &Settings) -> Result<Option<Epoch>> {
        *self = State::default();
        let Delivery::Exactly(name) = &settings.delivery else {
            return Ok(None);
        };
        let place = settings.place()?;
        settings.partitions(&place)?;
        progress(&place, settings.patience.call)?;
        let run = place.client.unique();
        let mut session = Session::new(place, settings.patience, name.clone(), run);
        let visible = session.take_over()?;
        self.session = Some(session);
        Ok(visible)
    }

    pub(super) fn commit(
        &mut self,
        settings: &Settings,
        epoch: Epoch,
        staged: Vec<StagedRecords>,
    ) -> Result<Committed> {
        match &settings.delivery {
            Delivery::AtLeast => Ok(Committed::Now),
            Delivery::AtMost => self.send_once(settings, epoch, staged),
            Delivery::Exactly(name) => {
                let staged = Epochal::of(staged, self.run.as_ref().map(|run| run.id))?;
                let session = match &mut self.session {
                    Some(session) => session,
                    None => {
                        let place = settings.place()?;
                        progress(&place, settings.patience.call)?;
                        let run = self.run.as_ref().map(|run| run.id);
                        let run = run.unwrap_or_else(|| place.client.unique());
                        let new = Session::new(place, settings.patience, name.clone(), run);
                        self.session.insert(new)
                    }
                };
                let committed = session.commit(epoch, &staged);
                if let Some(run) = &self.run {
                    run.tell(session.known());
                }
                committed
            }
        }
    }

    /// Sends what this very process has staged, and has not tried to send before.
    fn send_once(
        &mut self,
        settings: &Settings,
        epoch: Epoch,
        staged: Vec<StagedRecords>,
    ) -> Result<Committed> {
        let run = self.run.as_ref().map(|run| run.id);
        let staged = Epochal::of(staged, run)?;
        let is_ours = staged.chunks.iter().all(|chunk| Some(chunk.run) == run);
        if !is_ours || self.attempted >= Some(epoch) {
            tracing::warn!(
                topic = settings.topic,
                epoch = epoch.0,
                "an epoch may be missing: it is sent at most once"
            );
            return Ok(Committed::Before);
        }
        if staged.chunks.is_empty() {
            return Ok(Committed::Now);
        }
        let sender = match self.sender.take() {
            Some(sender) => sender,
            None => Direct::new(settings.place()?, settings.patience.call)?,
        };
        self.attempted = Some(epoch);
        let mut line = sender.line();
        let mut records = staged.records();
        records.try_for_each(|record| sender.send(&mut line, &record))?;
        drop(line);
        sender.settle()?;
        self.sender = Some(sender);
        Ok(Committed::Now)
    }

    /// Gives up what was not shown. What the progress topic says stays known.
    pub(super) fn abort(&mut self) {
        self.run = None;
        self.sender = None;
    }
}

/// Makes the progress topic, if it is not there.
fn progress(place: &Place, patience: Duration) -> Result<()> {
    let until = place.until(patience);
    let made = place.partitions(&place.progress, Some((1, true)), until);
    made.map(|_| ()).map_err(|e| {
        let is_forbidden = e.failure == Failure::Forbidden;
        let error = failed(&place.client.describe(), &place.progress, e);
        match is_forbidden {
            true => error.help("or let somebody create it: one partition, cleanup.policy=compact"),
            false => error,
        }
    })
}

impl Place {
    /// How many partitions a topic has. One that is not there is made, with so many partitions and
    /// compacted or not, if that is given.
    pub(super) fn partitions(
        &self,
        topic: &str,
        make: Option<(u32, bool)>,
        until: Duration,
    ) -> Result<Option<u32>, ClientError> {
        let look = || self.patiently(until, |within| self.client.partitions(topic, within));
        let found = look()?;
        let (None, Some((partitions, compacted))) = (found, make) else {
            return Ok(found);
        };
        let new = NewTopic {
            name: topic.to_owned(),
            partitions,
            compacted,
        };
        let made = self.patiently(until, |within| self.client.create_topic(&new, within));
        match made {
            Err(e) if e.failure != Failure::Exists => return Err(e),
            _ => {}
        }
        // Brokers hear of a new topic one after the other.
        let mut wait = self.wait(until);
        loop {
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
            wait.tick("see a new topic")?;
        }
    }
}
