//! `KafkaSplit`: a range of offsets of one partition; positions within it.
//!
//! Owns how splits are found and what a checkpoint stores of a reader. The ends are resolved once,
//! when the split is found, so that a run that goes on later stops where it would have stopped.

use super::error::{fewer_partitions, not_a_position};
use super::mark::Mark;
use super::place::{KafkaPlace, resolve};
use super::topic::Topic;
use crate::record::described;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::source::Position;
use whitebeam_sdk::{Result, Timestamp, element};

/// Records of one partition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KafkaSplit {
    pub(super) partition: u32,
    pub(super) start: u64,
    /// Behind the last record; `None` goes on for ever.
    pub(super) end: Option<u64>,
    /// What was seen before its first record; see [`Position`].
    pub(super) seen: Timestamp,
}

/// How far a partition was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Reached {
    /// The next offset.
    pub(super) next: u64,
    /// The last record before it, by which it is known again.
    pub(super) last: Option<Mark>,
}

/// Where a reader stands. The end is part of it: a reader that gave up its rest does not get it
/// back when it is opened again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Stand {
    pub(super) reached: Reached,
    end: Option<u64>,
    seen: Timestamp,
}

impl KafkaSplit {
    pub(super) fn position(&self, reached: Reached, seen: Timestamp) -> Position {
        let stand = Stand {
            reached,
            end: self.end,
            seen,
        };
        let mut bytes = Vec::new();
        // Numbers always have an encoding; were it empty, opening it would be refused.
        let _ = element::encode(&stand, &mut bytes);
        Position(bytes)
    }

    /// What a position of this split says.
    pub(super) fn stand(&self, at: &Position, topic: &str) -> Result<Stand> {
        element::decode(&mut at.0.as_slice()).map_err(|e| not_a_position(self.describe(topic), e))
    }

    /// This split from where a reader stood.
    pub(super) fn resumed(mut self, stand: &Stand) -> Self {
        // A split that got an end after its reader stood there has that one.
        self.end = stand.end.or(self.end);
        (self.start, self.seen) = (stand.reached.next, stand.seen);
        self
    }

    pub(super) fn describe(&self, topic: &str) -> String {
        described(topic, self.partition, self.start, self.end)
    }
}

/// Splits of the partitions that are not among `known`: one each, so that a partition's records are
/// read in their order. Partitions that were added later are read from their first record.
pub(super) fn discover(
    topic: &Topic,
    known: &[KafkaSplit],
    from: &KafkaPlace,
    until: Option<&KafkaPlace>,
) -> Result<Vec<KafkaSplit>> {
    let partitions = topic.partitions()?;
    if let Some(gone) = known.iter().map(|s| s.partition).find(|p| *p >= partitions) {
        return Err(fewer_partitions(&topic.name, gone, partitions));
    }
    let is_known = |partition: u32| known.iter().any(|split| split.partition == partition);
    let new: Vec<u32> = (0..partitions).filter(|p| !is_known(*p)).collect();
    let from = if known.is_empty() {
        from
    } else {
        &KafkaPlace::Earliest
    };
    let starts = resolve(topic, from, &KafkaPlace::Earliest, &new, partitions)?;
    let ends: Vec<Option<u64>> = match until {
        Some(until) => {
            let ends = resolve(topic, until, &KafkaPlace::Latest, &new, partitions)?;
            ends.into_iter().map(Some).collect()
        }
        None => vec![None; new.len()],
    };
    let splits = new.into_iter().zip(starts).zip(ends);
    Ok(splits
        .map(|((partition, start), end)| KafkaSplit {
            partition,
            start,
            end,
            seen: Timestamp::MIN,
        })
        .collect())
}

/// The same splits, each ending where its partition ends now; those that have an end keep it.
pub(super) fn end_now(topic: &Topic, mut splits: Vec<KafkaSplit>) -> Result<Vec<KafkaSplit>> {
    for split in splits.iter_mut().filter(|split| split.end.is_none()) {
        split.end = Some(topic.visible_end(split.partition)?.max(split.start));
    }
    Ok(splits)
}
