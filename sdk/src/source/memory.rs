//! `MemorySource`: records that are in memory already.
//!
//! Owns ranges as splits, positions, forced splits and batches that share the records. How records
//! get timestamps is `timing`'s. Invariant: no record is copied or visited for being read.

use super::timing::{Ordered, OutOfOrder, Timing, Untimed};
use super::{Poll, Position, Progress, ReadOptions, Reader, Residual, Source};
use crate::batch::{Batch, Meta, Vals, batch_len};
use crate::element::Element;
use crate::error::{Error, Result};
use crate::time::{Duration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Records in memory, read in place.
///
/// ```
/// use whitebeam_sdk::{Pipeline, Timestamp, source::MemorySource};
///
/// let clicks = vec![(3_i64, "ann".to_string()), (5, "bob".to_string())];
/// let p = Pipeline::new();
/// let _clicks = p.read(
///     MemorySource::new(clicks)
///         .event_time(|(t, _)| Timestamp::from_secs(*t))
///         .ordered(),
/// );
/// # assert_eq!(p.graph().nodes().len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct MemorySource<T, C = Untimed> {
    records: Arc<Vec<T>>,
    timing: C,
    in_one_split: bool,
}

impl<T> MemorySource<T> {
    /// Reads `records`, which may be shared with others. They have no event times yet.
    pub fn new(records: impl Into<Arc<Vec<T>>>) -> Self {
        MemorySource {
            records: records.into(),
            timing: Untimed,
            in_one_split: false,
        }
    }

    fn timed<C>(self, timing: C) -> MemorySource<T, C> {
        MemorySource {
            records: self.records,
            timing,
            in_one_split: self.in_one_split,
        }
    }

    /// Takes event times from the records; say next in which order they come.
    pub fn event_time<F>(self, time: F) -> EventTime<T, F>
    where
        F: Fn(&T) -> Timestamp + Send + Sync + 'static,
    {
        EventTime { source: self, time }
    }
}

impl<T, C> MemorySource<T, C> {
    pub(crate) fn with_timing(records: Arc<Vec<T>>, timing: C) -> Self {
        MemorySource {
            records,
            timing,
            in_one_split: false,
        }
    }

    /// Keeps all records in one split: one reader reads them, in their order. Otherwise as many read
    /// as there are workers for it, each a part.
    #[must_use]
    pub fn in_one_split(mut self) -> Self {
        self.in_one_split = true;
        self
    }
}

/// Records with event times, in an order that is still to be named.
#[must_use = "name the order: .ordered() or .bounded_out_of_orderness(..)"]
pub struct EventTime<T, F> {
    source: MemorySource<T>,
    time: F,
}

impl<T, F> std::fmt::Debug for EventTime<T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EventTime({} records)", self.source.records.len())
    }
}

impl<T, F> EventTime<T, F> {
    /// Promises that the records are in time order. Timestamps are then looked at a few times per
    /// batch only, the watermark is exact, and a breach that is noticed is an error.
    pub fn ordered(self) -> MemorySource<T, Ordered<F>> {
        self.source.timed(Ordered::new(self.time))
    }

    /// Promises that hardly any record comes more than `bound` after a later one; the watermark
    /// follows the latest timestamp at that distance. What comes later still is late.
    pub fn bounded_out_of_orderness(self, bound: Duration) -> MemorySource<T, OutOfOrder<F>> {
        self.source.timed(OutOfOrder::new(self.time, bound))
    }
}

/// A range of the records of a [`MemorySource`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MemorySplit {
    start: u64,
    end: u64,
}

impl<T: Element, C: Timing<T>> Source for MemorySource<T, C> {
    type Split = MemorySplit;
    type Out = T;

    fn discover(&self, known: &[MemorySplit], desired: usize) -> Result<Vec<MemorySplit>> {
        let n = self.records.len();
        if !known.is_empty() || n == 0 {
            return Ok(Vec::new());
        }
        let desired = if self.in_one_split { 1 } else { desired.max(1) };
        let parts = n.div_ceil(batch_len::<T>()).min(desired);
        let size = n.div_ceil(parts);
        let starts = (0..n).step_by(size);
        let split = |start: usize| MemorySplit {
            start: start as u64,
            end: (start + size).min(n) as u64,
        };
        Ok(starts.map(split).collect())
    }

    fn open(
        &self,
        split: MemorySplit,
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<T>>> {
        let start = match &at {
            None => Some(split.start),
            Some(position) => position.offset(),
        };
        match start {
            Some(at) if at <= split.end && split.end <= self.records.len() as u64 => {
                Ok(Box::new(MemoryReader {
                    records: Arc::clone(&self.records),
                    timing: self.timing.clone(),
                    options: *options,
                    start: split.start as usize,
                    at: at as usize,
                    end: split.end as usize,
                }))
            }
            _ => Err(Error::new(
                crate::ErrorKind::Incompatible,
                "a position does not lie in the records that are read now",
            )
            .at_position(self.describe_split(&split))
            .help("restore with the records that the snapshot was taken from, or start anew")),
        }
    }

    fn describe(&self) -> String {
        match self.records.len() {
            1 => "1 record in memory".to_string(),
            n => format!("{n} records in memory"),
        }
    }

    fn describe_split(&self, split: &MemorySplit) -> String {
        format!("records {}..{}", split.start, split.end)
    }
}

/// Batches' worth of records that are read at once: they are not copied, and a step that reads them
/// ends its output where a batch should end.
const READ: usize = 8;

struct MemoryReader<T, C> {
    records: Arc<Vec<T>>,
    timing: C,
    options: ReadOptions,
    start: usize,
    at: usize,
    end: usize,
}

impl<T: Element, C: Timing<T>> Reader<T> for MemoryReader<T, C> {
    fn poll(&mut self, out: &mut Batch<T>) -> Result<Poll> {
        if self.at >= self.end {
            return Ok(Poll::End);
        }
        let most = self.options.max_elements.unwrap_or(READ * batch_len::<T>());
        let range = self.at..self.end.min(self.at.saturating_add(most.max(1)));
        let mut meta = Meta::default();
        let records = &self.records[..self.end];
        let end = self
            .timing
            .stamp(records, range, self.options.demand, &mut meta)?;
        let mut batch = Batch {
            vals: Vals::Shared(Arc::clone(&self.records), self.at..end),
            meta,
        };
        if out.is_empty() {
            *out = batch;
        } else {
            out.append(&mut batch);
        }
        self.at = end;
        Ok(if end < self.end {
            Poll::More
        } else {
            Poll::End
        })
    }

    fn position(&self) -> Position {
        Position::at(self.at as u64)
    }

    fn watermark(&self) -> Timestamp {
        self.timing.watermark()
    }

    fn progress(&self) -> Progress {
        Progress {
            done: (self.at - self.start) as u64,
            total: Some((self.end - self.start) as u64),
        }
    }

    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        let left = self.end - self.at;
        let cut = self.at + (left as f64 * fraction.clamp(0.0, 1.0)) as usize;
        if cut >= self.end {
            return Ok(None);
        }
        let rest = MemorySplit {
            start: cut as u64,
            end: self.end as u64,
        };
        let hold = self.timing.hold(&self.records[..self.end], cut);
        self.end = cut;
        Residual::of(&rest, hold).map(Some)
    }

    fn describe_position(&self) -> String {
        format!("record {}", self.at)
    }
}

#[cfg(test)]
mod tests;
