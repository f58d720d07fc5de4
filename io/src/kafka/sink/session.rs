//! `Session`: one process' part in the life of an exactly-once sink.
//!
//! Owns the protocol of a commit: fence, ask the marker, send, ask again after every doubt. Does not
//! own when an epoch is due, nor what is done if the cluster loses the end of a transaction
//! (`visible`). Invariant: nothing is sent unless this process has fenced all others first and has
//! seen, after that, that the epoch before is the last.

use super::error::{another_instance, lost_marker, other_content, refused, unavailable};
use super::marker::{Last, Marker, Seen, look, run_name};
use super::patience::Patience;
use super::place::Place;
use super::staged::{Content, Epochal, Known, Receipt};
use super::transaction::Transaction;
use crate::kafka::client::{ClientError, Failure, Producer};
use std::collections::BTreeSet;
use std::time::Duration;
use whitebeam_sdk::sink::{Committed, Epoch};
use whitebeam_sdk::{Error, Result};

/// Why an attempt ended.
pub(super) enum Stop {
    /// Nobody knows what was done: the marker has to be asked.
    Doubt(ClientError),
    /// What was done is known, and the rest has to wait; the call is made again.
    Wait(Error),
    /// No further attempt can help, or it would do harm.
    Final(Error),
}

impl From<ClientError> for Stop {
    fn from(e: ClientError) -> Self {
        Stop::Doubt(e)
    }
}

/// What an attempt came to.
pub(super) type Tried<R> = std::result::Result<R, Stop>;

/// What one process knows and holds.
pub(super) struct Session {
    pub(super) place: Place,
    pub(super) patience: Patience,
    /// The sink's name.
    pub(super) sink: String,
    run: u128,
    /// This process, as markers name it.
    by: String,
    pub(super) seen: Seen,
    /// Counts the processes that took over, up to this; none before the marker was asked.
    incarnation: Option<u64>,
    /// It took over before its run began, so that epochs are counted on from the marker's.
    is_resumed: bool,
    /// The marker is what `seen` says, unless somebody has fenced this process since.
    pub(super) is_sure: bool,
    /// The last attempt ended because somebody has the id.
    is_fenced: bool,
    /// Where this process wrote the marker, until that was seen to be visible.
    pub(super) marker_at: Option<u64>,
    /// The epoch that this process has sent last, whatever came of it.
    sent: Option<u64>,
    /// The epoch that was seen to be visible last.
    shown: Option<u64>,
    /// Nothing that earlier processes left open can be in the sink's topic.
    pub(super) is_swept: bool,
    /// Has fenced all others, and asked the marker since; nothing was sent with it.
    ready: Option<Box<dyn Producer>>,
}

impl Session {
    pub(super) fn new(place: Place, patience: Patience, sink: String, run: u128) -> Self {
        Session {
            place,
            patience,
            sink,
            run,
            by: run_name(run),
            seen: Seen::default(),
            incarnation: None,
            is_resumed: false,
            is_sure: false,
            is_fenced: false,
            marker_at: None,
            sent: None,
            shown: None,
            is_swept: false,
            ready: None,
        }
    }

    /// This process' number.
    pub(super) fn run(&self) -> u128 {
        self.run
    }

    /// What receipts say of the marker.
    pub(super) fn known(&self) -> Option<Known> {
        let marker = self.seen.marker.as_ref().filter(|_| self.is_resumed)?;
        Some(Known {
            origin: marker.origin.clone(),
            incarnation: marker.incarnation,
            epoch: marker.epoch,
        })
    }

    /// Takes the sink over from whoever had it; the last epoch that is visible.
    pub(super) fn take_over(&mut self) -> Result<Option<Epoch>> {
        let until = self.place.until(self.patience.call);
        loop {
            match self.claim(until) {
                Ok(visible) => return Ok(visible),
                Err(stop) => self.after(stop, until)?,
            }
        }
    }

    fn claim(&mut self, until: Duration) -> Tried<Option<Epoch>> {
        let mut producer = self.fence(until)?;
        let before = self.seen.marker.clone();
        let is_claimed = before.as_ref().is_some_and(|marker| marker.by == self.by);
        if !is_claimed {
            let marker = self.marker(before.as_ref().and_then(|marker| marker.last.clone()));
            self.write_marker(producer.as_mut(), marker, until)?;
        }
        drop(producer);
        self.marker_is_visible(until)?;
        self.is_resumed = true;
        let Some(marker) = before else {
            return Ok(None);
        };
        // What is not whole yet is committed again: then it is waited for.
        let epoch = match self.is_whole(&marker, until)? {
            true => marker.epoch,
            false => marker.prev,
        };
        Ok(epoch.map(Epoch))
    }

