//! `Machine`: what a log asks of the machine that it lies on.
//!
//! Owns nothing but the handle: files, a clock for append times, numbers that nobody else draws and
//! a name for who holds a lock. A simulated machine gives all of them from a seed.

use std::fmt;
use std::sync::Arc;
use whitebeam_env::{Env, SharedFiles};
use whitebeam_sdk::Timestamp;

#[derive(Clone)]
pub(super) struct Machine {
    pub(super) files: SharedFiles,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    unique: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// Who runs, for others that wait.
    pub(super) who: String,
}

impl Machine {
    pub(super) fn of<E: Env>(env: &E) -> Self {
        let (clock, names) = (env.clone(), env.clone());
        Machine {
            files: env.files(),
            now: Arc::new(move || Timestamp::from_micros(clock.now().0)),
            unique: Arc::new(move || names.unique()),
            who: env.identity().to_string(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.now)()
    }

    pub(super) fn unique(&self) -> u128 {
        (self.unique)()
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Machine({})", self.who)
    }
}
