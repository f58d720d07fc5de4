//! `RealEnv`: the machine itself.
//!
//! Owns the only readings of the system's clocks and of its randomness for runners. Keeps no
//! state that matters: two handles are the same machine.

use crate::{Env, Identity, SharedFiles, StdFiles, WallMicros};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine that the program runs on.
#[derive(Clone, Debug)]
pub struct RealEnv {
    files: SharedFiles,
    start: Instant,
}

impl RealEnv {
    /// This machine.
    pub fn new() -> Self {
        RealEnv {
            files: Arc::new(StdFiles::new()),
            start: monotonic(),
        }
    }
}

impl Default for RealEnv {
    fn default() -> Self {
        Self::new()
    }
}

impl Env for RealEnv {
    const SIM: bool = false;

    fn now(&self) -> WallMicros {
        wall_clock(system_time())
    }

    fn monotonic(&self) -> Duration {
        monotonic().saturating_duration_since(self.start)
    }

    fn choose(&self, n: usize) -> usize {
        debug_assert!(n > 0, "a choice needs alternatives");
        0
    }

    fn chance(&self, p: f64) -> bool {
        let _ = p;
        false
    }

    fn unique(&self) -> u128 {
        let mut bytes = [0; 16];
        #[allow(
            clippy::disallowed_methods,
            reason = "names of files are unlike those of any other process; nothing else depends on them"
        )]
        let drawn = getrandom::fill(&mut bytes);
        match drawn {
            Ok(()) => u128::from_be_bytes(bytes),
            // A system without randomness: time and process make names differ as well.
            Err(_) => {
                let time = u128::from(self.now().0.cast_unsigned());
                let since = self.monotonic().as_nanos() & u128::from(u32::MAX);
                (time << 64) | (u128::from(std::process::id()) << 32) | since
            }
        }
    }

    fn identity(&self) -> Identity {
        static MACHINE: OnceLock<String> = OnceLock::new();
        let machine = MACHINE.get_or_init(machine);
        Identity {
            machine: machine.clone(),
            process: std::process::id(),
        }
    }

    fn files(&self) -> SharedFiles {
        Arc::clone(&self.files)
    }

    fn point(&self, label: &'static str) {
        crate::crash::reach(label);
    }
}

/// The number of this boot, so that a machine that came up again is another one.
fn machine() -> String {
    let of_boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let of_boot = of_boot.map(|text| text.trim().to_owned());
    let of_host = || std::fs::read_to_string("/etc/hostname").map(|text| text.trim().to_owned());
    let known = of_boot.or_else(|_| of_host()).unwrap_or_default();
    if known.is_empty() {
        return "this machine".to_owned();
    }
    known
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where runners get their monotonic clock"
)]
fn monotonic() -> Instant {
    Instant::now()
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where runners get their wall clock"
)]
fn system_time() -> SystemTime {
    SystemTime::now()
}

/// Times out of range become the first or the last instant.
pub(crate) fn wall_clock(time: SystemTime) -> WallMicros {
    let micros = |by: Duration| i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => WallMicros(micros(after)),
        Err(before) => WallMicros(-micros(before.duration())),
    }
}
