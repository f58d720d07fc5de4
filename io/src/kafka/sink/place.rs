//! `Place`: where an exactly-once sink writes, and how long it waits for what.
//!
//! Owns patience: which answers are asked for again, and until when. Does not own what an answer
//! means for an epoch. Invariant: no wait is longer than its limit, and every wait lets the clock of
//! the client go on.

use crate::kafka::client::{Client, ClientError, Ends, Failure, Producer, ProducerOptions, Result};
use std::sync::Arc;
use std::time::Duration;

/// The longest that one call of the client may take.
const CALL: Duration = Duration::from_secs(10);

/// Between two questions after something that changes by itself, at first and at last.
const TICK: Duration = Duration::from_millis(2);
const LONG_TICK: Duration = Duration::from_millis(100);

/// Between two attempts of what was refused.
const AGAIN: Duration = Duration::from_millis(100);

/// Where a sink writes.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) client: Arc<dyn Client>,
    pub(super) topic: String,
    /// The topic of the markers.
    pub(super) progress: String,
    /// The transactional id, and the key of this sink's markers.
    pub(super) id: String,
}

impl Place {
    /// The key of what says the same as a marker and is in no transaction.
    pub(super) fn witness(&self) -> String {
        format!("{}#committed", self.id)
    }

    /// The instant so far from now.
    pub(super) fn until(&self, patience: Duration) -> Duration {
        self.client.monotonic().saturating_add(patience)
    }

    fn left(&self, until: Duration) -> Duration {
        until.saturating_sub(self.client.monotonic())
    }

    /// The time that the next call may take.
    pub(super) fn call(&self, until: Duration) -> Duration {
        self.left(until).clamp(Duration::from_millis(1), CALL)
    }

    /// Whether a question may be asked again; waits a little before it is.
    pub(super) fn may_try_again(&self, e: &ClientError, until: Duration) -> bool {
        let passes = matches!(
            e.failure,
            Failure::Unknown | Failure::Retriable | Failure::Unreachable
        );
        let again = passes && self.left(until) > AGAIN;
        if again {
            self.client.pause(AGAIN);
        }
        again
    }

    /// Makes a call again until it succeeds, fails for good, or the time is over.
    pub(super) fn patiently<R>(
        &self,
        until: Duration,
        mut call: impl FnMut(Duration) -> Result<R>,
    ) -> Result<R> {
        loop {
            match call(self.call(until)) {
                Err(e) if self.may_try_again(&e, until) => {}
                done => return done,
            }
        }
    }

    /// A wait for something that changes by itself.
    pub(super) fn wait(&self, until: Duration) -> Wait<'_> {
        Wait {
            place: self,
            until,
            next: TICK,
        }
    }

    pub(super) fn ends(&self, topic: &str, partition: u32, until: Duration) -> Result<Ends> {
        self.patiently(until, |within| self.client.ends(topic, partition, within))
    }

    /// Waits until everything before `offset` is decided.
    pub(super) fn wait_until_stable(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
        until: Duration,
    ) -> Result<Ends> {
        let mut wait = self.wait(until);
        loop {
            let ends = self.ends(topic, partition, until)?;
            if ends.stable >= offset {
                return Ok(ends);
            }
            let action = format!("read topic `{topic}` up to offset {offset}");
            wait.tick(&action).map_err(|e| {
                let said = format!("an open transaction holds readers back at {}", ends.stable);
                ClientError::new(Failure::Retriable, e.action, said)
            })?;
        }
    }

    /// A producer that has fenced all others of this sink.
    pub(super) fn producer(
        &self,
        transaction_timeout: Duration,
        until: Duration,
    ) -> Result<Box<dyn Producer>> {
        let mut producer = self.client.producer(&ProducerOptions {
            transactional_id: Some(self.id.clone()),
            transaction_timeout,
        })?;
        self.patiently(until, |within| producer.init(within))?;
        self.client.point("sink.init");
        Ok(producer)
    }
}

/// A wait that asks often at first.
pub(super) struct Wait<'a> {
    place: &'a Place,
    until: Duration,
    next: Duration,
}

impl Wait<'_> {
    /// A moment passes; an error if there is no time left.
    pub(super) fn tick(&mut self, action: &str) -> Result<()> {
        let left = self.place.left(self.until);
        if left.is_zero() {
            let said = "it took too long";
            return Err(ClientError::new(Failure::Unknown, action, said));
        }
        self.place.client.pause(self.next.min(left));
        self.next = (self.next * 2).min(LONG_TICK);
        Ok(())
    }
}
