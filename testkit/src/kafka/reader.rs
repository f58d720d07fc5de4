//! `ModelReader`: reads one partition of the model.
//!
//! Owns a position and how much of the partition this reader has heard of. Invariant: what is handed
//! over lies before the end that was known when it was fetched.

use super::client::ModelClient;
use super::cluster::error;
use super::faults::{Call, Way};
use super::partition::Entry;
use super::row::Row;
use std::ops::Range;
use std::sync::Arc;
use whitebeam_io::kafka::client::{
    Failure, Headers, Isolation, PartitionReader, Polled, ReadFrom, Record, Result,
};

pub(super) struct ModelReader {
    client: ModelClient,
    of: ReadFrom,
    next: u64,
    known: Option<u64>,
    undecided: Option<Range<u64>>,
}

/// What a fetch brings.
struct Found {
    rows: Vec<(Entry, Arc<Row>)>,
    /// Up to the end that is known.
    is_all: bool,
}

impl ModelReader {
    pub(super) fn new(client: ModelClient, of: ReadFrom) -> Self {
        ModelReader {
            client,
            next: of.offset,
            of,
            known: None,
            undecided: None,
        }
    }

    /// What is there for this reader, without waiting. Nothing if nobody answers.
    fn fetch(&mut self, most: usize) -> Result<Option<Found>> {
        let action = Call::Poll.action();
        self.client.live(action)?;
        let cluster = &mut *self.client.cluster.lock();
        cluster.settle();
        if cluster.is_down() {
            return Ok(None);
        }
        if let Some(Way::Refused(failure)) = cluster.forced.take_way(Call::Poll) {
            return Err(error(failure, action, "refused, as was asked for"));
        }
        if cluster.draws(cluster.faults.poll_fails) {
            return Err(error(Failure::Retriable, action, "refused, as was drawn"));
        }
        let is_stale = cluster.draws(cluster.faults.stale);
        let Some(partition) = cluster.partition(&self.of.topic, self.of.partition) else {
            let said = "Broker: Unknown topic or partition";
            return Err(error(Failure::NoTopic, action, said));
        };
        if self.next < partition.first || self.next > partition.end {
            let said = "Broker: Offset out of range";
            return Err(error(Failure::OffsetOutOfRange, action, said));
        }
        let seen = partition.seen_by(self.of.isolation);
        let known = match is_stale {
            true => self.known.unwrap_or(self.next).min(seen),
            false => seen,
        };
        if !is_stale {
            self.known = Some(known);
            self.undecided = Some(partition.seen_by(Isolation::Committed)..partition.end);
        }
        let rows = partition.rows(self.next, known, self.of.isolation);
        let mut rows: Vec<_> = rows
            .take(most.saturating_add(1))
            .map(|(entry, row)| (entry.clone(), Arc::clone(row)))
            .collect();
        // A reader that has heard nothing yet does not know that it is at the end.
        let is_all = rows.len() <= most && self.known.is_some();
        rows.truncate(most);
        Ok(Some(Found { rows, is_all }))
    }
}

impl PartitionReader for ModelReader {
    fn poll(&mut self, most: usize, take: &mut dyn FnMut(&Record<'_>) -> bool) -> Result<Polled> {
        let Some(Found { rows, mut is_all }) = self.fetch(most)? else {
            return Ok(Polled {
                next: self.next,
                at_end: false,
            });
        };
        for (entry, row) in &rows {
            self.next = entry.offset + 1;
            let is_wanted = take(&Record {
                partition: self.of.partition,
                offset: entry.offset,
                timestamp: Some(entry.time),
                leader_epoch: Some(entry.leader_epoch),
                key: row.key.as_deref(),
                value: row.value.as_deref(),
                headers: Headers::of(&**row),
            });
            if !is_wanted {
                is_all = false;
                break;
            }
        }
        if is_all {
            // Behind ends of transactions and what else is no record.
            self.next = self.next.max(self.known.unwrap_or(0));
        }
        Ok(Polled {
            next: self.next,
            at_end: is_all || self.known.is_some_and(|known| self.next >= known),
        })
    }

    fn known_end(&self) -> Option<u64> {
        self.known
    }

    fn undecided(&self) -> Option<Range<u64>> {
        self.undecided.clone()
    }
}
