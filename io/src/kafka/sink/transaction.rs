//! One transaction: records, then the marker, then its end.
//!
//! Owns the order, and that every record was reported as delivered before the marker is sent. Does not
//! own what follows from a failure: whoever called gives the producer up and asks the marker.

use super::place::Place;
use super::staged::Encoded;
use crate::kafka::client::{ClientError, Deliveries, Failure, NewRecord, Producer, Result};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a producer is asked at once for what became of records.
const ASK: Duration = Duration::from_millis(20);

/// A producer that has nothing on its way and has reported too little so often has lost records.
const LOST_AFTER: u32 = 50;

/// How many records may be in a queue that was full with `n` before more are sent.
pub(super) fn with_room(n: usize) -> usize {
    n.saturating_sub((n / 4).max(1))
}

/// What became of the records that were sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Delivered {
    pub(super) count: u64,
    /// First and last offset.
    pub(super) offsets: BTreeMap<(String, u32), (u64, u64)>,
}

impl Delivered {
    /// Adds a report; whether it says anything.
    fn add(&mut self, report: Deliveries) -> Result<bool> {
        if let Some(e) = report.failed.into_iter().next() {
            return Err(e);
        }
        self.count += report.delivered;
        for (at, (first, last)) in report.offsets {
            let known = self.offsets.entry(at).or_insert((first, last));
            *known = (known.0.min(first), known.1.max(last));
        }
        Ok(report.delivered > 0)
    }

    /// First and last offset in the partitions of a topic.
    pub(super) fn of(&self, topic: &str) -> BTreeMap<u32, (u64, u64)> {
        let of = self.offsets.iter().filter(|((name, _), _)| name == topic);
        of.map(|((_, partition), range)| (*partition, *range))
            .collect()
    }
}

/// A transaction that is open.
pub(super) struct Transaction<'a> {
    place: &'a Place,
    producer: &'a mut dyn Producer,
    /// When patience ends.
    until: Duration,
    sent: u64,
    pub(super) delivered: Delivered,
}

impl<'a> Transaction<'a> {
    pub(super) fn begin(
        place: &'a Place,
        producer: &'a mut dyn Producer,
        until: Duration,
    ) -> Result<Self> {
        producer.begin()?;
        place.client.point("kafka.begin");
        Ok(Transaction {
            place,
            producer,
            until,
            sent: 0,
            delivered: Delivered::default(),
        })
    }

    /// Sends all records and waits until they have arrived.
    pub(super) fn send_all<'r>(
        &mut self,
        records: impl Iterator<Item = Encoded<'r>>,
        count: u64,
    ) -> Result<()> {
        for (i, record) in (0_u64..).zip(records) {
            if i == count / 2 {
                self.place.client.point("sink.half");
            }
            let topic = &self.place.topic;
            self.send(&record.to(topic))?;
        }
        self.arrive()
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<()> {
        loop {
            match self.producer.send(record) {
                Err(e) if e.failure == Failure::Full => self.make_room()?,
                Err(e) if self.place.may_try_again(&e, self.until) => {}
                sent => {
                    self.sent += 1;
                    return sent;
                }
            }
        }
    }

    /// Waits until a good part of the queue is free: one that is refilled record by record sends them
    /// in small batches, five times slower.
    fn make_room(&mut self) -> Result<()> {
        let enough = with_room(self.producer.in_flight());
        let mut wait = self.place.wait(self.until);
        loop {
            if !self.delivered.add(self.producer.deliveries(ASK))? {
                wait.tick("send records")?;
            }
            if self.producer.in_flight() <= enough {
                return Ok(());
            }
        }
    }

    /// Waits until everything that was sent has arrived.
    fn arrive(&mut self) -> Result<()> {
        let mut silent = 0;
        let mut wait = self.place.wait(self.until);
        while self.delivered.count < self.sent {
            let is_empty = self.producer.in_flight() == 0;
            let told = self.delivered.add(self.producer.deliveries(ASK))?;
            silent = if is_empty && !told { silent + 1 } else { 0 };
            if silent > LOST_AFTER {
                let said = format!("{} of {} were reported", self.delivered.count, self.sent);
                let action = "hear what became of the records";
                return Err(ClientError::new(Failure::Fatal, action, said));
            }
            if told {
                wait = self.place.wait(self.until);
            } else {
                wait.tick("deliver records")?;
            }
        }
        Ok(())
    }

    /// Sends a marker and waits until it has arrived.
    pub(super) fn send_marker(&mut self, marker: &[u8]) -> Result<()> {
        let place = self.place;
        self.send(&NewRecord {
            topic: &place.progress,
            partition: 0,
            timestamp: None,
            key: Some(place.id.as_bytes()),
            value: Some(marker),
        })?;
        self.arrive()?;
        place.client.point("sink.marker_sent");
        Ok(())
    }

    /// Sends the marker and commits; the marker's offset.
    pub(super) fn commit(mut self, marker: &[u8]) -> Result<u64> {
        let place = self.place;
        self.send_marker(marker)?;
        let producer = self.producer;
        place.patiently(self.until, |within| producer.commit(within))?;
        place.client.point("sink.commit_sent");
        let at = self.delivered.of(&place.progress);
        Ok(at.get(&0).map_or(0, |(_, last)| *last))
    }

    /// Takes everything back.
    pub(super) fn abort(self) -> Result<Delivered> {
        let producer = self.producer;
        self.place
            .patiently(self.until, |within| producer.abort(within))?;
        Ok(self.delivered)
    }
}
