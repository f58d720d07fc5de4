//! The cells of one window as a machine sees them, and those of windows about to merge.
//!
//! Owns access by node: finished bits and counters. Owns no storage.

use super::compile::Kind;
use super::{Machine, Now};
use whitebeam_sdk::Timestamp;

/// Timers that a machine asks for. They are never taken back: a window that is woken for nothing
/// finds that it is not ready.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Wake when the watermark passes the end of the window.
    pub(crate) end_of_window: bool,
    /// Wake when processing time passes these.
    pub(crate) processing: Vec<Timestamp>,
}

/// A machine at one window.
pub(super) struct At<'a> {
    machine: &'a Machine,
    state: &'a mut [u64],
    pub(super) now: &'a Now,
}

impl<'a> At<'a> {
    pub(super) fn new(machine: &'a Machine, state: &'a mut [u64], now: &'a Now) -> Self {
        At {
            machine,
            state,
            now,
        }
    }

    pub(super) fn kind(&self, node: usize) -> Kind {
        self.machine.nodes[node].kind
    }

    /// Windows of the key may merge.
    pub(super) fn is_merging(&self) -> bool {
        self.machine.merging
    }

    /// The parts of a composite, in order. They borrow the machine only.
    pub(super) fn parts(&self, node: usize) -> Parts<'a> {
        Parts {
            machine: self.machine,
            next: node + 1,
            end: self.machine.nodes[node].end as usize,
        }
    }

    /// The first part of a composite that has not finished: the one whose turn it is.
    pub(super) fn current(&self, node: usize) -> Option<usize> {
        self.parts(node).find(|&part| !self.is_finished(part))
    }

    pub(super) fn is_finished(&self, node: usize) -> bool {
        self.state[node / 64] >> (node % 64) & 1 != 0
    }

    pub(super) fn finish(&mut self, node: usize) {
        self.state[node / 64] |= 1 << (node % 64);
    }

    pub(super) fn set_finished(&mut self, node: usize, finished: bool) {
        if finished {
            self.finish(node);
        } else {
            self.state[node / 64] &= !(1 << (node % 64));
        }
    }

    /// The node's own cell.
    pub(super) fn cell(&self, node: usize) -> u64 {
        self.state[self.machine.nodes[node].cells().start]
    }

    pub(super) fn set_cell(&mut self, node: usize, value: u64) {
        self.state[self.machine.nodes[node].cells().start] = value;
    }

    /// Forgets the cells of a subtree; what is finished stays so.
    pub(super) fn clear(&mut self, node: usize) {
        self.state[self.machine.nodes[node].cells()].fill(0);
    }

    /// Begins a subtree anew.
    pub(super) fn reset(&mut self, node: usize) {
        self.clear(node);
        (node..self.machine.nodes[node].end as usize).for_each(|n| self.set_finished(n, false));
    }

    /// Begins a part of early and late firings anew. Shallower than [`At::reset`], as the reference
    /// has it: what is inside a composite stays finished.
    pub(super) fn repeat(&mut self, node: usize) {
        self.clear(node);
        self.set_finished(node, false);
    }
}

/// The parts of a composite.
pub(super) struct Parts<'a> {
    machine: &'a Machine,
    next: usize,
    end: usize,
}

impl Iterator for Parts<'_> {
    type Item = usize;
    fn next(&mut self) -> Option<usize> {
        let part = self.next;
        if part == self.end {
            return None;
        }
        self.next = self.machine.nodes[part].end as usize;
        Some(part)
    }
}

/// The states of the windows that merge.
pub(super) struct Sources<'a> {
    states: &'a [u64],
    words: usize,
}

impl<'a> Sources<'a> {
    pub(super) fn new(states: &'a [u64], words: usize) -> Self {
        Sources { states, words }
    }

    /// Whether `node` has finished, for each window.
    fn finished(&self, node: usize) -> impl Iterator<Item = bool> {
        let states = self.states.chunks_exact(self.words);
        states.map(move |state| state[node / 64] >> (node % 64) & 1 != 0)
    }

    /// The node's own cell, for each window.
    pub(super) fn cells(&self, at: &At<'_>, node: usize) -> impl Iterator<Item = u64> + use<'a> {
        let place = at.machine.nodes[node].cells().start;
        let states = self.states.chunks_exact(self.words);
        states.map(move |state| state[place])
    }

    /// The union is made of new windows only.
    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    pub(super) fn finished_in_any(&self, node: usize) -> bool {
        self.finished(node).any(|finished| finished)
    }

    /// True also if no window was there before.
    pub(super) fn finished_in_all(&self, node: usize) -> bool {
        self.finished(node).all(|finished| finished)
    }
}
