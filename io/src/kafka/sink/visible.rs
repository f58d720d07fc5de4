//! After a commit: what was written can be read, or is made so.
//!
//! A cluster answers a commit before every partition has the end of the transaction, and one that is
//! killed in between can lose such an end: the records lie there, committed and held back, until the
//! same producer's next transaction ends in that partition, and share *its* fate. So nothing is said
//! to be committed before it can be read; and where an end is missing, that next transaction is made
//! here, as one whose fate is known:
//!
//! - in the progress topic, a record that no transaction can take back says what the marker said;
//!   then the marker is written and committed again;
//! - in the sink's topic, the marker first says which partitions are given up. Then a transaction
//!   writes there and is taken back, and takes back what was held back, which nobody has read; what
//!   of it was not visible by then is written again, with the marker that says so.
//!
//! Owns this repair. Invariant: at every moment the marker says which partitions may lack records,
//! so that whoever goes on from it, another process included, completes them and repeats none.

use super::error::{another_instance, held_back};
use super::marker::{Last, Marker, Seen, look};
use super::session::{Session, Stop, Tried};
use super::staged::Epochal;
use super::transaction::Transaction;
use crate::kafka::client::{Failure, Isolation, NewRecord, ProducerOptions, ReadFrom, Result};
use std::collections::BTreeSet;
use std::time::Duration;

/// What can be read of records that were committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Readable {
    /// Everything; and how far the partition goes.
    Whole(u64),
    /// Nothing: the end of their own transaction is not there.
    Unended,
    /// Something else holds readers back, at this offset.
    HeldBack(u64),
}

impl Session {
    /// Waits until the records of the last marker can be read.
    pub(super) fn make_visible(&mut self, staged: &Epochal, until: Duration) -> Tried<()> {
        loop {
            self.marker_is_visible(until)?;
            let Some(last) = self.seen.marker.as_ref().and_then(|m| m.last.clone()) else {
                return Ok(());
            };
            if !last.repairing.is_empty() {
                self.write_again(&last, staged, until)?;
                continue;
            }
            let unended = self.unended(&last, until)?;
            if unended.is_empty() {
                return Ok(());
            }
            self.give_up(last, unended, until)?;
        }
    }

