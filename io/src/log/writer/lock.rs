//! `Lock`: one writer per topic at a time.
//!
//! Owns the file that is locked and what it says about the holder. The system releases the lock
//! with the process that holds it, so that nothing is left behind by a crash.

use crate::log::error::{locked, unwritable};
use crate::log::topic::Topic;
use whitebeam_env::Writable;
use whitebeam_sdk::Result;

/// A holder's name is not longer.
const LONGEST_NAME: u64 = 4 << 10;

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: Box<dyn Writable>,
}

impl Lock {
    /// Locks a topic for writing; an error that names the holder if somebody else has it.
    pub(super) fn take(topic: &Topic) -> Result<Self> {
        let (files, path) = (topic.files(), topic.lock_path());
        let mut file = match files.create_new(&path) {
            Ok(file) => file,
            Err(e) if e.is_taken() => files.open_append(&path).map_err(unwritable)?,
            Err(e) => return Err(unwritable(e)),
        };
        let me = &topic.machine.who;
        if !file.try_lock().map_err(unwritable)? {
            let said = files.read_all(&path, LONGEST_NAME).unwrap_or_default();
            let holder = String::from_utf8_lossy(&said).into_owned();
            let holder = if holder.is_empty() {
                "another process"
            } else {
                &holder
            };
            return Err(locked(&topic.name, holder, holder == me));
        }
        // What the file says only helps others to find the holder: failing to say it is no harm.
        let said = files.truncate(&path, 0);
        let _ = said.and_then(|()| file.append(me.as_bytes()));
        Ok(Lock { _file: file })
    }
}
