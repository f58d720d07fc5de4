//! Which crash and which error comes when.
//!
//! Owns the plan and the counts it is read against. Does not carry anything out: the state does.

use std::collections::{BTreeMap, VecDeque};
use std::io;

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// The process alone, as by `kill -9`: what it wrote stays.
    Kill,
    /// The machine, as by a power cut: what was not synced is lost or torn, and every process dies.
    Power,
}

/// A crash to come. Counts begin when it is armed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strike {
    /// At the `nth` visit of a labelled point, from 1.
    Point {
        /// The point.
        label: &'static str,
        /// Which visit.
        nth: u64,
        /// Kill or power cut.
        how: How,
    },
    /// In the `nth` operation on files or call to a cluster, from 1: before, amid or after it, as
    /// drawn.
    Operation {
        /// Which operation.
        nth: u64,
        /// Kill or power cut.
        how: How,
    },
}

/// What a crash unwinds with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crash {
    /// The point it struck at, if one.
    pub label: Option<&'static str>,
    /// Kill or power cut.
    pub how: How,
}

impl Crash {
    /// What a process meets that goes on after its end.
    pub(crate) fn before() -> Self {
        let (label, how) = (None, How::Kill);
        Crash { label, how }
    }
}

/// Operations that fail together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// What may need room: create, append, rename, link, make a folder, truncate.
    Write,
    /// Syncing a file or a folder.
    Sync,
    /// Opening, reading, listing.
    Read,
    /// Removing.
    Remove,
    /// Calls to a cluster: no way there.
    Call,
}

/// What the plan says about an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Pass,
    Fail(io::ErrorKind),
    Crash(How),
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    strikes: VecDeque<Strike>,
    /// Visits of the armed strike's point, or operations, since it was armed.
    seen: u64,
    failures: Vec<Failure>,
    hits: BTreeMap<&'static str, u64>,
    operations: u64,
}

#[derive(Debug)]
struct Failure {
    class: Class,
    left: u64,
    kind: io::ErrorKind,
}

impl Faults {
    pub(crate) fn strike(&mut self, strikes: impl IntoIterator<Item = Strike>) {
        self.strikes.extend(strikes);
    }

    pub(crate) fn fail(&mut self, class: Class, nth: u64, kind: io::ErrorKind) {
        let left = nth;
        self.failures.push(Failure { class, left, kind });
    }

    pub(crate) fn heal(&mut self) {
        self.strikes.clear();
        self.failures.clear();
        self.seen = 0;
    }

    pub(crate) fn hits(&self) -> &BTreeMap<&'static str, u64> {
        &self.hits
    }

    pub(crate) fn operations(&self) -> u64 {
        self.operations
    }

    /// A process is at a labelled point.
    pub(crate) fn at_point(&mut self, at: &'static str) -> Option<How> {
        *self.hits.entry(at).or_default() += 1;
        match self.strikes.front() {
            Some(&Strike::Point { label, nth, how }) if label == at => self.count(nth, how),
            _ => None,
        }
    }

    /// A process begins an operation.
    pub(crate) fn at_operation(&mut self, class: Class) -> Verdict {
        self.operations += 1;
        if let Some(&Strike::Operation { nth, how }) = self.strikes.front()
            && let Some(how) = self.count(nth, how)
        {
            return Verdict::Crash(how);
        }
        let due = self.failures.iter_mut().position(|failure| {
            if failure.class == class {
                failure.left = failure.left.saturating_sub(1);
            }
            failure.class == class && failure.left == 0
        });
        match due {
            Some(index) => Verdict::Fail(self.failures.remove(index).kind),
            None => Verdict::Pass,
        }
    }

    fn count(&mut self, nth: u64, how: How) -> Option<How> {
        self.seen += 1;
        if self.seen < nth {
            return None;
        }
        self.strikes.pop_front();
        self.seen = 0;
        Some(how)
    }
}
