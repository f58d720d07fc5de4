//! `Patience`: how long an exactly-once sink waits, and how long its transactions may be open.
//!
//! Owns the rule by which transactions get more time: an epoch that cannot be sent in time would be
//! sent again for ever. Invariant: never less than was asked for.

use crate::kafka::client::{ClientError, Failure};
use std::time::Duration;

/// How long an exactly-once sink is patient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Patience {
    /// With one call of the runner.
    pub(super) call: Duration,
    /// With records that were committed and cannot be read yet, as was asked for.
    pub(super) visible: Duration,
    /// How long a transaction may be open: as was asked for, by now, and at most.
    pub(super) first: Duration,
    pub(super) transaction: Duration,
    pub(super) longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            call: Duration::from_secs(60),
            visible: Duration::from_secs(10),
            first: Duration::from_secs(60),
            transaction: Duration::from_secs(60),
            // What brokers allow if nobody has told them otherwise.
            longest: Duration::from_secs(15 * 60),
        }
    }
}

impl Patience {
    /// How long a call waits for what was committed. A call that spent all its time so would never
    /// come to the repair: the next one would begin anew, and wait as long.
    pub(super) fn shown(&self) -> Duration {
        self.visible.min(self.call / 4)
    }

    /// A transaction of the sink `id` that took a good part of its time, or all of it without
    /// success, gets more the next time.
    pub(super) fn adapt(&mut self, id: &str, took: Duration, is_done: bool) {
        let is_too_long = match is_done {
            true => took * 3 > self.transaction,
            false => took * 10 > self.transaction * 9,
        };
        if is_too_long && self.transaction < self.longest {
            let longer = (took * 4).max(self.transaction * 2);
            self.transaction = longer.min(self.longest);
            let seconds = self.transaction.as_secs_f64();
            tracing::warn!(
                id,
                seconds,
                "Kafka transactions get more time: epochs are large"
            );
        }
    }

    /// A broker that does not allow so long transactions says so when a producer is made: then the
    /// same may be tried with less.
    pub(super) fn shorten(&mut self, e: ClientError) -> ClientError {
        let is_refused = matches!(e.failure, Failure::Invalid | Failure::Fatal);
        if is_refused && self.transaction > self.first {
            self.longest = (self.transaction / 2).max(self.first);
            self.transaction = self.longest;
            return ClientError::new(Failure::Retriable, e.action, e.said);
        }
        e
    }
}
