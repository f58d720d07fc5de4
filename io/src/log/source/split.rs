//! `LogSplit`: a range of offsets of one partition; positions within it.
//!
//! Owns how splits are found and what a checkpoint stores of a reader. The ends are resolved once,
//! when the split is found, so that a run that goes on later stops where it would have stopped.

use crate::log::error::replaced;
use crate::log::place::{LogPlace, resolve};
use crate::log::topic::Topic;
use crate::record::described;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::source::Position;
use whitebeam_sdk::{Error, ErrorKind, Result, Timestamp, element};

/// Records of one partition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogSplit {
    /// Which topic of this name it was.
    pub(super) topic: u128,
    pub(super) partition: u32,
    pub(super) start: u64,
    /// Behind the last record; `None` goes on for ever.
    pub(super) end: Option<u64>,
    /// What was seen before its first record; see [`Position`].
    pub(super) seen: Timestamp,
    /// About how many bytes a record has, for progress.
    pub(super) record_bytes: u64,
}

/// Where a reader stands. The end is part of it: a reader that gave up its rest does not get it
/// back when it is opened again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Stand {
    topic: u128,
    next: u64,
    end: Option<u64>,
    seen: Timestamp,
}

impl LogSplit {
    pub(super) fn position(&self, next: u64, seen: Timestamp) -> Position {
        let stand = Stand {
            topic: self.topic,
            next,
            end: self.end,
            seen,
        };
        let mut bytes = Vec::new();
        // Numbers always have an encoding; were it empty, opening it would be refused.
        let _ = element::encode(&stand, &mut bytes);
        Position(bytes)
    }

    /// This split from `at` on.
    pub(super) fn resumed(mut self, at: &Position, topic: &str) -> Result<Self> {
        let stand: Stand = element::decode(&mut at.0.as_slice()).map_err(|e| {
            Error::new(
                ErrorKind::Incompatible,
                "a position is not one of this source",
            )
            .at_position(self.describe(topic))
            .caused_by(e)
        })?;
        if stand.topic != self.topic {
            return Err(replaced(topic));
        }
        // A split that got an end after its reader stood there has that one.
        self.end = stand.end.or(self.end);
        (self.start, self.seen) = (stand.next, stand.seen);
        Ok(self)
    }

    pub(super) fn describe(&self, topic: &str) -> String {
        described(topic, self.partition, self.start, self.end)
    }
}

/// Splits of the partitions that are not among `known`: one each, so that a partition's records are
/// read in their order. Partitions that were added later are read from their first record.
pub(super) fn discover(
    topic: &Topic,
    known: &[LogSplit],
    from: &LogPlace,
    until: Option<&LogPlace>,
) -> Result<Vec<LogSplit>> {
    let header = topic.header()?;
    if known.iter().any(|split| split.topic != header.topic) {
        return Err(replaced(&topic.name));
    }
    let partitions = header.start.partitions.len();
    let is_known = |partition: u32| known.iter().any(|split| split.partition == partition);
    if (0..partitions as u32).all(is_known) {
        return Ok(Vec::new());
    }
    let from = if known.is_empty() {
        from
    } else {
        &LogPlace::Earliest
    };
    let ends = match until {
        Some(until) => resolve(topic, until, &LogPlace::Latest)?
            .into_iter()
            .map(Some)
            .collect(),
        None => vec![None; partitions],
    };
    let starts = resolve(topic, from, &LogPlace::Earliest)?;
    let record_bytes = record_bytes(topic)?;
    let splits = (0..).zip(starts).zip(ends);
    let splits = splits.filter(|((partition, _), _)| !is_known(*partition));
    Ok(splits
        .map(|((partition, start), end)| LogSplit {
            topic: header.topic,
            partition,
            start,
            end,
            seen: Timestamp::MIN,
            record_bytes,
        })
        .collect())
}

/// The same splits, each ending where its partition ends now; those that have an end keep it.
pub(super) fn end_now(topic: &Topic, mut splits: Vec<LogSplit>) -> Result<Vec<LogSplit>> {
    let ends = resolve(topic, &LogPlace::Latest, &LogPlace::Latest)?;
    for split in splits.iter_mut().filter(|split| split.end.is_none()) {
        let end = ends.get(split.partition as usize).copied();
        split.end = Some(end.unwrap_or_default().max(split.start));
    }
    Ok(splits)
}

/// About how many bytes of files stand for a record.
fn record_bytes(topic: &Topic) -> Result<u64> {
    let segments = topic.segments()?;
    let bytes: u64 = segments.iter().map(|(_, len)| len).sum();
    let count = |place| resolve(topic, &place, &LogPlace::Earliest);
    let last: u64 = count(LogPlace::Latest)?.iter().sum();
    let first: u64 = count(LogPlace::Earliest)?.iter().sum();
    Ok(bytes / last.saturating_sub(first).max(1))
}
