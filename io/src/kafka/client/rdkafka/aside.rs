//! Ends of librdkafka's clients, which wait for brokers.
//!
//! Owns how long anybody waits for one: [`PATIENCE`], and not for ever. It is waited for at all because a
//! program that ends while librdkafka's threads use OpenSSL may crash in doing so.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(1);

/// Held by who ends; gone, it has ended.
pub(super) struct Ending(#[allow(dead_code, reason = "its end is what is heard")] SyncSender<()>);

/// Hears of an end.
pub(super) struct Ended(Mutex<Receiver<()>>);

pub(super) fn ending() -> (Ending, Ended) {
    let (ending, ended) = sync_channel(0);
    (Ending(ending), Ended(Mutex::new(ended)))
}

impl Ended {
    /// Waits for the end, not for long; whether it came.
    pub(super) fn wait(&self) -> bool {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is ever sent: either the other side is gone or time is over.
        ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Disconnected)
    }
}

/// Drops something on a thread of its own.
pub(super) fn drop_aside<T: Send + 'static>(what: T) {
    let (ending, ended) = ending();
    #[allow(
        clippy::disallowed_methods,
        reason = "librdkafka waits for brokers before it ends, and who drops must not"
    )]
    let spawned = thread::Builder::new()
        .name("kafka-end".to_owned())
        .spawn(move || {
            drop(what);
            drop(ending);
        });
    match spawned {
        Ok(_) => {
            ended.wait();
        }
        // It was dropped here, with what was to be run.
        Err(e) => tracing::warn!(target: "librdkafka", "no thread to end a client: {e}"),
    }
}
