//! `Machine`: what a connector asks of the machine that its files lie on.
//!
//! Owns nothing but the handle: files, a clock for times of writing, numbers that nobody else draws and
//! a name for who holds a lock. A simulated machine gives all of them from a seed.

use std::fmt;
use std::sync::Arc;
use whitebeam_env::{Env, SharedFiles};
#[cfg(feature = "log")]
use whitebeam_sdk::Timestamp;

#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) files: SharedFiles,
    #[cfg(feature = "log")]
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    unique: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// Who runs, for others that wait.
    pub(crate) who: String,
}

impl Machine {
    pub(crate) fn of<E: Env>(env: &E) -> Self {
        #[cfg(feature = "log")]
        let clock = env.clone();
        let names = env.clone();
        Machine {
            files: env.files(),
            #[cfg(feature = "log")]
            now: Arc::new(move || Timestamp::from_micros(clock.now().0)),
            unique: Arc::new(move || names.unique()),
            who: env.identity().to_string(),
        }
    }

    #[cfg(feature = "log")]
    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    pub(crate) fn unique(&self) -> u128 {
        (self.unique)()
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Machine({})", self.who)
    }
}
