//! `Sender`: the records of one producer on their way to their partitions.
//!
//! Owns the queue of each producer, and what a partition answers to a record. Invariant: records of
//! one producer arrive in the order in which they were sent, each once or never. Of a producer that is
//! gone a first part may still arrive.

use super::cluster::{AGAIN, Cluster, Later, Told, error};
use super::coordinator::{Answer, Holder, Place};
use super::row::Row;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_io::kafka::client::{ClientError, Deliveries, Failure};
use whitebeam_sdk::time::hours;

/// How far ahead of the broker's clock a record's time may be.
const AHEAD: whitebeam_sdk::time::Duration = hours(1);
const ACTION: &str = "deliver a record";

/// A record on its way.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) row: Arc<Row>,
    pub(super) place: Place,
    /// Who sends it, if in a transaction.
    pub(super) by: Option<Holder>,
    due: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Sender {
    queue: VecDeque<Sent>,
    pub(super) in_flight: usize,
    pub(super) told: Deliveries,
    /// Some record of the open transaction failed: why.
    pub(super) failed: Option<ClientError>,
    /// The coordinator knows of partitions of the open transaction.
    pub(super) has_partitions: bool,
    is_gone: bool,
}

impl Sender {
    pub(super) fn has_news(&self) -> bool {
        self.told.delivered > 0 || !self.told.failed.is_empty()
    }
}

impl Cluster {
    /// A producer comes; its number.
    pub(super) fn enter(&mut self) -> u64 {
        self.entered += 1;
        self.senders.insert(self.entered, Sender::default());
        self.entered
    }

    /// A record leaves its producer.
    pub(super) fn send(&mut self, number: u64, row: Row, place: Place, by: Option<Holder>) {
        let due = self.now() + self.latency();
        let sender = self.senders.entry(number).or_default();
        let due = sender.queue.back().map_or(due, |last| last.due.max(due));
        sender.in_flight += 1;
        sender.queue.push_back(Sent {
            row: Arc::new(row),
            place,
            by,
            due,
        });
        if sender.queue.len() == 1 {
            self.schedule(number, due);
        }
        self.settle();
    }

    fn schedule(&mut self, number: u64, due: Duration) {
        let after = due.saturating_sub(self.now());
        self.later(after, Later::Arrival(number));
    }

    /// The first of a producer's records arrives.
    pub(super) fn arrive(&mut self, number: u64) {
        let Some(sender) = self.senders.get_mut(&number) else {
            return;
        };
        let Some(sent) = sender.queue.pop_front() else {
            return;
        };
        match self.take_in(number, &sent) {
            Some(told) => {
                let delay = self.latency();
                self.note("arrived", u64::from(told.is_ok()));
                match delay {
                    Duration::ZERO => self.tell(number, told),
                    delay => self.later(delay, Later::Tell(number, Box::new(told))),
                }
            }
            None => {
                let due = self.now() + AGAIN;
                if let Some(sender) = self.senders.get_mut(&number) {
                    sender.queue.push_front(Sent { due, ..sent });
                }
            }
        }
        let next = self.senders.get(&number).and_then(|s| s.queue.front());
        if let Some(due) = next.map(|sent| sent.due) {
            self.schedule(number, due);
        }
    }

