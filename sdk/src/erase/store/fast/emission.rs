//! Emission of whole tables: one as it is, several merged.
//!
//! Owns the scratch table and when it is filled: always for tables of their own, and for columns
//! of the ring only where the ring is to change before the pass over it has come to its end.

use super::TableStore;
use crate::batch::batch_len;
use crate::erase::batch::{ErasedBatch, typed};
use crate::erase::gather::Gather;
use crate::erase::step::Flow;
use crate::erase::store::ring::{Column, Place, Showing};
use crate::erase::store::table::{Entry, Table};
use crate::erase::store::{TableId, Which};
use crate::hash::stable_hash;

impl<G: Gather> TableStore<G> {
    /// Fills the scratch table with all parts.
    pub(super) fn merge_parts(&mut self, parts: &[TableId]) {
        let mut into = self.spare.pop().unwrap_or_else(Table::new);
        let mut add = |key: &G::Key, acc: &G::Acc| {
            let before = into.entries.len();
            let slot = into.slot(stable_hash(key), key.clone(), || acc.clone());
            if slot < before {
                self.gather.merge(&mut into.entries[slot].acc, acc.clone());
            }
        };
        for id in parts {
            match &self.places[id.0 as usize] {
                Some(Place::Own(part)) => part.entries.iter().for_each(|e| add(&e.key, &e.acc)),
                Some(Place::Column(column)) => {
                    let part = self.ring.column(*column);
                    part.for_each(|(_, key, acc)| add(key, acc));
                }
                None => {}
            }
        }
        self.merged = Some(into);
    }

    /// Ends a pass over the ring, which is to change: what it has not shown yet goes to the
    /// scratch table.
    pub(super) fn settle(&mut self) {
        let Some(mut showing) = self.showing.take() else {
            return;
        };
        let mut into = self.spare.pop().unwrap_or_else(Table::new);
        let flow = self.ring.pass(&*self.gather, &mut showing, |key, acc| {
            into.slot(stable_hash(key), key.clone(), || acc);
            true
        });
        debug_assert_eq!(flow, Flow::Done, "a table takes every key");
        self.merged = Some(into);
    }

    /// Emits a column and takes out of it what is emitted.
    pub(super) fn drain_column(
        &mut self,
        column: Column,
        which: Which,
        out: &mut dyn ErasedBatch,
    ) -> Flow {
        let mut showing = Showing {
            columns: column.bit(),
            from: 0,
        };
        let gather = &*self.gather;
        let flow = self.ring.show(gather, &mut showing, which, out);
        match flow {
            Flow::Done => self.ring.clear(column, || gather.create()),
            Flow::Yield => self
                .ring
                .drop_until(column, showing.from, || gather.create()),
        }
        flow
    }

    /// Emits what the scratch table holds.
    pub(super) fn drain_merged(&mut self, which: Which, out: &mut dyn ErasedBatch) -> Flow {
        let Some(mut table) = self.merged.take() else {
            return Flow::Done;
        };
        let flow = drain_table(&*self.gather, &mut table, which, out);
        match flow {
            Flow::Done => {
                self.resetting = None;
                self.recycle(table);
            }
            Flow::Yield => self.merged = Some(table),
        }
        flow
    }
}

/// Emits entries from the end of `table` until it is empty or the output is full: the order of
/// keys means nothing, and what is emitted is gone, so no cursor is needed.
pub(super) fn drain_table<G: Gather>(
    gather: &G,
    table: &mut Table<G::Key, G::Acc>,
    which: Which,
    out: &mut dyn ErasedBatch,
) -> Flow {
    match which {
        Which::Outputs => {
            let out = typed::<G::Out>(out).owned_mut();
            let limit = batch_len::<G::Out>();
            while out.len() < limit {
                let Some(Entry { key, acc }) = table.entries.pop() else {
                    return Flow::Done;
                };
                gather.emit(key, acc, &mut |value| out.push(value));
            }
        }
        Which::Partials => {
            let out = typed::<(G::Key, G::Acc)>(out).owned_mut();
            let limit = batch_len::<(G::Key, G::Acc)>();
            let keep = table
                .entries
                .len()
                .saturating_sub(limit.saturating_sub(out.len()));
            out.extend(table.entries.drain(keep..).map(|e| (e.key, e.acc)));
        }
    }
    if table.entries.is_empty() {
        Flow::Done
    } else {
        Flow::Yield
    }
}
