//! Watches: what readers of committed records see, checked whenever it changes.
//!
//! Owns the cursors and the first violation. Does not own an oracle: a watch is a closure of the
//! test, or one of those here. Invariant: every committed record is shown once, in order, at the
//! instant at which the first reader could see it.

use super::partition::Partition;
use super::row::Placed;
use std::collections::BTreeMap;
use std::fmt;
use whitebeam_io::kafka::client::Isolation;

/// What has become visible in a partition at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: u32,
    /// The records, in order.
    pub records: &'a [Placed],
}

type Watch = Box<dyn FnMut(&Shown<'_>) -> Result<(), String> + Send>;

#[derive(Default)]
pub(super) struct Watches {
    watches: Vec<Watch>,
    violation: Option<String>,
    /// How many records were shown, by topic.
    shown: BTreeMap<String, u64>,
}

impl Watches {
    pub(super) fn add(&mut self, watch: Watch) {
        self.watches.push(watch);
    }

    /// A partition has changed.
    pub(super) fn look(&mut self, topic: &str, number: u32, partition: &mut Partition) {
        let stable = partition.stable();
        if stable <= partition.shown {
            return;
        }
        let from = std::mem::replace(&mut partition.shown, stable);
        if self.watches.is_empty() {
            return;
        }
        let records = partition.placed(from, stable, Isolation::Committed);
        if records.is_empty() {
            return;
        }
        *self.shown.entry(topic.to_owned()).or_default() += records.len() as u64;
        let shown = Shown {
            topic,
            partition: number,
            records: &records,
        };
        for watch in &mut self.watches {
            if let Err(what) = watch(&shown)
                && self.violation.is_none()
            {
                self.violation = Some(format!("{topic}/{number}: {what}"));
            }
        }
    }

    pub(super) fn forget(&mut self, topic: &str) {
        self.shown.remove(topic);
    }

    pub(super) fn result(&self) -> Result<(), String> {
        self.violation.clone().map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watches")
            .field("violation", &self.violation)
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

/// A watch for a topic that is written by epochs: on each partition epochs never go back, and each
/// becomes visible whole, at one instant. `epoch` says of which epoch a record is.
pub fn prefix_of_epochs(
    topic: impl Into<String>,
    mut epoch: impl FnMut(&Placed) -> Option<u64> + Send + 'static,
) -> impl FnMut(&Shown<'_>) -> Result<(), String> + Send {
    let topic = topic.into();
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    move |shown| {
        if shown.topic != topic {
            return Ok(());
        }
        let mut newest = last.get(&shown.partition).copied();
        let before = newest;
        for record in shown.records {
            let offset = record.offset;
            let Some(epoch) = epoch(record) else {
                return Err(format!("offset {offset} is of no epoch"));
            };
            if before.is_some_and(|before| epoch <= before) {
                return Err(format!(
                    "offset {offset}: more of epoch {epoch}, which was shown"
                ));
            }
            if newest.is_some_and(|newest| epoch < newest) {
                return Err(format!("offset {offset}: epoch {epoch} behind a later one"));
            }
            newest = Some(epoch);
        }
        last.extend(newest.map(|newest| (shown.partition, newest)));
        Ok(())
    }
}