    /// What the partition says to a record; `None` if it has to be asked again.
    fn take_in(&mut self, number: u64, sent: &Sent) -> Option<Told> {
        let refused = |failure, said: &str| Some(Err(error(failure, ACTION, said)));
        let (name, partition) = (&sent.place.0, sent.place.1);
        let Some(topic) = self.topics.get(name) else {
            return refused(Failure::NoTopic, "Broker: Unknown topic or partition");
        };
        let is_compacted = topic.compacted;
        if partition as usize >= topic.partitions.len() {
            return refused(Failure::NoTopic, "Broker: Unknown topic or partition");
        }
        // The partition is taken into the transaction first, whatever becomes of the record.
        match sent.by.as_ref().map(|by| self.admit(by, &sent.place)) {
            None | Some(Answer::Done(())) => {}
            Some(Answer::Concurrent) => return None,
            Some(_) => return refused(Failure::Fenced, "Broker: Invalid producer epoch"),
        }
        if let Some(sender) = self.senders.get_mut(&number) {
            sender.has_partitions = sent.by.is_some();
        }
        if let Some(failure) = self.forced.take_undelivered(&sent.place) {
            return refused(failure, "given up, as was asked for");
        }
        let wall = self.wall();
        if sent.row.timestamp.is_some_and(|time| time > wall + AHEAD) {
            return refused(Failure::Invalid, "Broker: Invalid timestamp");
        }
        if is_compacted && sent.row.key.is_none() {
            return refused(Failure::Invalid, "Broker: Invalid record: no key");
        }
        // Given up before it arrives, or behind that, for nobody heard of it.
        let is_given_up = self.draws(self.faults.undelivered);
        let timed_out = "Local: Message timed out";
        if is_given_up && self.rng.bool() {
            return refused(Failure::Unknown, timed_out);
        }
        let by = sent.by.as_ref().map(|by| (by.pid, by.epoch));
        let at = self.partition(name, partition)?;
        let offset = at.append(Arc::clone(&sent.row), by, wall);
        self.changed(name, partition);
        match is_given_up {
            true => refused(Failure::Unknown, timed_out),
            false => Some(Ok((sent.place.clone(), offset))),
        }
    }

    /// Whether a record of a transaction may be appended: its epoch is the newest, and the
    /// coordinator knows of the partition. A record that was under way when its transaction ended
    /// opens none.
    fn admit(&mut self, by: &Holder, place: &Place) -> Answer<()> {
        let partition = self.partition(&place.0, place.1);
        if partition.is_some_and(|partition| partition.is_fenced(by.pid, by.epoch)) {
            return Answer::Fenced;
        }
        match self.coordinator.add(by, place) {
            Answer::Done(expiry) => {
                if let Some(expiry) = expiry {
                    self.later(expiry.after, Later::Expiry(expiry));
                }
                Answer::Done(())
            }
            Answer::Concurrent => Answer::Concurrent,
            Answer::Fenced | Answer::State => Answer::Fenced,
        }
    }

    /// A producer hears of a record.
    pub(super) fn tell(&mut self, number: u64, told: Told) {
        let Some(sender) = self.senders.get_mut(&number) else {
            return;
        };
        sender.in_flight = sender.in_flight.saturating_sub(1);
        match told {
            Ok((place, offset)) => {
                sender.told.delivered += 1;
                let range = sender.told.offsets.entry(place).or_insert((offset, offset));
                *range = (range.0.min(offset), range.1.max(offset));
            }
            Err(e) => {
                sender.failed.get_or_insert_with(|| e.clone());
                sender.told.failed.push(e);
            }
        }
        if sender.is_gone && sender.queue.is_empty() {
            self.senders.remove(&number);
        }
    }

    /// A producer gives up what has not arrived.
    pub(super) fn purge(&mut self, number: u64) {
        let Some(sender) = self.senders.get_mut(&number) else {
            return;
        };
        for _ in sender.queue.drain(..) {
            sender.in_flight = sender.in_flight.saturating_sub(1);
            let purged = error(Failure::Unknown, ACTION, "Local: Purged in queue");
            sender.told.failed.push(purged);
        }
    }

    /// A producer's process is gone: a first part of its records is on the wire.
    pub(super) fn leave(&mut self, number: u64) {
        let Some(sender) = self.senders.get_mut(&number) else {
            return;
        };
        let kept = self.rng.usize(..=sender.queue.len());
        sender.queue.truncate(kept);
        sender.is_gone = true;
        if kept == 0 {
            self.senders.remove(&number);
        }
    }
}
