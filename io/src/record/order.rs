//! `EventTime`, `RecordTime`: a source whose elements have times, in an order still to be named.
//!
//! Owns the two questions (whose times, in which order); what the answers mean is the SDK's
//! [`Timing`](whitebeam_sdk::source::Timing).

use super::timing::{AsItIs, ByRecord, ByValue};
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::source::{Ordered, OutOfOrder};
use whitebeam_sdk::time::Duration;

/// A source that can be given timestamps.
pub trait Retimed {
    /// The same source with timestamps by `W`.
    type With<W>;
    /// Gives it timestamps by `timing`.
    fn retimed<W>(self, timing: W) -> Self::With<W>;
}

/// A source with event times, in an order that is still to be named.
#[must_use = "name the order: .ordered() or .bounded_out_of_orderness(..)"]
#[derive(Debug)]
pub struct EventTime<S, F> {
    pub(crate) source: S,
    pub(crate) time: F,
}

impl<S: Retimed, F> EventTime<S, F> {
    /// Promises that each partition is in time order; a breach that is noticed is an error.
    pub fn ordered(self) -> S::With<ByValue<Ordered<F>>> {
        self.source.retimed(ByValue(Ordered::new(self.time)))
    }

    /// Promises that hardly any record of a partition comes more than `bound` after a later one;
    /// the partition's watermark follows the latest time at that distance. What comes later still
    /// is late. Batch runs hear of no such watermark: to them nothing is late.
    pub fn bounded_out_of_orderness(self, bound: Duration) -> S::With<ByValue<OutOfOrder<F>>> {
        let timing = OutOfOrder::new(self.time, bound);
        self.source.retimed(ByValue(timing))
    }
}

/// A source with the records' own times, in an order that is still to be named.
#[must_use = "name the order: .ordered() or .bounded_out_of_orderness(..)"]
#[derive(Debug)]
pub struct RecordTime<S> {
    pub(crate) source: S,
}

fn as_it_is(time: &Timestamp) -> Timestamp {
    *time
}

impl<S: Retimed> RecordTime<S> {
    /// Promises that each partition is in time order; a breach that is noticed is an error.
    pub fn ordered(self) -> S::With<ByRecord<Ordered<AsItIs>>> {
        let timing = Ordered::new(as_it_is as AsItIs);
        self.source.retimed(ByRecord(timing))
    }

    /// As [`EventTime::bounded_out_of_orderness`].
    pub fn bounded_out_of_orderness(
        self,
        bound: Duration,
    ) -> S::With<ByRecord<OutOfOrder<AsItIs>>> {
        let timing = OutOfOrder::new(as_it_is as AsItIs, bound);
        self.source.retimed(ByRecord(timing))
    }
}