    /// Whether everything that a marker says is committed can be read now.
    pub(super) fn is_whole(&self, marker: &Marker, until: Duration) -> Tried<bool> {
        let Some(last) = &marker.last else {
            return Ok(true);
        };
        if !last.repairing.is_empty() {
            return Ok(false);
        }
        for (partition, (_, end)) in &last.written {
            match self.place.ends(&self.place.topic, *partition, until) {
                // A shorter partition is a new one: what was written is gone, and not held back.
                Ok(ends) if ends.stable <= *end && ends.end > *end => return Ok(false),
                Ok(_) => {}
                Err(e) if e.failure == Failure::NoTopic => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(true)
    }

    /// When what was committed before now should be readable.
    fn shown_by(&self, until: Duration) -> Duration {
        until.min(self.place.until(self.patience.shown()))
    }

    /// What of a range can be read at `limit`, or all of it before.
    fn readable(
        &self,
        topic: &str,
        partition: u32,
        (first, last): (u64, u64),
        (limit, until): (Duration, Duration),
    ) -> Result<Readable> {
        let mut wait = self.place.wait(limit);
        loop {
            let ends = self.place.ends(topic, partition, until)?;
            if ends.stable > last {
                return Ok(Readable::Whole(ends.end));
            }
            if wait.tick("read what was committed").is_err() {
                return Ok(match ends.stable == first {
                    true => Readable::Unended,
                    false => Readable::HeldBack(ends.stable),
                });
            }
        }
    }

    /// The partitions that lack the end of a transaction.
    fn unended(&self, last: &Last, until: Duration) -> Tried<BTreeSet<u32>> {
        let mut unended = BTreeSet::new();
        // One limit for all: each after the other might take longer than a call does.
        let limit = self.shown_by(until);
        for (partition, range) in &last.written {
            let topic = &self.place.topic;
            match self.readable(topic, *partition, *range, (limit, until))? {
                Readable::Whole(_) => {}
                Readable::Unended => {
                    unended.insert(*partition);
                }
                Readable::HeldBack(at) => return Err(self.held_back(topic, *partition, at)),
            }
        }
        Ok(unended)
    }

    pub(super) fn held_back(&self, topic: &str, partition: u32, at: u64) -> Stop {
        let id = &self.place.id;
        tracing::warn!(
            id,
            topic,
            partition,
            at,
            "committed records cannot be read: another transaction is open"
        );
        Stop::Wait(held_back(&self.place, topic, partition, at))
    }

    /// Waits until the marker that this process wrote can be read.
    pub(super) fn marker_is_visible(&mut self, until: Duration) -> Tried<()> {
        while let Some(at) = self.marker_at {
            let progress = self.place.progress.clone();
            let limit = self.shown_by(until);
            match self.readable(&progress, 0, (at, at), (limit, until))? {
                Readable::Whole(end) => {
                    self.marker_is_kept(at, end, until)?;
                    self.marker_at = None;
                }
                Readable::Unended => self.end_marker(at, until)?,
                // One of this sink that was to be ended by a later one, whose end is lost as well.
                Readable::HeldBack(held) if self.marker_at_offset(held, until)?.is_some() => {
                    self.end_marker(at, until)?;
                }
                // Its end may have come meanwhile, and it may be gone.
                Readable::HeldBack(held) => {
                    if self.place.ends(&progress, 0, until)?.stable == held {
                        return Err(self.held_back(&progress, 0, held));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether what this process wrote is what readers see, now that they see so far. Where the end
    /// was lost, another process that takes over decides by what it knows, and may take it back.
    fn marker_is_kept(&self, at: u64, end: u64, until: Duration) -> Tried<()> {
        let progress = &self.place.progress;
        // Directly behind it lies an end and nothing else: that of its transaction.
        if end == at + 2 || self.is_readable(progress, 0, (at, at), until)? {
            return Ok(());
        }
        // A later one of this process may have taken its place.
        let now = look(&self.place, &Seen::default(), until)?;
        match &self.seen.marker {
            Some(marker) if now.marker != self.seen.marker => {
                Err(Stop::Final(another_instance(&self.place, marker)))
            }
            _ => Ok(()),
        }
    }

    /// Writes a marker again whose transaction has no end in the progress topic.
    fn end_marker(&mut self, at: u64, until: Duration) -> Tried<()> {
        let Some(marker) = self.seen.marker.clone() else {
            return Ok(());
        };
        // Whatever the coordinator still does, it has done when this returns.
        let timeout = self.patience.transaction;
        let mut producer = self.place.producer(timeout, until)?;
        let ends = self.place.ends(&self.place.progress, 0, until)?;
        if ends.stable > at {
            return Ok(());
        }
        self.alarm(&self.place.progress, 0, Some(at));
        self.bear_witness(&marker, until)?;
        self.place.client.point("kafka.repair_witnessed");
        self.write_marker(producer.as_mut(), marker, until)
    }

    pub(super) fn alarm(&self, topic: &str, partition: u32, at: Option<u64>) {
        let id = &self.place.id;
        tracing::error!(
            id,
            topic,
            partition,
            at,
            "the cluster has lost the end of a transaction; it is repaired"
        );
    }

    /// Says what a marker says in a record that no transaction takes back.
    pub(super) fn bear_witness(&self, marker: &Marker, until: Duration) -> Tried<()> {
        let place = &self.place;
        let mut producer = place.client.producer(&ProducerOptions {
            transactional_id: None,
            transaction_timeout: self.patience.transaction,
        })?;
        let (key, value) = (place.witness(), marker.encode());
        let record = NewRecord {
            topic: &place.progress,
            partition: 0,
            timestamp: None,
            key: Some(key.as_bytes()),
            value: Some(&value),
        };
        place.patiently(until, |_| producer.send(&record))?;
        let mut wait = place.wait(until);
        loop {
            let report = producer.deliveries(Duration::from_millis(20));
            if let Some(e) = report.failed.into_iter().next() {
                return Err(e.into());
            }
            if report.delivered > 0 {
                return Ok(());
            }
            wait.tick("deliver a record")?;
        }
    }

    /// Says that what lies in these partitions is to be given up and written again.
    fn give_up(&mut self, last: Last, unended: BTreeSet<u32>, until: Duration) -> Tried<()> {
        let mut producer = self.fence(until)?;
        // Whatever the coordinator still had to do, it has done: look again.
        for partition in &unended {
            let ends = self.place.ends(&self.place.topic, *partition, until)?;
            let first = last.written.get(partition).map(|(first, _)| *first);
            if first.is_some_and(|first| ends.stable != first) {
                return Ok(());
            }
            self.alarm(&self.place.topic, *partition, Some(ends.stable));
        }
        let marker = self.marker(Some(Last {
            repairing: unended,
            ..last
        }));
        self.write_marker(producer.as_mut(), marker, until)?;
        self.place.client.point("kafka.repair_announced");
        Ok(())
    }

    fn write_again(&mut self, last: &Last, staged: &Epochal, until: Duration) -> Tried<()> {
        let gone = self.take_back(last, staged, until)?;
        self.place.client.point("kafka.repair_taken_back");
        let mut producer = self.fence(until)?;
        let place = self.place.clone();
        let records = || staged.records().filter(|r| gone.contains(&r.partition));
        self.is_sure = false;
        let mut transaction = Transaction::begin(&place, producer.as_mut(), until)?;
        transaction.send_all(records(), records().count() as u64)?;
        let mut written = last.written.clone();
        let sent = transaction.delivered.of(&place.topic);
        let fresh = sent.keys().copied().collect();
        written.extend(sent);
        let marker = self.marker(Some(Last {
            written,
            fresh,
            repairing: BTreeSet::new(),
            ..last.clone()
        }));
        let at = transaction.commit(&marker.encode())?;
        self.wrote(marker, at);
        Ok(())
    }

    /// Ends, by a transaction that is taken back, what has no end; the partitions whose records are
    /// gone by that.
    fn take_back(
        &mut self,
        last: &Last,
        staged: &Epochal,
        until: Duration,
    ) -> Tried<BTreeSet<u32>> {
        let mut producer = self.fence(until)?;
        let ended = self.take_back_in(&last.repairing, staged, producer.as_mut(), until)?;
        let place = &self.place;
        let soon = until.min(place.until(self.patience.shown()));
        let mut gone = BTreeSet::new();
        for partition in &last.repairing {
            let range = last.written.get(partition).copied().unwrap_or_default();
            let end = ended.get(partition).map_or(range.1, |(_, end)| *end);
            let topic = &place.topic;
            place.wait_until_stable(topic, *partition, end + 1, soon)?;
            if !self.is_readable(topic, *partition, range, until)? {
                gone.insert(*partition);
            }
        }
        Ok(gone)
    }

    /// Whether a reader of committed records finds one in this range, where everything is decided.
    pub(super) fn is_readable(
        &self,
        topic: &str,
        partition: u32,
        range: (u64, u64),
        until: Duration,
    ) -> Result<bool> {
        let place = &self.place;
        let mut reader = place.client.reader(&ReadFrom {
            topic: topic.to_owned(),
            partition,
            offset: range.0,
            isolation: Isolation::Committed,
        })?;
        let mut found = None;
        let mut wait = place.wait(until);
        loop {
            let polled = reader.poll(1, &mut |record| {
                found = Some(record.offset <= range.1);
                false
            });
            let polled = match polled {
                Err(e) if place.may_try_again(&e, until) => continue,
                polled => polled?,
            };
            if let Some(found) = found {
                return Ok(found);
            }
            if polled.at_end || polled.next > range.1 {
                return Ok(false);
            }
            wait.tick("read what was committed")?;
        }
    }
}
