//! `live`: one process of a run on a simulated machine, from its start until it crashes or ends.
//!
//! Owns what a start and a turn can come to, and the time that passes meanwhile. Does not own
//! pipelines, settings, or what strikes: whoever calls plans that beforehand, or before a turn.

use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_streaming::{End, PolledRun, Turn};
use whitebeam_sdk::{Error, Result};
use whitebeam_testkit::sim::{Machine, SimEnv};

/// Where checkpoints lie on a simulated machine.
pub const CHECKPOINTS: &str = "/checkpoints";

/// Turns of one life, at the most: more means that it never ends.
const TURNS: usize = 400_000;

/// How a life ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// By a crash, of the process or of the machine.
    Crashed,
    /// As it was asked to.
    Suspended,
    /// It could not start, for the lease of the one before lasts on.
    Held,
    /// Everything has come out.
    Drained,
}

/// Starts `env` by `begin` and gives it turns, after `before` has seen each of them come. Time passes as
/// `draws` has it. The errors are those of the run.
pub fn live(
    env: &SimEnv,
    draws: &SimEnv,
    begin: impl FnOnce() -> Result<PolledRun<SimEnv>>,
    before: impl FnMut(usize, &PolledRun<SimEnv>),
) -> Result<Left> {
    let machine = env.machine();
    let mut run = match machine.step(begin) {
        Err(_) => return Ok(Left::Crashed),
        Ok(Ok(run)) => run,
        Ok(Err(_)) if !env.is_alive() => return Ok(Left::Crashed),
        // It crashed after its last checkpoint.
        Ok(Err(e)) if e.code() == "R208" => return Ok(Left::Drained),
        // After a power cut nobody knows that the one before is dead until its lease has ended.
        Ok(Err(e)) if e.code() == "R201" => {
            machine.kill(env);
            machine.advance(Duration::from_secs(4));
            return Ok(Left::Held);
        }
        Ok(Err(e)) => {
            machine.kill(env);
            return Err(e);
        }
    };
    let left = turns(env, draws, &mut run, before);
    // What a dead process still does in its destructors changes nothing.
    let _ = machine.step(|| drop(run));
    machine.kill(env);
    left
}

fn turns(
    env: &SimEnv,
    draws: &SimEnv,
    run: &mut PolledRun<SimEnv>,
    mut before: impl FnMut(usize, &PolledRun<SimEnv>),
) -> Result<Left> {
    let machine = env.machine();
    for turn in 0..TURNS {
        before(turn, run);
        let did = machine.step(|| run.turn());
        let Some(did) = did.ok().filter(|_| env.is_alive()) else {
            return Ok(Left::Crashed);
        };
        env.note(format!("{did:?}").as_bytes());
        if did == Turn::Idle(None) {
            return Err(Error::internal(format!("stuck: {run:?}")));
        }
        let passes = Duration::from_micros(draws.choose(30) as u64);
        if !goes_on(machine, did, passes) {
            return Ok(match run.outcome()?.end {
                End::Suspended => Left::Suspended,
                _ => Left::Drained,
            });
        }
    }
    let message = format!("still running after {TURNS} turns: {run:?}");
    Err(Error::internal(message))
}

/// Lets the time pass that a turn says, or `working` where it worked. False when the run is over.
///
/// # Panics
///
/// If there is nothing that the run could wait for.
pub fn goes_on(machine: &Machine, did: Turn, working: Duration) -> bool {
    match did {
        Turn::Worked => machine.advance(working),
        Turn::Idle(pause) => machine.advance(pause.expect("whoever waits knows for how long")),
        Turn::Over => return false,
    }
    true
}
