//! `SimEnv`: the machine as one process sees it.
//!
//! Owns its process's number and boot; all else is the machine's.

use super::state::Process;
use super::{Machine, files};
use std::time::Duration;
use whitebeam_env::{Env, Identity, SharedFiles, WallMicros};

/// A process of a [`Machine`].
#[derive(Clone, Debug)]
pub struct SimEnv {
    machine: Machine,
    process: Process,
    /// The boot it was started in.
    boot: u64,
    files: SharedFiles,
}

impl SimEnv {
    pub(crate) fn new(machine: Machine, process: Process, boot: u64) -> Self {
        let files = files::of(machine.clone(), process);
        SimEnv {
            machine,
            process,
            boot,
            files,
        }
    }

    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// The machine it runs on.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether the process still runs: neither killed nor ended, and the power was on since.
    pub fn is_alive(&self) -> bool {
        self.machine.state().is_alive(self.process)
    }

    /// Adds something to the trace that the machine does not see, such as what a worker did.
    pub fn note(&self, what: &[u8]) {
        self.machine.state().trace.bytes(what);
    }
}

impl Env for SimEnv {
    const SIM: bool = true;

    fn now(&self) -> WallMicros {
        self.machine.state().clock.wall
    }

    fn monotonic(&self) -> Duration {
        self.machine.state().clock.monotonic
    }

    fn choose(&self, n: usize) -> usize {
        debug_assert!(n > 0, "a choice needs alternatives");
        match n {
            0 | 1 => 0,
            _ => self.machine.state().rng.usize(..n),
        }
    }

    fn chance(&self, p: f64) -> bool {
        self.machine.state().rng.f64() < p
    }

    fn unique(&self) -> u128 {
        self.machine.state().rng.u128(..)
    }

    fn identity(&self) -> Identity {
        Identity {
            machine: format!("simulated boot {}", self.boot),
            process: self.process,
        }
    }

    fn files(&self) -> SharedFiles {
        self.files.clone()
    }
}
