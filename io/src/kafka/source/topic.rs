//! `Topic`: what a source asks a cluster about its topic.
//!
//! Owns how long it asks and how often. Invariant: what may pass by itself is asked again until the
//! time is over; what comes out then names the topic and the cluster.

use super::error::no_topic;
use crate::kafka::client::PartitionReader;
use crate::kafka::client::{self, Client, ClientError, Ends, Failure, Isolation, ReadFrom};
use crate::kafka::error::failed;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_sdk::{Error, Result, Timestamp};

/// How long an answer may take, all in all.
const WITHIN: Duration = Duration::from_secs(10);

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the end of a partition is asked for that lies before what was read: a leader that has
/// just been elected may not know yet how far its records go.
const LOOKS: u32 = 10;

/// A topic of a cluster, as one source sees it.
#[derive(Clone)]
pub(super) struct Topic {
    client: Arc<dyn Client>,
    pub(super) name: Arc<str>,
    pub(super) isolation: Isolation,
    /// When it is told that open transactions hold readers back.
    pub(super) alarm_after: Duration,
}

impl Topic {
    pub(super) fn new(
        client: Arc<dyn Client>,
        name: &str,
        isolation: Isolation,
        alarm_after: Duration,
    ) -> Self {
        Topic {
            client,
            name: name.into(),
            isolation,
            alarm_after,
        }
    }

    /// Time since some instant.
    pub(super) fn monotonic(&self) -> Duration {
        self.client.monotonic()
    }

    pub(super) fn cluster(&self) -> String {
        self.client.describe()
    }

    /// An answer that ends what was done with the topic.
    pub(super) fn failed(&self, e: ClientError) -> Error {
        failed(&self.cluster(), &self.name, e)
    }

    fn ask<T>(&self, ask: impl Fn(&dyn Client, Duration) -> client::Result<T>) -> Result<T> {
        let begun = self.client.monotonic();
        loop {
            let spent = self.client.monotonic().saturating_sub(begun);
            let left = WITHIN.saturating_sub(spent);
            match ask(self.client.as_ref(), left.max(PAUSE)) {
                Ok(answer) => return Ok(answer),
                Err(e) if may_pass(e.failure) && left > PAUSE => self.client.pause(PAUSE),
                Err(e) => return Err(self.failed(e)),
            }
        }
    }

    pub(super) fn partitions(&self) -> Result<u32> {
        let found = self.ask(|client, within| client.partitions(&self.name, within))?;
        found.ok_or_else(|| no_topic(&self.cluster(), &self.name))
    }

    pub(super) fn ends(&self, partition: u32) -> Result<Ends> {
        self.ask(|client, within| client.ends(&self.name, partition, within))
    }

    /// The ends of a partition that was read up to `next`: the end is believed to lie before it only
    /// if it stays there.
    pub(super) fn ends_reaching(&self, partition: u32, next: u64) -> Result<Ends> {
        for _ in 0..LOOKS {
            let ends = self.ends(partition)?;
            if ends.end >= next {
                return Ok(ends);
            }
            self.client.pause(PAUSE);
        }
        self.ends(partition)
    }

    /// Behind the last record that this source sees now.
    pub(super) fn visible_end(&self, partition: u32) -> Result<u64> {
        let ends = self.ends(partition)?;
        Ok(match self.isolation {
            Isolation::Committed => ends.stable,
            Isolation::Uncommitted => ends.end,
        })
    }

    pub(super) fn offset_at(&self, partition: u32, time: Timestamp) -> Result<u64> {
        self.ask(|client, within| client.offset_at(&self.name, partition, time, within))
    }

    pub(super) fn group_offsets(&self, group: &str, partitions: u32) -> Result<BTreeMap<u32, u64>> {
        self.ask(|client, within| client.group_offsets(group, &self.name, partitions, within))
    }

    pub(super) fn commit_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<u32, u64>,
    ) -> Result<()> {
        self.ask(|client, within| client.commit_group_offsets(group, &self.name, offsets, within))
    }

    pub(super) fn reader(&self, partition: u32, offset: u64) -> Result<Box<dyn PartitionReader>> {
        let of = ReadFrom {
            topic: self.name.to_string(),
            partition,
            offset,
            isolation: self.isolation,
        };
        self.client.reader(&of).map_err(|e| self.failed(e))
    }
}

/// The same question may be answered later.
pub(super) fn may_pass(failure: Failure) -> bool {
    matches!(failure, Failure::Retriable | Failure::Unknown)
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({} at {})", self.name, self.cluster())
    }
}
