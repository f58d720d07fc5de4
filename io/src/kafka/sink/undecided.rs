//! Before a transaction: nothing of an earlier one of this sink is left open.
//!
//! A cluster that is killed can lose the end of a transaction in one partition. The coordinator has
//! forgotten it then, so that fencing does not end it; but the next transaction of the same producer
//! that writes there continues it, and decides it too. Records that were taken back would be committed
//! with their second copy; a marker would neither be seen nor be gone.
//!
//! Owns finding and ending what is open. In the progress topic the fate of a marker is the fate of the
//! records beside it, which can be seen where their partitions have an end. In the sink's topic
//! everything that is open here is an attempt that was taken back: what was committed was seen to be
//! visible before (`visible`). Invariant: what is ended here shares the fate that it had.

use super::marker::{Marker, Seen, decode, look};
use super::session::{Session, Tried};
use super::staged::{Encoded, Epochal};
use super::transaction::Transaction;
use crate::kafka::client::{ClientError, Failure, Isolation, Producer, ReadFrom, Record, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

impl Session {
    /// Reads the progress topic to its end, by a producer that has fenced all others. A transaction
    /// of this sink that is still open there has lost its end, and gets one.
    pub(super) fn look_behind(
        &mut self,
        mut producer: Box<dyn Producer>,
        until: Duration,
    ) -> Tried<(Seen, Box<dyn Producer>)> {
        while let Some((at, open)) = self.open_marker(until)? {
            self.end_open_marker(producer.as_mut(), at, &open, until)?;
            // A producer is used once.
            producer = self.place.producer(self.patience.transaction, until)?;
        }
        let now = look(&self.place, &self.seen, until)?;
        Ok((now, producer))
    }

    /// Waits for others; a marker of this sink that is open, and where, if there is one.
    fn open_marker(&self, until: Duration) -> Result<Option<(u64, Marker)>> {
        let (place, topic) = (&self.place, &self.place.progress);
        let end = place.ends(topic, 0, until)?.end;
        let mut peeked = None;
        let mut wait = place.wait(until);
        loop {
            let stable = place.ends(topic, 0, until)?.stable;
            if stable >= end {
                return Ok(None);
            }
            if peeked != Some(stable) {
                peeked = Some(stable);
                if let Some(marker) = self.marker_at_offset(stable, until)? {
                    return Ok(Some((stable, marker)));
                }
            }
            wait.tick("read the progress topic").map_err(|e| {
                let said = format!("an open transaction holds readers back at {stable}");
                ClientError::new(Failure::Retriable, e.action, said)
            })?;
        }
    }

    /// The marker of this sink that lies there, whatever its fate.
    pub(super) fn marker_at_offset(&self, offset: u64, until: Duration) -> Result<Option<Marker>> {
        let place = &self.place;
        let found = self.peek(&place.progress, 0, offset, until, |record| {
            let is_ours = record.key == Some(place.id.as_bytes());
            match record.value {
                Some(value) if is_ours => decode(value).map(Some),
                _ => Ok(None),
            }
        })?;
        found.unwrap_or(Ok(None))
    }

    /// What `look` makes of the record at an offset, whatever its fate.
    fn peek<R>(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
        until: Duration,
        look: impl Fn(&Record<'_>) -> R,
    ) -> Result<Option<R>> {
        let place = &self.place;
        let mut reader = place.client.reader(&ReadFrom {
            topic: topic.to_owned(),
            partition,
            offset,
            isolation: Isolation::Uncommitted,
        })?;
        let mut found = None;
        let mut wait = place.wait(until);
        loop {
            let polled = reader.poll(1, &mut |record| {
                found = Some((record.offset == offset).then(|| look(record)));
                false
            });
            let polled = match polled {
                Err(e) if place.may_try_again(&e, until) => continue,
                polled => polled?,
            };
            match found {
                Some(found) => return Ok(found),
                None if polled.at_end => return Ok(None),
                None => wait.tick("read what is open")?,
            }
        }
    }

    /// Ends a transaction with a marker as it was decided.
    fn end_open_marker(
        &mut self,
        producer: &mut dyn Producer,
        at: u64,
        open: &Marker,
        until: Duration,
    ) -> Tried<()> {
        self.alarm(&self.place.progress, 0, Some(at));
        // What this process itself was told to be committed is what it goes on from.
        let known = self.marker_at.filter(|known| *known >= at);
        let known = known.and_then(|_| self.seen.marker.clone());
        if let Some(known) = known {
            self.bear_witness(&known, until)?;
            self.place.client.point("kafka.repair_witnessed");
            self.write_marker(producer, known, until)?;
        } else if self.was_committed(open, until)? {
            self.bear_witness(open, until)?;
            self.place.client.point("kafka.repair_witnessed");
            let transaction = Transaction::begin(&self.place, producer, until)?;
            transaction.commit(&open.encode())?;
        } else {
            let mut transaction = Transaction::begin(&self.place, producer, until)?;
            transaction.send_marker(&open.encode())?;
            transaction.abort()?;
        }
        self.place.client.point("kafka.repair_ended");
        Ok(())
    }

    /// Whether the records that were sent with a marker were committed. Where none of them was
    /// decided for any reader, they were not: they will be taken back before anything is sent.
    fn was_committed(&self, open: &Marker, until: Duration) -> Tried<bool> {
        let Some(last) = &open.last else {
            return Ok(false);
        };
        for partition in &last.fresh {
            let Some(range) = last.written.get(partition) else {
                continue;
            };
            let mut wait = self.place.wait(until);
            loop {
                let stable = self
                    .place
                    .ends(&self.place.topic, *partition, until)?
                    .stable;
                if stable > range.1 {
                    let topic = &self.place.topic;
                    return Ok(self.is_readable(topic, *partition, *range, until)?);
                }
                if stable == range.0 {
                    break;
                }
                wait.tick("read what was committed")?;
            }
        }
        Ok(false)
    }

    /// Takes back, in the sink's topic, what earlier attempts have left open.
    pub(super) fn sweep(
        &mut self,
        staged: &Epochal,
        mut producer: Box<dyn Producer>,
        until: Duration,
    ) -> Tried<Box<dyn Producer>> {
        let mut partitions: BTreeSet<u32> = staged.records().map(|r| r.partition).collect();
        if !self.is_swept {
            let count = self.place.partitions(&self.place.topic, None, until)?;
            partitions.extend(0..count.unwrap_or(0));
        }
        loop {
            let mut open = BTreeSet::new();
            for partition in &partitions {
                if self.has_open(*partition, staged, until)? {
                    open.insert(*partition);
                }
            }
            if open.is_empty() {
                self.is_swept = true;
                return Ok(producer);
            }
            self.take_back_in(&open, staged, producer.as_mut(), until)?;
            producer = self.place.producer(self.patience.transaction, until)?;
            partitions = open;
        }
    }

    /// Waits for others; whether an attempt of this sink is open in a partition. It has written
    /// records of this epoch: those before are visible, those after were never sent. Which of them
    /// came first nobody knows: some may not have arrived.
    fn has_open(&self, partition: u32, staged: &Epochal, until: Duration) -> Tried<bool> {
        let (place, topic) = (&self.place, &self.place.topic);
        let end = place.ends(topic, partition, until)?.end;
        let soon = until.min(place.until(self.patience.shown()));
        let mut peeked = None;
        let mut wait = place.wait(soon);
        loop {
            let stable = place.ends(topic, partition, until)?.stable;
            if stable >= end {
                return Ok(false);
            }
            if peeked != Some(stable) {
                peeked = Some(stable);
                let is_ours = self.peek(topic, partition, stable, until, |record| {
                    let same = |r: Encoded<'_>| (r.key, r.value) == (record.key, record.value);
                    staged.records().any(same)
                })?;
                if is_ours == Some(true) {
                    return Ok(true);
                }
            }
            if wait.tick("read what is open").is_err() {
                return Err(self.held_back(topic, partition, stable));
            }
        }
    }

    /// Writes one record to each of these partitions, and takes it back; where they lay.
    pub(super) fn take_back_in(
        &self,
        partitions: &BTreeSet<u32>,
        staged: &Epochal,
        producer: &mut dyn Producer,
        until: Duration,
    ) -> Tried<BTreeMap<u32, (u64, u64)>> {
        let mut firsts: BTreeMap<u32, Encoded<'_>> = BTreeMap::new();
        for record in staged.records() {
            firsts.entry(record.partition).or_insert(record);
        }
        // What is written elsewhere is any record: nobody who reads committed records sees it.
        let any = firsts.values().next().copied();
        let records = partitions.iter().filter_map(|partition| {
            let record = firsts.get(partition).copied().or(any)?;
            Some(Encoded {
                partition: *partition,
                ..record
            })
        });
        let place = &self.place;
        let mut transaction = Transaction::begin(place, producer, until)?;
        transaction.send_all(records, u64::MAX)?;
        let ended = transaction.abort()?.of(&place.topic);
        Ok(ended)
    }
}
