//! `Clock`: the environment's time in the engine's words, as one machine has seen it.
//!
//! Owns the promise that processing time never moves back, whatever the wall clock does.

use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_sdk::Timestamp;

/// Time, read once a turn.
#[derive(Clone, Debug)]
pub(crate) struct Clock<E> {
    env: E,
    now: Timestamp,
    monotonic: Duration,
}

impl<E: Env> Clock<E> {
    /// The time of `env`.
    pub(crate) fn new(env: E) -> Self {
        let mut clock = Clock {
            now: Timestamp::MIN,
            monotonic: Duration::ZERO,
            env,
        };
        clock.read();
        clock
    }

    /// Looks at the time.
    pub(crate) fn read(&mut self) {
        self.now = self.now.max(Timestamp::from_micros(self.env.now().0));
        self.monotonic = self.env.monotonic();
    }

    /// Processing time.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Time that only passes.
    pub(crate) fn monotonic(&self) -> Duration {
        self.monotonic
    }

    /// Processing time this much later.
    pub(crate) fn after(&self, wait: Duration) -> Timestamp {
        let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.now.micros().saturating_add(micros))
    }

    /// How long until processing time is `at`.
    pub(crate) fn until(&self, at: Timestamp) -> Duration {
        let micros = at.micros().saturating_sub(self.now.micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// The environment.
    pub(crate) fn env(&self) -> &E {
        &self.env
    }
}
