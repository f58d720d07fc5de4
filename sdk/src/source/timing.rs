//! `Timing`: how a source's records get timestamps, and what that promises about later ones.
//!
//! Owns the four ways (none, given beside the records, taken from records in time order, taken from
//! records in any order). Invariant: timestamps are only as exact as [`Demand`] asks, and without
//! demand no user function is called.

use crate::batch::{Meta, batch_len, prefetch_behind};
use crate::error::{Error, Result};
use crate::time::{Demand, Duration, Timestamp};
use std::ops::Range;
use std::sync::Arc;

/// Gives records their timestamps. A reader holds a clone of its own.
pub trait Timing<T>: Clone + Send + Sync + 'static {
    /// Timestamps `records[range]`, which is not empty, into `meta`, the metadata of a batch that
    /// will hold nothing else. Answers where the batch ends: at `range.end` or, if the timing cuts
    /// batches, earlier. Records behind `range` may be looked at, not stamped.
    fn stamp(
        &mut self,
        records: &[T],
        range: Range<usize>,
        demand: Demand,
        meta: &mut Meta,
    ) -> Result<usize>;

    /// No record that is still to be stamped lies before this instant, or it is late.
    fn watermark(&self) -> Timestamp;

    /// The latest instant seen, for a reader that goes on at a position: see
    /// [`resume`](Self::resume).
    fn seen(&self) -> Timestamp {
        Timestamp::MIN
    }

    /// Goes on where another timing had [`seen`](Self::seen) this.
    fn resume(&mut self, seen: Timestamp) {
        let _ = seen;
    }

    /// The promise for records from `from` on, if they were read by somebody else.
    fn hold(&self, records: &[T], from: usize) -> Timestamp;
}

/// Records without event times: all are at [`Timestamp::MIN`].
#[derive(Clone, Copy, Debug)]
pub struct Untimed;

impl<T> Timing<T> for Untimed {
    fn stamp(&mut self, _: &[T], range: Range<usize>, _: Demand, _: &mut Meta) -> Result<usize> {
        Ok(range.end)
    }
    fn watermark(&self) -> Timestamp {
        Timestamp::MIN
    }
    fn hold(&self, _: &[T], _: usize) -> Timestamp {
        Timestamp::MIN
    }
}

/// Timestamps given beside the records, in no order.
#[derive(Clone, Debug)]
pub struct Stamped(pub(crate) Arc<Vec<Timestamp>>);

impl<T> Timing<T> for Stamped {
    fn stamp(
        &mut self,
        _: &[T],
        range: Range<usize>,
        demand: Demand,
        meta: &mut Meta,
    ) -> Result<usize> {
        if demand != Demand::None {
            let times = self.0[range.clone()].to_vec();
            check_end_of_time(times.iter().copied().max(), &range)?;
            meta.set_timestamps(times, demand);
        }
        Ok(range.end)
    }
    fn watermark(&self) -> Timestamp {
        Timestamp::MIN
    }
    fn hold(&self, _: &[T], _: usize) -> Timestamp {
        Timestamp::MIN
    }
}

/// Timestamps taken from records that are promised to be in time order.
pub struct Ordered<F> {
    time: Arc<F>,
    watermark: Timestamp,
}

/// Timestamps taken from records in any order, the watermark following at a distance.
pub struct OutOfOrder<F> {
    time: Arc<F>,
    bound: Duration,
    latest: Timestamp,
}

impl<F> Ordered<F> {
    /// Timestamps are `time(&record)`.
    pub fn new(time: F) -> Self {
        Ordered {
            time: Arc::new(time),
            watermark: Timestamp::MIN,
        }
    }
}

impl<F> OutOfOrder<F> {
    /// Timestamps are `time(&record)`; the watermark is the latest seen minus `bound`.
    pub fn new(time: F, bound: Duration) -> Self {
        OutOfOrder {
            time: Arc::new(time),
            bound,
            latest: Timestamp::MIN,
        }
    }
}

impl<F> Clone for Ordered<F> {
    fn clone(&self) -> Self {
        Ordered {
            time: Arc::clone(&self.time),
            watermark: self.watermark,
        }
    }
}

impl<F> Clone for OutOfOrder<F> {
    fn clone(&self) -> Self {
        OutOfOrder {
            time: Arc::clone(&self.time),
            bound: self.bound,
            latest: self.latest,
        }
    }
}

impl<F> std::fmt::Debug for Ordered<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ordered")
    }
}

impl<F> std::fmt::Debug for OutOfOrder<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutOfOrder({})", self.bound)
    }
}