    /// A transaction with nothing but a marker.
    pub(super) fn write_marker(
        &mut self,
        producer: &mut dyn Producer,
        mut marker: Marker,
        until: Duration,
    ) -> Tried<()> {
        if let Some(last) = &mut marker.last {
            last.fresh.clear();
        }
        self.is_sure = false;
        let transaction = Transaction::begin(&self.place, producer, until)?;
        let at = transaction.commit(&marker.encode())?;
        self.wrote(marker, at);
        Ok(())
    }

    /// This process has written a marker, and the cluster has said that it is committed.
    pub(super) fn wrote(&mut self, marker: Marker, at: u64) {
        self.seen = Seen {
            marker: Some(marker),
            // Behind it lies the end of its transaction.
            next: at + 2,
        };
        self.marker_at = Some(at);
        self.is_sure = true;
        self.place.client.point("kafka.commit_acked");
    }

    /// A marker of this process, of an epoch that does not count for others.
    pub(super) fn marker(&self, last: Option<Last>) -> Marker {
        let known = self.seen.marker.as_ref();
        Marker {
            format: 1,
            sink: self.sink.clone(),
            shard: 0,
            origin: known.map_or(&self.by, |marker| &marker.origin).clone(),
            incarnation: self.incarnation.unwrap_or(1),
            by: self.by.clone(),
            epoch: known.and_then(|marker| marker.epoch),
            prev: known.and_then(|marker| marker.prev),
            last,
        }
    }

    /// Fences all other producers of this sink, then asks the marker.
    pub(super) fn fence(&mut self, until: Duration) -> Tried<Box<dyn Producer>> {
        self.is_sure = false;
        if self.is_fenced {
            // Whoever has taken over is not fenced for nothing: that would only delay him.
            let soon = until.min(self.place.until(Duration::from_secs(2)));
            if let Ok(now) = look(&self.place, &self.seen, soon) {
                self.check(&now)?;
            }
        }
        let producer = self.place.producer(self.patience.transaction, until);
        let producer = producer.map_err(|e| self.patience.shorten(e))?;
        let (now, producer) = match self.look_behind(producer, until) {
            Err(Stop::Doubt(e)) if e.failure == Failure::NoTopic && self.incarnation.is_some() => {
                let known = self.seen.marker.as_ref().and_then(|marker| marker.epoch);
                return Err(Stop::Final(lost_marker(&self.place, known, None)));
            }
            looked => looked?,
        };
        self.place.client.point("sink.marker_read");
        self.check(&now)?;
        let known = now.marker.as_ref().map_or(0, |marker| marker.incarnation);
        self.incarnation.get_or_insert(known + 1);
        self.seen = now;
        self.is_sure = true;
        self.is_fenced = false;
        Ok(producer)
    }

    /// Whether what the topic says is what this process knows or wrote.
    fn check(&self, now: &Seen) -> Tried<()> {
        if self.incarnation.is_none() || now.marker == self.seen.marker {
            return Ok(());
        }
        let Some(marker) = &now.marker else {
            let known = self.seen.marker.as_ref().and_then(|marker| marker.epoch);
            return Err(Stop::Final(lost_marker(&self.place, known, None)));
        };
        match marker.by == self.by {
            true => Ok(()),
            false => Err(Stop::Final(another_instance(&self.place, marker))),
        }
    }

    /// Makes an epoch visible, unless it is.
    pub(super) fn commit(&mut self, epoch: Epoch, staged: &Epochal) -> Result<Committed> {
        if staged.chunks.is_empty() {
            return Ok(Committed::Now);
        }
        let content = staged.content();
        if self.shown == Some(epoch.0) && self.is_last(epoch, &content) {
            return Ok(Committed::Before);
        }
        let patience = self.patience.call.max(self.patience.transaction * 2);
        let until = self.place.until(patience);
        loop {
            match self.attempt(epoch, staged, &content, until) {
                Ok(committed) => return Ok(committed),
                Err(stop) => self.after(stop, until)?,
            }
        }
    }

    /// Ends the call, or lets it try again.
    fn after(&mut self, stop: Stop, until: Duration) -> Result<()> {
        let e = match stop {
            Stop::Final(e) => {
                self.doubt(false);
                return Err(e);
            }
            Stop::Wait(e) => return Err(e),
            Stop::Doubt(e) => e,
        };
        self.doubt(e.failure == Failure::Fenced);
        let passes = match e.failure {
            Failure::Credentials | Failure::Forbidden | Failure::NoTopic | Failure::Invalid => {
                false
            }
            Failure::TooLarge | Failure::Corrupt => return Err(refused(&self.place, e)),
            _ => self.place.until(Duration::from_millis(200)) < until,
        };
        if !passes {
            return Err(unavailable(&self.place, e));
        }
        let (reason, id) = (e.to_string(), &self.place.id);
        tracing::debug!(id, reason, "a Kafka transaction is in doubt");
        self.place.client.pause(Duration::from_millis(100));
        Ok(())
    }

    fn doubt(&mut self, is_fenced: bool) {
        self.ready = None;
        self.is_sure = false;
        self.is_fenced = is_fenced;
    }

