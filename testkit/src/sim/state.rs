//! The machine's state behind its lock: disk, clock, plan, processes.
//!
//! Owns what an operation meets on its way: is the process alive, is a fault due, what does the
//! trace say. Crashes are carried out by the caller, once the lock is released.

use super::clock::{Clock, Trace};
use super::disk::Disk;
use super::faults::{Class, Crash, Faults, How, Verdict};
use super::interlude::Interlude;
use fastrand::Rng;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// Number of a process; 0 is the observer.
pub(crate) type Process = u32;

/// The observer's number.
pub(crate) const OBSERVER: Process = 0;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) disk: Disk,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) trace: Trace,
    pub(crate) interlude: Interlude,
    pub(crate) rng: Rng,
    /// Holds who runs; emptied by a power cut.
    alive: BTreeSet<Process>,
    started: Process,
    handles: u64,
    /// Boots so far; locks and handles of an earlier one mean nothing.
    pub(crate) boot: u64,
}

/// How far an operation gets.
#[derive(Debug)]
pub(crate) enum Way {
    /// All the way.
    Open,
    /// It fails, by plan.
    Fail(io::ErrorKind),
    /// So far that its effect is there, in part or whole; then the machine crashes.
    Amid(Crash, Effect),
    /// The process is dead already.
    Dead,
}

/// How much of an operation happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    Nothing,
    /// Of an append, some bytes; of others, nothing.
    Part,
    /// As [`Effect::Part`], and what a sync did not save no later sync will.
    Failed,
    Whole,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        State {
            disk: Disk::new(),
            clock: Clock::new(),
            faults: Faults::default(),
            trace: Trace::new(),
            interlude: Interlude::default(),
            rng: Rng::with_seed(seed),
            alive: BTreeSet::new(),
            started: OBSERVER,
            handles: 0,
            boot: 0,
        }
    }

    pub(crate) fn start(&mut self) -> Process {
        self.started += 1;
        self.alive.insert(self.started);
        self.trace.bytes(b"start");
        self.started
    }

    pub(crate) fn is_alive(&self, process: Process) -> bool {
        process == OBSERVER || self.alive.contains(&process)
    }

    /// A process ends by itself or by a kill; its handles close as they are dropped, and here in
    /// case they are leaked.
    pub(crate) fn exit(&mut self, process: Process) {
        if self.alive.remove(&process) {
            self.trace.bytes(b"exit");
            self.disk.release(process);
        }
    }

    pub(crate) fn lose_power(&mut self) {
        self.alive.clear();
        self.boot += 1;
        self.trace.bytes(b"power");
        self.disk.lose_power(&mut self.rng);
    }

    /// The machine or the process goes down.
    pub(crate) fn crash(&mut self, process: Process, crash: Crash) {
        match crash.how {
            How::Kill => self.exit(process),
            How::Power => self.lose_power(),
        }
    }

    pub(crate) fn next_handle(&mut self) -> u64 {
        self.handles += 1;
        self.handles
    }

    /// An operation begins.
    pub(crate) fn enter(
        &mut self,
        process: Process,
        class: Class,
        action: &'static str,
        path: &Path,
    ) -> Way {
        if process == OBSERVER {
            return Way::Open;
        }
        if !self.is_alive(process) {
            return Way::Dead;
        }
        self.trace.bytes(action.as_bytes());
        self.trace.bytes(path.as_os_str().as_encoded_bytes());
        match self.faults.at_operation(class) {
            Verdict::Pass => Way::Open,
            Verdict::Fail(kind) => Way::Fail(kind),
            Verdict::Crash(how) => {
                let effects = [Effect::Nothing, Effect::Part, Effect::Whole];
                let effect = effects[self.rng.usize(..effects.len())];
                Way::Amid(Crash { label: None, how }, effect)
            }
        }
    }

    /// A process is at a labelled point; whether the machine crashes there, or has before.
    pub(crate) fn at_point(&mut self, process: Process, label: &'static str) -> Option<Crash> {
        if process == OBSERVER {
            return None;
        }
        if !self.is_alive(process) {
            return Some(Crash::before());
        }
        self.trace.bytes(label.as_bytes());
        let how = self.faults.at_point(label)?;
        let label = Some(label);
        Some(Crash { label, how })
    }
}
