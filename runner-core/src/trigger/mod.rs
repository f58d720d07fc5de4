//! Trigger machines: when a window of a key is ready to fire.
//!
//! Owns the compiled form of a trigger spec and what every kind does on an element, a firing and a
//! merge; one file per kind. Does not own state: a machine reads and writes the cells it is given,
//! a fixed number of words per window. Decides nothing about panes, contents or holds.
//!
//! Invariant: a node's state is its finished bit and the cells of its own range; clearing a node
//! forgets the cells of its whole subtree and keeps the finished bits, so that a finished root
//! stays known as long as the window is.

mod after_all;
mod after_each;
mod after_first;
mod at_end;
mod compile;
mod count;
mod early_late;
mod or_finally;
mod processing_time;
mod repeatedly;
mod state;
mod synchronized;
#[cfg(test)]
mod tests;

use compile::{Kind, Node};
pub(crate) use state::Timers;
use state::{At, Sources};
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::trigger::Trigger;

/// What a trigger may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The step's input watermark.
    pub(crate) input_watermark: Timestamp,
    /// Processing time.
    pub(crate) processing_time: Timestamp,
    /// Last instant of the window.
    pub(crate) end_of_window: Timestamp,
}

impl Now {
    fn is_past_end_of_window(&self) -> bool {
        self.input_watermark > self.end_of_window
    }
}

/// A trigger spec, compiled: nodes in preorder, so that a subtree is a range.
#[derive(Debug)]
pub(crate) struct Machine {
    nodes: Vec<Node>,
    /// Words of finished bits and cells per window.
    words: usize,
    /// Windows of a key may merge: parts that wait for their turn must see all elements.
    merging: bool,
}

impl Machine {
    /// Words of state that each window needs; a new window's are all zero.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// The root has finished: the window takes nothing more.
    #[inline]
    pub(crate) fn is_closed(state: &[u64]) -> bool {
        state[0] & 1 != 0
    }

    /// An element has come; asks for `timers`.
    #[inline]
    pub(crate) fn on_element(&self, state: &mut [u64], now: &Now, timers: &mut Timers) {
        self.at(state, now).on_element(ROOT, timers);
    }

    /// A pane is due.
    pub(crate) fn should_fire(&self, state: &mut [u64], now: &Now) -> bool {
        self.at(state, now).should_fire(ROOT)
    }

    /// A pane is emitted because one was due.
    pub(crate) fn on_fire(&self, state: &mut [u64], now: &Now) {
        self.at(state, now).on_fire(ROOT);
    }

    /// The window has become the union of the windows whose states stand in `sources` one after the
    /// other. `state` is what the union had of its own: nothing, unless a window of exactly its
    /// bounds was there, which is among the sources if it was open.
    pub(crate) fn on_merge(
        &self,
        state: &mut [u64],
        sources: &[u64],
        now: &Now,
        timers: &mut Timers,
    ) {
        let sources = Sources::new(sources, self.words);
        self.at(state, now).on_merge(ROOT, &sources, timers);
    }

    /// Forgets all but what is finished.
    pub(crate) fn clear(&self, state: &mut [u64]) {
        self.nodes[ROOT].cells().for_each(|cell| state[cell] = 0);
    }

    fn at<'a>(&'a self, state: &'a mut [u64], now: &'a Now) -> At<'a> {
        At::new(self, state, now)
    }
}

const ROOT: usize = 0;

/// The machine of a spec.
pub(crate) fn compile(trigger: &Trigger, merging: bool) -> Machine {
    let (nodes, words) = compile::nodes(trigger);
    Machine {
        nodes,
        words,
        merging,
    }
}

/// What each kind does. Never and Default hold no state worth a file.
impl At<'_> {
    fn on_element(&mut self, node: usize, timers: &mut Timers) {
        match self.kind(node) {
            Kind::Never => {}
            Kind::Default | Kind::EndOfWindow => at_end::on_element(self, timers),
            Kind::EarlyLate => early_late::on_element(self, node, timers),
            Kind::Count(_) => count::on_element(self, node),
            Kind::ProcessingTime(delay) => {
                processing_time::on_element(self, node, delay, timers);
            }
            Kind::Synchronized => synchronized::on_element(self, node),
            Kind::Repeatedly => repeatedly::on_element(self, node, timers),
            Kind::OrFinally => or_finally::on_element(self, node, timers),
            Kind::Each => after_each::on_element(self, node, timers),
            Kind::First => after_first::on_element(self, node, timers),
            Kind::All => after_all::on_element(self, node, timers),
        }
    }

    fn should_fire(&self, node: usize) -> bool {
        match self.kind(node) {
            Kind::Never => false,
            Kind::Default | Kind::EndOfWindow => self.now.is_past_end_of_window(),
            Kind::EarlyLate => early_late::should_fire(self, node),
            Kind::Count(least) => self.cell(node) >= least,
            Kind::ProcessingTime(_) => processing_time::should_fire(self, node),
            Kind::Synchronized => self.cell(node) != 0,
            Kind::Repeatedly => self.should_fire(repeatedly::REPEATED + node),
            Kind::OrFinally => or_finally::should_fire(self, node),
            Kind::Each => after_each::should_fire(self, node),
            Kind::First => after_first::should_fire(self, node),
            Kind::All => after_all::should_fire(self, node),
        }
    }

    fn on_fire(&mut self, node: usize) {
        match self.kind(node) {
            Kind::Never | Kind::Default => {}
            Kind::EndOfWindow => self.finish(node),
            Kind::Count(_) | Kind::ProcessingTime(_) | Kind::Synchronized => {
                self.clear(node);
                self.finish(node);
            }
            Kind::EarlyLate => early_late::on_fire(self, node),
            Kind::Repeatedly => repeatedly::on_fire(self, node),
            Kind::OrFinally => or_finally::on_fire(self, node),
            Kind::Each => after_each::on_fire(self, node),
            Kind::First => after_first::on_fire(self, node),
            Kind::All => after_all::on_fire(self, node),
        }
    }

    fn on_merge(&mut self, node: usize, sources: &Sources<'_>, timers: &mut Timers) {
        match self.kind(node) {
            Kind::Never => {}
            Kind::Default => at_end::on_element(self, timers),
            Kind::EndOfWindow => at_end::on_merge(self, node, sources),
            Kind::EarlyLate => early_late::on_merge(self, node, sources, timers),
            Kind::Count(_) => count::on_merge(self, node, sources),
            Kind::ProcessingTime(_) => processing_time::on_merge(self, node, sources, timers),
            Kind::Synchronized => synchronized::on_merge(self, node, sources),
            Kind::Repeatedly => self.on_merge(repeatedly::REPEATED + node, sources, timers),
            Kind::OrFinally => or_finally::on_merge(self, node, sources, timers),
            Kind::Each => after_each::on_merge(self, node, sources, timers),
            Kind::First => after_first::on_merge(self, node, sources, timers),
            Kind::All => after_all::on_merge(self, node, sources, timers),
        }
    }
}
