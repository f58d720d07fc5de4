//! The real driver: a thread for each worker and each clerk, the coordinator on the caller's.
//!
//! Owns threads and when they sleep. Nothing here can be seen by a machine.

use crate::coordinator::Ended;
use crate::exchange::Bell;
use crate::job::Job;
use crate::machine::{Machine, Turn};
use std::sync::Arc;
use std::thread;
use whitebeam_env::Env;
use whitebeam_sdk::{Error, Result};

/// Runs a job to its end.
pub(crate) fn run<E: Env>(job: Job<E>) -> Result<Ended> {
    let Job {
        mut coordinator,
        workers,
        clerks,
        ..
    } = job;
    thread::scope(|scope| {
        for mut worker in workers {
            scope.spawn(move || drive(&mut worker));
        }
        for mut clerk in clerks {
            scope.spawn(move || drive(clerk.as_mut()));
        }
        drive(&mut coordinator);
    });
    let outcome = coordinator.take_outcome();
    outcome.unwrap_or_else(|| Err(Error::internal("a run ended without an outcome")))
}

/// Polls a machine until it is over. Before it sleeps, it is asked once more: what came between its
/// last look and the clearing of the bell would otherwise be slept through.
fn drive(machine: &mut dyn Machine) {
    let bell: Arc<Bell> = Arc::clone(machine.bell());
    loop {
        match machine.turn() {
            Turn::Worked => continue,
            Turn::Over => return,
            Turn::Idle(_) => {}
        }
        bell.clear();
        match machine.turn() {
            Turn::Worked => {}
            Turn::Over => return,
            Turn::Idle(limit) => bell.wait(limit),
        }
    }
}