    fn is_last(&self, epoch: Epoch, content: &Content) -> bool {
        let last = self.seen.marker.as_ref().and_then(|m| m.last.as_ref());
        last.is_some_and(|last| last.is(epoch.0, content))
    }

    fn attempt(
        &mut self,
        epoch: Epoch,
        staged: &Epochal,
        content: &Content,
        until: Duration,
    ) -> Tried<Committed> {
        let mut producer = self.ready.take();
        let is_ready = producer.is_some();
        if producer.is_none() && !(self.is_sure && self.is_last(epoch, content)) {
            producer = Some(self.fence(until)?);
        }
        self.check_receipts(&staged.receipts)?;
        let mut committed = Committed::Now;
        if self.is_last(epoch, content) {
            if self.sent != Some(epoch.0) {
                committed = Committed::Before;
            }
        } else if self.is_past(epoch, content)? {
            return Ok(Committed::Before);
        } else if let Some(mut producer) = producer {
            self.sent = Some(epoch.0);
            if !is_ready {
                producer = self.sweep(staged, producer, until)?;
            }
            self.send(epoch, staged, content, producer.as_mut(), until)?;
        }
        self.make_visible(staged, until)?;
        self.place.client.point("kafka.visible");
        self.confirm(epoch, until)?;
        self.shown = Some(epoch.0);
        Ok(committed)
    }

    /// Whether an epoch was committed before the last one.
    fn is_past(&self, epoch: Epoch, content: &Content) -> Tried<bool> {
        let Some(marker) = &self.seen.marker else {
            return Ok(false);
        };
        if let Some(last) = &marker.last
            && last.run == run_name(content.run)
            && last.epoch > epoch.0
        {
            return Ok(true);
        }
        match marker.epoch.filter(|_| self.is_resumed) {
            Some(last) if last == epoch.0 => Err(Stop::Final(other_content(&self.place, epoch))),
            Some(last) => Ok(last > epoch.0),
            None => Ok(false),
        }
    }

    /// A state that knows of a marker was written by a sink that had one.
    fn check_receipts(&self, receipts: &[Receipt]) -> Tried<()> {
        let marker = self.seen.marker.as_ref();
        for known in receipts.iter().filter_map(|receipt| receipt.known.as_ref()) {
            let is_kept = marker.is_some_and(|marker| {
                let at = (marker.incarnation, marker.epoch);
                marker.origin == known.origin && at.0 >= known.incarnation && at.1 >= known.epoch
            });
            if !is_kept {
                return Err(Stop::Final(lost_marker(&self.place, known.epoch, marker)));
            }
        }
        Ok(())
    }

    fn send(
        &mut self,
        epoch: Epoch,
        staged: &Epochal,
        content: &Content,
        producer: &mut dyn Producer,
        until: Duration,
    ) -> Tried<()> {
        self.is_sure = false;
        let began = self.place.client.monotonic();
        let sent = self.send_in_time(epoch, staged, content, producer, until);
        let took = self.place.client.monotonic().saturating_sub(began);
        self.patience.adapt(&self.place.id, took, sent.is_ok());
        if let Err(Stop::Doubt(e)) = &sent
            && e.failure == Failure::Abortable
        {
            // Best effort: a new producer ends it as well.
            let _ = producer.abort(Duration::from_secs(5));
        }
        sent
    }

    fn send_in_time(
        &mut self,
        epoch: Epoch,
        staged: &Epochal,
        content: &Content,
        producer: &mut dyn Producer,
        until: Duration,
    ) -> Tried<()> {
        let place = self.place.clone();
        let until = until.min(place.until(self.patience.transaction));
        let mut transaction = Transaction::begin(&place, producer, until)?;
        transaction.send_all(staged.records(), content.count)?;
        let written = transaction.delivered.of(&place.topic);
        let last = Last {
            run: run_name(content.run),
            epoch: epoch.0,
            count: content.count,
            crc: content.crc,
            fresh: written.keys().copied().collect(),
            written,
            repairing: BTreeSet::new(),
        };
        let mut marker = self.marker(Some(last));
        if self.is_resumed {
            marker.prev = marker.epoch;
            marker.epoch = Some(epoch.0);
        }
        let at = transaction.commit(&marker.encode())?;
        self.wrote(marker, at);
        Ok(())
    }

    /// Makes sure that nobody had taken over before the epoch was seen to be visible: what another
    /// process has taken back, to write it again, holds readers back no longer than what has its end.
    /// The next producer is ready then, so that the next commit need not wait for it.
    fn confirm(&mut self, epoch: Epoch, until: Duration) -> Tried<()> {
        if epoch == Epoch(0) {
            // A batch run has one epoch.
            let now = look(&self.place, &self.seen, until)?;
            return self.check(&now);
        }
        self.ready = Some(self.fence(until)?);
        Ok(())
    }
}
