//! `Marker`: the record of the progress topic that says which epoch of a sink is committed.
//!
//! Owns its form and how it is read. Does not own when it is written: always in a transaction of the
//! sink's own id, so that it is true exactly when the records beside it are visible. Invariant: the
//! reader knows what was decided before it began; a transaction of another sink that is still open
//! delays it and hides nothing.

use super::place::Place;
use super::staged::Content;
use crate::kafka::client::{ClientError, Failure, Isolation, PartitionReader, ReadFrom, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the progress topic says of a sink.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Marker {
    /// The form of this record.
    pub(super) format: u32,
    /// The sink's name.
    pub(super) sink: String,
    /// Which part of the sink; there is one.
    pub(super) shard: u32,
    /// The run that wrote the first marker of all, and so this topic's.
    pub(super) origin: String,
    /// Counts the processes that took the sink over: whoever sees a greater one gives up.
    pub(super) incarnation: u64,
    /// The run that wrote this.
    pub(super) by: String,
    /// The last committed epoch of the runs that are resumed from checkpoints.
    pub(super) epoch: Option<u64>,
    /// The one before it.
    pub(super) prev: Option<u64>,
    /// What was committed last, by whichever run; none if nothing was.
    pub(super) last: Option<Last>,
}

/// The records that were committed last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Last {
    /// The run that staged them.
    pub(super) run: String,
    /// Their epoch, as that run counts.
    pub(super) epoch: u64,
    /// How many.
    pub(super) count: u64,
    /// Their checksum.
    pub(super) crc: u32,
    /// First and last offset of them, by partition.
    pub(super) written: BTreeMap<u32, (u64, u64)>,
    /// The partitions that the transaction of this very marker wrote to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) fresh: BTreeSet<u32>,
    /// Partitions where the end of the transaction is missing: what lies there is given up, and
    /// written again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) repairing: BTreeSet<u32>,
}

/// How the run that drew this number is named.
pub(super) fn run_name(run: u128) -> String {
    format!("{run:032x}")
}

impl Last {
    /// Whether these are the records that were staged for `epoch`.
    pub(super) fn is(&self, epoch: u64, content: &Content) -> bool {
        self.epoch == epoch
            && self.run == run_name(content.run)
            && (self.count, self.crc) == (content.count, content.crc)
    }
}

impl Marker {
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a marker is made of texts and numbers")
    }

    /// Whether `other` was written after this one.
    fn is_behind(&self, other: &Marker) -> bool {
        (other.incarnation, other.epoch) >= (self.incarnation, self.epoch)
    }
}

/// Reads the value of a marker's record.
pub(super) fn decode(bytes: &[u8]) -> Result<Marker> {
    let marker: serde_json::Result<Marker> = serde_json::from_slice(bytes);
    marker.map_err(|e| {
        let action = "read what the progress topic says of this sink";
        ClientError::new(Failure::Corrupt, action, e.to_string())
    })
}

/// Where a reader of the progress topic stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Seen {
    /// The last marker of this sink.
    pub(super) marker: Option<Marker>,
    /// Everything before this offset was read.
    pub(super) next: u64,
}

/// Reads on in the progress topic, up to what lies there now; waits for what is undecided.
pub(super) fn look(place: &Place, seen: &Seen, until: Duration) -> Result<Seen> {
    let end = place.ends(&place.progress, 0, until)?.end;
    if seen.next == end {
        return Ok(seen.clone());
    }
    let ends = place.wait_until_stable(&place.progress, 0, end, until)?;
    // A topic that is shorter than what was read is another one.
    let known = (seen.next <= end && seen.next >= ends.first).then(|| seen.clone());
    let mut now = known.unwrap_or(Seen {
        marker: None,
        next: ends.first,
    });
    if now.next < ends.first {
        now.next = ends.first;
    }
    let mut reader = place.client.reader(&ReadFrom {
        topic: place.progress.clone(),
        partition: 0,
        offset: now.next,
        isolation: Isolation::Committed,
    })?;
    scan(place, reader.as_mut(), &mut now, end, until)?;
    Ok(now)
}

fn scan(
    place: &Place,
    reader: &mut dyn PartitionReader,
    now: &mut Seen,
    end: u64,
    until: Duration,
) -> Result<()> {
    let mut wrong = None;
    let witness = place.witness();
    let keys = [Some(place.id.as_bytes()), Some(witness.as_bytes())];
    let mut wait = place.wait(until);
    loop {
        let polled = reader.poll(1_000, &mut |record| {
            if !keys.contains(&record.key) {
                return true;
            }
            match record.value.map(decode).transpose() {
                Ok(marker) => now.take(marker),
                Err(e) => wrong = Some(e),
            }
            wrong.is_none()
        });
        let polled = match polled {
            Err(e) if place.may_try_again(&e, until) => continue,
            polled => polled?,
        };
        if let Some(e) = wrong {
            return Err(e);
        }
        if polled.next >= end || polled.at_end {
            now.next = polled.next.max(end);
            return Ok(());
        }
        wait.tick("read the progress topic")?;
    }
}

impl Seen {
    /// Takes a later record; none is one that was taken back by a person.
    fn take(&mut self, marker: Option<Marker>) {
        match (&self.marker, marker) {
            (Some(known), Some(marker)) if !known.is_behind(&marker) => {}
            (_, marker) => self.marker = marker,
        }
    }
}
