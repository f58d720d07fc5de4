//! Windows that merge: a key's open windows and those that a batch proposes become their unions.
//!
//! Owns which windows overlap and what a union inherits. Closed windows take no part; but a union
//! with exactly the bounds of one is that window, and may stay closed.
//!
//! Invariant: a key's open windows do not overlap between batches.

use super::General;
use super::windows::{Id, NONE};
use crate::group::hold::Hold;
use crate::trigger::Machine;
use whitebeam_sdk::erase::Slot;
use whitebeam_sdk::{Result, Window};

/// What is worked out while a batch's windows merge; memory is kept for the next.
#[derive(Debug, Default)]
pub(super) struct Merging {
    /// What the batch proposes, and of each the next of the same key.
    proposals: Vec<Proposal>,
    /// First proposal of a key, by key slot; `NONE` between batches.
    heads: Vec<u32>,
    /// Keys with proposals.
    keys: Vec<Slot>,
    /// Windows of one key that may merge.
    candidates: Vec<Candidate>,
    /// Open windows that become one.
    sources: Vec<Id>,
    /// Their trigger cells, one after the other.
    cells: Vec<u64>,
    /// Row and the window it goes to, rows in order.
    pub(super) targets: Vec<(u32, Id)>,
}

#[derive(Debug)]
struct Proposal {
    window: Window,
    next: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Candidate {
    window: Window,
    from: From,
}

/// Where a candidate comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum From {
    /// An open window.
    Open(Id),
    /// An element of the batch, by proposal.
    Batch(u32),
}

impl Merging {
    /// A new batch.
    pub(super) fn begin(&mut self) {
        self.proposals.clear();
        self.targets.clear();
    }

    /// The element in `row` proposes `window` for its key. Rows come in order.
    pub(super) fn propose(&mut self, row: u32, key: Slot, window: Window) {
        if self.heads.len() <= key as usize {
            self.heads.resize(key as usize + 1, NONE);
        }
        let head = &mut self.heads[key as usize];
        if *head == NONE {
            self.keys.push(key);
        }
        let next = std::mem::replace(head, self.proposals.len() as u32);
        self.proposals.push(Proposal { window, next });
        self.targets.push((row, NONE));
    }
}

impl General {
    /// Merges the windows of every key with proposals; `targets` then says where each goes.
    pub(super) fn merge_all(&mut self) -> Result<()> {
        for at in 0..self.merging.keys.len() {
            let key = self.merging.keys[at];
            self.find_candidates(key);
            self.merge_candidates(key)?;
        }
        self.merging.keys.clear();
        Ok(())
    }

    /// Proposals and open windows of the key, in order of start.
    fn find_candidates(&mut self, key: Slot) {
        let Merging {
            candidates,
            proposals,
            heads,
            ..
        } = &mut self.merging;
        candidates.clear();
        let mut proposal = std::mem::replace(&mut heads[key as usize], NONE);
        while proposal != NONE {
            let Proposal { window, next } = proposals[proposal as usize];
            candidates.push(Candidate {
                window,
                from: From::Batch(proposal),
            });
            proposal = next;
        }
        let mut id = self.windows.first(key);
        while id != NONE {
            let next = self.windows.next(id);
            let (state, cells) = self.windows.parts(id);
            if !Machine::is_closed(cells) {
                candidates.push(Candidate {
                    window: state.window,
                    from: From::Open(id),
                });
            }
            id = next;
        }
        candidates.sort_unstable();
    }

    /// Goes through groups of candidates that overlap, directly or through others.
    fn merge_candidates(&mut self, key: Slot) -> Result<()> {
        let mut from = 0;
        while let Some(&Candidate { window, .. }) = self.merging.candidates.get(from) {
            let mut union = window;
            let mut differ = false;
            let rest = &self.merging.candidates[from..];
            let joins = |c: &&Candidate| {
                let joins = c.window == union || c.window.overlaps(union);
                if joins {
                    differ |= c.window != window;
                    union = union.span(c.window);
                }
                joins
            };
            let upto = from + rest.iter().take_while(joins).count();
            self.settle_group(key, from..upto, union, differ)?;
            from = upto;
        }
        Ok(())
    }

    /// The candidates `group` become `union`. If they do not differ nothing merges.
    fn settle_group(
        &mut self,
        key: Slot,
        group: std::ops::Range<usize>,
        union: Window,
        differ: bool,
    ) -> Result<()> {
        let has_proposal = |c: &Candidate| matches!(c.from, From::Batch(_));
        if !self.merging.candidates[group.clone()]
            .iter()
            .any(has_proposal)
        {
            return Ok(());
        }
        let id = if differ {
            self.find_sources(group.clone());
            self.unite(key, union)?
        } else {
            self.windows.find_or_add(key, union, NONE)
        };
        for at in group {
            if let From::Batch(proposal) = self.merging.candidates[at].from {
                self.merging.targets[proposal as usize].1 = id;
            }
        }
        Ok(())
    }

    fn find_sources(&mut self, group: std::ops::Range<usize>) {
        let Merging {
            candidates,
            sources,
            cells,
            ..
        } = &mut self.merging;
        sources.clear();
        cells.clear();
        for candidate in &candidates[group] {
            if let From::Open(id) = candidate.from {
                sources.push(id);
                cells.extend_from_slice(self.windows.cells(id));
            }
        }
    }

    /// Moves what the sources hold into the window `union`: one of exactly these bounds, closed or
    /// open, goes on; else a source is widened.
    fn unite(&mut self, key: Slot, union: Window) -> Result<Id> {
        let sources = std::mem::take(&mut self.merging.sources);
        let mut hold = Hold::NONE;
        for &source in &sources {
            let combiner = self.strategy.timestamp_combiner;
            hold.merge(self.windows.state(source).hold, combiner);
        }
        let id = match (self.windows.find(key, union), sources.first()) {
            (Some(own), _) => own,
            (None, Some(&first)) => {
                self.windows.widen(first, union);
                first
            }
            (None, None) => self.windows.find_or_add(key, union, NONE),
        };
        for &source in sources.iter().filter(|&&source| source != id) {
            self.move_contents(source, id)?;
            self.windows.remove(source);
        }
        self.merging.sources = sources;
        let now = self.now(union);
        let (state, cells) = self.windows.parts(id);
        state.hold = hold;
        self.machine
            .on_merge(cells, &self.merging.cells, &now, &mut self.timers);
        if Machine::is_closed(cells) {
            self.lose_contents(id);
        }
        self.update(id);
        Ok(id)
    }

    fn move_contents(&mut self, from: Id, into: Id) -> Result<()> {
        let source = self.windows.state(from);
        let (acc, pending) = (source.acc.take(), source.pending);
        let target = self.windows.state(into);
        target.pending += pending;
        match (target.acc, acc) {
            (Some(into), Some(from)) => self.store.merge_acc(into, from),
            (None, from) => {
                target.acc = from;
                Ok(())
            }
            (Some(_), None) => Ok(()),
        }
    }

    /// The union is a window that was emitted for the last time: what came into it is dropped as
    /// closed, and only its expiry is waited for.
    fn lose_contents(&mut self, id: Id) {
        let (state, cells) = self.windows.parts(id);
        self.machine.clear(cells);
        self.losses.counts.closed += std::mem::take(&mut state.pending);
        state.panes = Default::default();
        state.hold = Hold::NONE;
        if let Some(acc) = state.acc.take() {
            self.store.free_acc(acc);
        }
    }
}
