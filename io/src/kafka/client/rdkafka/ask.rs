//! Asking within a time, and why there was no answer.
//!
//! Owns the patience: librdkafka's calls say no more than that time is over, and waits for brokers that
//! refuse or are not there. Invariant: a call ends within its time; who is refused is told at once, who
//! finds nobody after [`PATIENCE`].

use super::super::{ClientError, Failure, Result};
use super::failure;
use super::watch::Watch;
use rdkafka::error::KafkaResult;
use std::sync::LazyLock;
use std::time::Duration;
use whitebeam_env::{Env, RealEnv};

/// Whose clock counts. One, because its monotonic time begins when it is made.
pub(super) static MACHINE: LazyLock<RealEnv> = LazyLock::new(RealEnv::new);

/// How long brokers may be away before a call says so: less than a restart takes.
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST: Duration = Duration::from_millis(250);

/// A time that runs out.
#[derive(Clone, Copy)]
pub(super) struct Until {
    start: Duration,
    end: Duration,
}

impl Until {
    pub(super) fn within(time: Duration) -> Self {
        let start = now();
        Until {
            start,
            end: start.saturating_add(time),
        }
    }

    pub(super) fn left(self) -> Duration {
        self.end.saturating_sub(now())
    }

    pub(super) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    fn spent(self) -> Duration {
        now().saturating_sub(self.start)
    }
}

/// Time since some instant.
pub(super) fn now() -> Duration {
    MACHINE.monotonic()
}

/// Asks again and again, each time with more patience, until there is an answer.
pub(super) fn ask<T>(
    watch: &Watch,
    action: &str,
    until: Until,
    mut call: impl FnMut(Duration) -> KafkaResult<T>,
) -> Result<T> {
    let mut slice = FIRST;
    loop {
        let e = match call(slice.min(until.left())) {
            Ok(answer) => {
                watch.well();
                return Ok(answer);
            }
            Err(e) => e,
        };
        let failure = failure::of(&e);
        if !matches!(
            failure,
            Failure::Unknown | Failure::Unreachable | Failure::Retriable
        ) {
            return Err(watch.error_of(failure, action, &e.to_string()));
        }
        if let Some(e) = without_answer(watch, action, until) {
            return Err(e);
        }
        if until.is_over() {
            return Err(watch.error_of(failure, action, &e.to_string()));
        }
        if failure != Failure::Unknown {
            breathe(until);
        }
        slice = slice.saturating_mul(2);
    }
}

/// Before a cluster is asked again that was too busy.
#[allow(
    clippy::disallowed_methods,
    reason = "the calls of a client wait; the machine's clock is theirs"
)]
fn breathe(until: Until) {
    std::thread::sleep(Duration::from_millis(20).min(until.left()));
}

/// What keeps brokers from answering, as far as it is known and lasts.
pub(super) fn without_answer(watch: &Watch, action: &str, until: Until) -> Option<ClientError> {
    watch.refused(action).or_else(|| {
        (until.spent() >= PATIENCE || until.is_over())
            .then(|| watch.unreachable(action))
            .flatten()
    })
}
