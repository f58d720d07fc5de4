//! What a run says in its logs: one event for each turn of its life, never one per element.
//!
//! Owns the words and the fields: `epoch` is the number of a checkpoint, `step` the path of a step.
//! Whether anybody reads them is the program's.

use crate::observer::{Completed, Failed, Started};
use crate::snapshot::SplitSnapshot;
use crate::stop::Stop;
use tracing::{debug, error, info, warn};
use whitebeam_sdk::Error;
use whitebeam_sdk::sink::Epoch;

pub(crate) fn started(of: &Started) {
    for rejected in &of.rejected {
        warn!(rejected, "a checkpoint cannot be used");
    }
    let workers = of.parallelism;
    match of.resumed_from {
        Some(Epoch(epoch)) => info!(epoch, workers, "recovered from a checkpoint"),
        None => info!(workers, "a run begins"),
    }
}

pub(crate) fn assigned(step: &str, split: &SplitSnapshot, worker: usize) {
    let (split, place) = (&split.name, &split.place);
    info!(step, split, place, worker, "split assigned");
}

pub(crate) fn not_found(step: &str, e: &Error) {
    let reason = e.message();
    warn!(step, reason, "could not look for new splits");
}

pub(crate) fn requested(Epoch(epoch): Epoch) {
    debug!(epoch, "checkpoint started");
}

pub(crate) fn published(of: &Completed) {
    let (Epoch(epoch), bytes) = (of.epoch, of.bytes);
    let seconds = of.took.as_secs_f64();
    info!(epoch, seconds, bytes, "checkpoint published");
}

pub(crate) fn failed(of: &Failed<'_>) {
    let Epoch(epoch) = of.epoch;
    match of.why {
        Some(e) => {
            let code = e.code();
            warn!(epoch, code, reason = e.message(), "checkpoint failed");
        }
        None => warn!(
            epoch,
            reason = "its barriers took too long",
            "checkpoint failed"
        ),
    }
}

pub(crate) fn committed(Epoch(epoch): Epoch, step: &str) {
    info!(epoch, step, "sink committed");
}

pub(crate) fn not_committed(Epoch(epoch): Epoch, e: &Error) {
    let reason = e.message();
    warn!(epoch, step = e.step(), reason, "commit to be tried again");
}

pub(crate) fn not_shown(Epoch(epoch): Epoch, step: &str, e: &Error) {
    let reason = e.message();
    warn!(epoch, step, reason, "positions could not be shown");
}

pub(crate) fn asked(how: Stop) {
    match how {
        Stop::Suspend => info!("asked to suspend"),
        Stop::Drain => info!("asked to drain"),
    }
}

pub(crate) fn ended(Epoch(epoch): Epoch, drained: bool) {
    match drained {
        true => info!(epoch, "run drained"),
        false => info!(epoch, "run suspended"),
    }
}

/// The run ends with an error; a lost lease has a code of its own.
pub(crate) fn broken(e: &Error) {
    let (code, step, reason) = (e.code(), e.step(), e.message());
    if code == crate::checkpoint::LOST_LEASE {
        error!(code, reason, "lease lost: another instance has taken over");
    } else {
        error!(code, step, reason, "run failed");
    }
}
