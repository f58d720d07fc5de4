//! A simulated machine: seeded clock and randomness, a disk that loses what was not synced, and
//! crashes wherever one is asked for.
//!
//! Owns the machine's side of `whitebeam_env`. Does not own a scheduler: a test polls its own
//! parts, in an order drawn from [`SimEnv`], and everything of one process runs inside
//! [`Machine::run`]. Invariant: the same seed and the same calls give the same trace.
//!
//! A crash unwinds with a payload of its own, without the panic hook. The process that crashed is
//! dead from that moment: whatever its destructors still try fails and changes nothing, and code
//! that swallows the unwinding meets it again at its next call.

#[cfg(feature = "kafka")]
mod call;
mod clock;
mod disk;
mod env;
mod faults;
mod files;
mod interlude;
mod state;

#[cfg(test)]
mod tests;

#[cfg(feature = "kafka")]
pub(crate) use call::Meeting;
pub use disk::Loss;
pub use env::SimEnv;
pub use faults::{Class, Crash, How, Strike};
pub use interlude::Moment;

use crate::sim::state::State;
use std::collections::BTreeMap;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use whitebeam_env::SharedFiles;

/// One machine with one disk, which outlives the processes that run on it.
#[derive(Clone, Debug)]
pub struct Machine(Arc<Mutex<State>>);

impl Machine {
    /// An empty disk; everything drawn comes from `seed`.
    pub fn new(seed: u64) -> Self {
        Machine(Arc::new(Mutex::new(State::new(seed))))
    }

    /// Starts a process. Several may run at once, each polled by the test.
    pub fn start(&self) -> SimEnv {
        let (process, boot) = {
            let mut state = self.state();
            (state.start(), state.boot)
        };
        SimEnv::new(self.clone(), process, boot)
    }

    /// Runs one process to its end or to a crash. Other panics go on.
    pub fn run<T>(&self, process: impl FnOnce(&SimEnv) -> T) -> Result<T, Crash> {
        let env = self.start();
        let ended = self.step(|| process(&env));
        self.state().exit(env.process());
        ended
    }

    /// Runs a part of a process that was started before; see [`Machine::run`].
    pub fn step<T>(&self, part: impl FnOnce() -> T) -> Result<T, Crash> {
        panic::catch_unwind(AssertUnwindSafe(part)).map_err(|payload| {
            match payload.downcast::<Crash>() {
                Ok(crash) => *crash,
                Err(other) => panic::resume_unwind(other),
            }
        })
    }

    /// Ends a process as `kill -9` does: nothing written is lost, its locks are free.
    pub fn kill(&self, env: &SimEnv) {
        self.state().exit(env.process());
    }

    /// Cuts the power now: every process dies and what was not synced is lost or torn.
    pub fn lose_power(&self) {
        self.state().lose_power();
    }

    /// Crashes to come, in this order; each is armed when the one before it has struck.
    pub fn strike(&self, strikes: impl IntoIterator<Item = Strike>) {
        self.state().faults.strike(strikes);
    }

    /// Runs something else while the process that gets there first stands still. One interlude at a
    /// time: one that has not come is forgotten, with what it holds. The processes that it runs meet
    /// none.
    pub fn meanwhile(&self, moment: Moment, run: impl FnOnce() + Send + 'static) {
        let forgotten = self.state().interlude.set(moment, Box::new(run));
        drop(forgotten);
    }

    /// Forgets crashes, errors and interludes that are still to come.
    pub fn heal(&self) {
        let mut state = self.state();
        state.faults.heal();
        let forgotten = state.interlude.clear();
        drop(state);
        drop(forgotten);
    }

    /// Makes the `nth` operation of a class from now fail, from 1.
    pub fn fail(&self, class: Class, nth: u64, kind: io::ErrorKind) {
        self.state().faults.fail(class, nth, kind);
    }

    /// What happens to bytes and names that were not synced when the power goes.
    pub fn losing(&self, loss: Loss) {
        self.state().disk.loss = loss;
    }

    /// The disk holds so many bytes and no more; `None` for as many as you like.
    pub fn capacity(&self, bytes: Option<u64>) {
        self.state().disk.capacity = bytes;
    }

    /// Bytes in files that have a name.
    pub fn used(&self) -> u64 {
        self.state().disk.used()
    }

    /// Flips one bit of a file, also of what was synced. False when it is not that long.
    pub fn flip(&self, path: &Path, bit: u64) -> bool {
        self.state().disk.flip(path, bit)
    }

    /// Lets time go by.
    pub fn advance(&self, by: Duration) {
        self.state().clock.advance(by);
    }

    /// Sets the wall clock forward or back; monotonic time does not notice.
    pub fn jump(&self, micros: i64) {
        self.state().clock.jump(micros);
    }

    /// How often each labelled point was reached since the machine was made.
    pub fn hits(&self) -> BTreeMap<&'static str, u64> {
        self.state().faults.hits().clone()
    }

    /// Operations on files and calls to clusters so far, by all processes.
    pub fn operations(&self) -> u64 {
        self.state().faults.operations()
    }

    /// A digest of everything that happened: equal for equal seeds.
    pub fn trace(&self) -> u64 {
        self.state().trace.digest()
    }

    /// Files as a person at the machine sees them: never fails by plan, never crashes and leaves
    /// no trace.
    pub fn observer(&self) -> SharedFiles {
        files::observer(self.clone())
    }

    /// Monotonic time.
    #[cfg(feature = "kafka")]
    pub(crate) fn monotonic(&self) -> Duration {
        self.state().clock.monotonic
    }

    /// The wall clock.
    #[cfg(feature = "kafka")]
    pub(crate) fn wall(&self) -> whitebeam_env::WallMicros {
        self.state().clock.wall
    }

    /// Adds something to the trace.
    #[cfg(feature = "kafka")]
    pub(crate) fn note(&self, what: &[u8]) {
        self.state().trace.bytes(what);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
