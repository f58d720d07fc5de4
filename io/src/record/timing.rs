//! `RecordTiming`: how records get timestamps: from what they say, or from what carries them.
//!
//! Owns the choice only; order, bounds and watermarks are the SDK's [`Timing`].

use std::ops::Range;
use whitebeam_sdk::batch::Meta;
use whitebeam_sdk::source::Timing;
use whitebeam_sdk::time::Demand;
use whitebeam_sdk::{Result, Timestamp};

/// Gives records their timestamps; `values[i]` was read from a record of the time `times[i]`.
pub trait RecordTiming<T>: Clone + Send + Sync + 'static {
    /// Whether `times` are looked at; where not, they may be empty.
    const READS_TIMES: bool;

    /// See [`Timing::stamp`].
    fn stamp(
        &mut self,
        values: &[T],
        times: &[Timestamp],
        range: Range<usize>,
        demand: Demand,
        meta: &mut Meta,
    ) -> Result<usize>;
    /// See [`Timing::watermark`].
    fn watermark(&self) -> Timestamp;
    /// See [`Timing::seen`].
    fn seen(&self) -> Timestamp;
    /// See [`Timing::resume`].
    fn resume(&mut self, seen: Timestamp);
}

/// Times by what the values say.
#[derive(Clone, Debug)]
pub struct ByValue<W>(pub(crate) W);

/// The records' own times, which their writer or what carries them gave.
#[derive(Clone, Debug)]
pub struct ByRecord<W>(pub(crate) W);

/// The time of a record, as it is.
pub type AsItIs = fn(&Timestamp) -> Timestamp;

impl<T, W: Timing<T>> RecordTiming<T> for ByValue<W> {
    const READS_TIMES: bool = false;

    fn stamp(
        &mut self,
        values: &[T],
        _: &[Timestamp],
        range: Range<usize>,
        demand: Demand,
        meta: &mut Meta,
    ) -> Result<usize> {
        self.0.stamp(values, range, demand, meta)
    }
    fn watermark(&self) -> Timestamp {
        self.0.watermark()
    }
    fn seen(&self) -> Timestamp {
        self.0.seen()
    }
    fn resume(&mut self, seen: Timestamp) {
        self.0.resume(seen);
    }
}

impl<T, W: Timing<Timestamp>> RecordTiming<T> for ByRecord<W> {
    const READS_TIMES: bool = true;

    fn stamp(
        &mut self,
        _: &[T],
        times: &[Timestamp],
        range: Range<usize>,
        demand: Demand,
        meta: &mut Meta,
    ) -> Result<usize> {
        self.0.stamp(times, range, demand, meta)
    }
    fn watermark(&self) -> Timestamp {
        self.0.watermark()
    }
    fn seen(&self) -> Timestamp {
        self.0.seen()
    }
    fn resume(&mut self, seen: Timestamp) {
        self.0.resume(seen);
    }
}
