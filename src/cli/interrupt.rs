//! Ctrl-C and SIGTERM: a run is suspended instead of killed.
//!
//! Owns the process's one handler and whom it asks. A second signal ends the process at once, as it
//! would without us: whoever asks twice means it, and the last checkpoint is still there.

use crate::runners::{Stop, StopHandle};
use crate::{Error, Result};
use std::sync::{Mutex, Once, PoisonError};

/// The run that signals suspend, and whether it was asked already.
static RUNNING: Mutex<Option<(StopHandle, bool)>> = Mutex::new(None);

/// Exit code of a process that an interrupt has ended, as shells have it.
const INTERRUPTED: i32 = 130;

/// As long as it lives, signals suspend the run.
pub(super) struct Suspending;

/// From here on, signals suspend the run that `stop` belongs to.
pub(super) fn suspends(stop: StopHandle) -> Result<Suspending> {
    static INSTALLED: Once = Once::new();
    let mut refused = None;
    INSTALLED.call_once(|| refused = ctrlc::set_handler(heed).err());
    if let Some(e) = refused {
        let what = "Ctrl-C cannot be handled: the program has a handler of its own";
        return Err(Error::internal(what).caused_by(e));
    }
    *lock() = Some((stop, false));
    Ok(Suspending)
}

fn lock() -> std::sync::MutexGuard<'static, Option<(StopHandle, bool)>> {
    // Nothing can fail while the lock is held.
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn heed() {
    match lock().as_mut() {
        Some((stop, asked)) if !*asked => {
            *asked = true;
            stop.stop(Stop::Suspend);
        }
        _ => std::process::exit(INTERRUPTED),
    }
}

impl Drop for Suspending {
    fn drop(&mut self) {
        *lock() = None;
    }
}