impl<T, F: Fn(&T) -> Timestamp + Send + Sync + 'static> Timing<T> for Ordered<F> {
    /// A batch ends where the next cell of the demanded grid begins, and carries the timestamp of
    /// its first record: within a cell nobody can tell. The order is checked where it is looked at:
    /// at both ends of every batch, or at every record if exact timestamps are demanded.
    fn stamp(
        &mut self,
        records: &[T],
        range: Range<usize>,
        demand: Demand,
        meta: &mut Meta,
    ) -> Result<usize> {
        let time = &*self.time;
        let (end, last) = match demand {
            Demand::None => return Ok(range.end),
            Demand::Grid(grid) => {
                let first = time(&records[range.start]);
                in_order(self.watermark, first, range.start)?;
                meta.set_timestamp(first);
                let stop = grid.cell_end(first);
                let part = &records[range.clone()];
                let end = if time(&records[range.end - 1]) < stop {
                    range.end
                } else {
                    range.start + part.partition_point(|r| time(r) < stop).max(1)
                };
                let last = time(&records[end - 1]);
                in_order(first, last, end - 1)?;
                (end, last)
            }
            Demand::Exact => {
                let mut last = self.watermark;
                let mut sorted = true;
                let mut times = Vec::with_capacity(range.len());
                times.extend(records[range.clone()].iter().map(|record| {
                    prefetch_behind(record);
                    let t = time(record);
                    sorted &= last <= t;
                    last = t;
                    t
                }));
                if !sorted {
                    let mut before = self.watermark;
                    for (&t, i) in times.iter().zip(range.clone()) {
                        in_order(before, t, i)?;
                        before = t;
                    }
                }
                meta.set_sorted_timestamps(times, demand);
                (range.end, last)
            }
        };
        check_end_of_time(Some(last), &range)?;
        self.watermark = match records.get(end) {
            Some(next) => {
                let next = time(next);
                in_order(last, next, end)?;
                next
            }
            None => last,
        };
        Ok(end)
    }
    fn watermark(&self) -> Timestamp {
        self.watermark
    }
    fn seen(&self) -> Timestamp {
        self.watermark
    }
    fn resume(&mut self, seen: Timestamp) {
        self.watermark = seen;
    }
    fn hold(&self, records: &[T], from: usize) -> Timestamp {
        // Without demand nothing was looked at, and nothing needs to be held.
        match records.get(from) {
            Some(next) if self.watermark > Timestamp::MIN => (self.time)(next),
            _ => self.watermark,
        }
    }
}

impl<T, F: Fn(&T) -> Timestamp + Send + Sync + 'static> Timing<T> for OutOfOrder<F> {
    fn stamp(
        &mut self,
        records: &[T],
        range: Range<usize>,
        demand: Demand,
        meta: &mut Meta,
    ) -> Result<usize> {
        let time = &*self.time;
        let mut end = range.end;
        match demand {
            Demand::None => return Ok(end),
            Demand::Exact => meta.set_timestamps(stamps(&records[range.clone()], time), demand),
            Demand::Grid(_) => match within_one_cell(&records[range.clone()], time, demand) {
                Some((n, bounds)) => {
                    end = range.start + n;
                    meta.set_timestamp(bounds.0);
                    meta.bounds = bounds;
                }
                None => {
                    end = end.min(range.start + batch_len::<T>());
                    meta.set_timestamps(stamps(&records[range.start..end], time), demand);
                }
            },
        }
        check_end_of_time(Some(meta.bounds.1), &range)?;
        self.latest = self.latest.max(meta.bounds.1);
        Ok(end)
    }
    fn watermark(&self) -> Timestamp {
        self.latest - self.bound
    }
    fn seen(&self) -> Timestamp {
        self.latest
    }
    fn resume(&mut self, seen: Timestamp) {
        self.latest = seen;
    }
    fn hold(&self, _: &[T], _: usize) -> Timestamp {
        self.latest - self.bound
    }
}

fn stamps<T>(records: &[T], time: impl Fn(&T) -> Timestamp) -> Vec<Timestamp> {
    records.iter().map(time).collect()
}

/// Records that are looked at together; a batch is cut between such blocks only.
const BLOCK: usize = 64;

/// How many of the first records lie in one cell of what is demanded, and their bounds. Most records
/// do even without order, so that a batch of them stores no timestamps; nothing if the first block
/// does not.
#[inline]
fn within_one_cell<T>(
    records: &[T],
    time: impl Fn(&T) -> Timestamp,
    demand: Demand,
) -> Option<(usize, (Timestamp, Timestamp))> {
    let mut found = None;
    let mut bounds = (Timestamp::MAX, Timestamp::MIN);
    let mut n = 0;
    for block in records.chunks(BLOCK) {
        for record in block {
            prefetch_behind(record);
            let t = time(record);
            bounds = (bounds.0.min(t), bounds.1.max(t));
        }
        if !demand.same(bounds.0, bounds.1) {
            break;
        }
        n += block.len();
        found = Some((n, bounds));
    }
    found
}

#[inline]
fn in_order(before: Timestamp, after: Timestamp, record: usize) -> Result<()> {
    if before <= after {
        return Ok(());
    }
    Err(
        Error::data("a source that promised records in time order broke its promise")
            .at_position(format!("record {record}"))
            .note(format!(
                "its timestamp {after} lies before {before}, which came earlier"
            ))
            .help("sort the records, or promise less: .bounded_out_of_orderness(..)"),
    )
}

fn check_end_of_time(latest: Option<Timestamp>, range: &Range<usize>) -> Result<()> {
    if latest < Some(Timestamp::MAX) {
        return Ok(());
    }
    Err(
        Error::data("an element cannot be at the end of time, where watermarks say `finished`")
            .at_position(format!("records {}..{}", range.start, range.end))
            .help(
                "give such records a time of their own, at most Timestamp::MAX less a microsecond",
            ),
    )
}
