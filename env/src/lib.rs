//! What a program asks of the machine: time, randomness, files, and places to crash.
//!
//! Owns the interface between long-running parts (the streaming runner, embedded logs) and the
//! machine, and its real side. The simulated side is the test kit's. Does not own threads: what
//! runs over an [`Env`] is polled, by a thread of its own or by one seeded loop. Invariant: code
//! that reaches the machine only through here runs the same way twice in simulation.

mod crash;
mod error;
mod files;
mod real;
mod std_files;

pub use error::{FileError, Result};
pub use files::{Entry, Files, Readable, SharedFiles, Writable};
pub use real::RealEnv;
pub use std_files::StdFiles;

use std::fmt;
use std::time::Duration;

/// Processing time: microseconds since the Unix epoch, as the wall clock says. It may jump.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct WallMicros(pub i64);

impl WallMicros {
    /// This much later, at most at the end of time.
    pub fn plus(self, by: Duration) -> Self {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        WallMicros(self.0.saturating_add(micros))
    }
}

/// Who runs: enough to say whether a process that left a trace may still be alive.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    /// One machine between two boots. Locks are seen by all processes of one machine.
    pub machine: String,
    /// The process's number on it.
    pub process: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.process, self.machine)
    }
}

/// The machine, as a handle that each part of a program holds.
///
/// A type parameter of loops and protocols; user code never sees it.
pub trait Env: Clone + Send + Sync + 'static {
    /// Whether this is a simulation. Real code may be chosen by it only for cost, never for
    /// meaning.
    const SIM: bool;

    /// Processing time. For deadlines and durations use [`Env::monotonic`].
    fn now(&self) -> WallMicros;
    /// Time since some instant before the program's start; never goes back.
    fn monotonic(&self) -> Duration;
    /// One of `n` (at least one) alternatives that are all right, such as which ready part runs
    /// next: drawn in simulation, always the first in earnest.
    fn choose(&self, n: usize) -> usize;
    /// Whether to do something unlikely that is right but costs, such as ending a batch early:
    /// drawn in simulation, never in earnest.
    fn chance(&self, p: f64) -> bool;
    /// A number nobody else draws: for names of files. From the seed in simulation.
    fn unique(&self) -> u128;
    /// Who runs.
    fn identity(&self) -> Identity;
    /// The file system.
    fn files(&self) -> SharedFiles;
    /// A labelled crash point: the program may end here. See [`Files::point`].
    fn point(&self, label: &'static str) {
        self.files().point(label);
    }
}

#[cfg(test)]
mod tests;
