//! `SlowStore`: the deliberately slow store, everything encoded and paged to disk.
//!
//! Owns tables, keys and accumulators of one grouping, as bytes. It is there so that no caller can
//! come to rely on state being typed, in memory or free of errors: whatever passes with the fast
//! store passes with this one. Accumulators live in pages of which four are in memory; the keys
//! stay there, in ordered maps from encoded key to record number. Invariant: no accumulator is held
//! decoded between two calls.
//!
//! A disk backend would replace this store and not its callers. It needs from below what
//! `records.rs` offers: the record of an encoded key in a table, records by number, taking out the
//! last record, and dropping a table whole (a key prefix, deleted as a range). To do better it
//! would move the ordered maps to disk too and read keys in batches: `upsert` and `accumulate` see
//! a whole batch before they need the first accumulator.

mod entries;
mod pages;
mod records;
mod spans;

use super::fast::emit_row;
use super::feed::ErasedFeed;
use super::{AccId, AccOp, After, Beside, Firing, GroupStore, Run, Slot, Stamp, TableId, Which};
use crate::batch::batch_len;
use crate::element;
use crate::erase::batch::{ErasedBatch, typed};
use crate::erase::gather::Gather;
use crate::erase::step::{Flow, Port};
use crate::error::{Error, Result};
use crate::hash::{KeyGroup, stable_hash};
use crate::snapshot::RecordsUnder;
use entries::{Entry, drain, encoded, merge_into, save, update};
use pages::Pages;
use records::{SlowAccs, SlowKeys, SlowTable};
use spans::SlowSpans;
use std::sync::Arc;

/// Encoded tables in pages.
pub(crate) struct SlowStore<G: Gather> {
    gather: Arc<G>,
    feeds: Vec<Arc<dyn ErasedFeed<G>>>,
    pages: Pages,
    tables: Vec<Option<SlowTable>>,
    /// Ids of closed tables.
    free: Vec<u32>,
    /// What an emission of several parts, or one that leaves its table, has yet to emit.
    merged: Option<SlowTable>,
    /// The table that such an emission has reset.
    resetting: Option<TableId>,
    keys: SlowKeys,
    accs: SlowAccs,
    spans: SlowSpans,
}

impl<G: Gather> std::fmt::Debug for SlowStore<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables = self.tables.len() - self.free.len();
        write!(f, "SlowStore({tables} tables)")
    }
}

impl<G: Gather> SlowStore<G> {
    pub(crate) fn new(gather: Arc<G>, feeds: Vec<Arc<dyn ErasedFeed<G>>>) -> Self {
        SlowStore {
            gather,
            feeds,
            pages: Pages::new(),
            tables: Vec::new(),
            free: Vec::new(),
            merged: None,
            resetting: None,
            keys: SlowKeys::default(),
            accs: SlowAccs::default(),
            spans: SlowSpans::default(),
        }
    }

    fn table(&mut self, id: TableId) -> Result<(&mut SlowTable, &mut Pages)> {
        match &mut self.tables[id.0 as usize] {
            Some(table) => Ok((table, &mut self.pages)),
            None => Err(Error::internal("a closed table was used")),
        }
    }

    /// All parts in one table.
    fn merge_parts(&mut self, parts: &[TableId]) -> Result<SlowTable> {
        let mut into = SlowTable::default();
        for id in parts {
            if let Some(part) = &self.tables[id.0 as usize] {
                merge_into(&*self.gather, &mut self.pages, &mut into, part)?;
            }
        }
        Ok(into)
    }

    fn acc(&mut self, id: AccId) -> Result<G::Acc> {
        match self.accs.get(&mut self.pages, id.0)? {
            Some(mut bytes) => element::decode(&mut bytes),
            None => Err(Error::internal("a freed accumulator was used")),
        }
    }

    fn set_acc(&mut self, id: AccId, acc: &G::Acc) -> Result<()> {
        self.accs.set(&mut self.pages, id.0, encoded(acc)?)
    }
}

impl<G: Gather> GroupStore for SlowStore<G> {
    fn open(&mut self) -> TableId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.tables.push(None);
            self.tables.len() as u32 - 1
        });
        self.tables[id as usize] = Some(SlowTable::default());
        TableId(id)
    }

    fn close(&mut self, id: TableId) {
        if let Some(mut table) = self.tables[id.0 as usize].take() {
            table.clear(&mut self.pages);
            self.free.push(id.0);
        }
    }

    fn len(&self, id: TableId) -> usize {
        let table = self.tables[id.0 as usize].as_ref();
        table.map_or(0, SlowTable::len)
    }

    fn upsert(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        runs: &[Run],
        ids: &[TableId],
        mut slots: Option<&mut Vec<Slot>>,
    ) -> Result<()> {
        let (gather, feed) = (Arc::clone(&self.gather), Arc::clone(&self.feeds[port]));
        let mut runs = runs.iter().peekable();
        feed.each(&gather, input, &mut |row, key, add| {
            while runs.next_if(|run| run.upto as usize <= row).is_some() {}
            let Some(run) = runs.peek() else {
                return Ok(());
            };
            for id in &ids[run.first as usize..(run.first + run.n) as usize] {
                let (table, pages) = self.table(*id)?;
                let slot = update(&*gather, pages, table, key, add)?;
                if let Some(slots) = &mut slots {
                    slots.push(slot);
                }
            }
            Ok(())
        })?;
        input.clear();
        Ok(())
    }

    fn peek(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        runs: &[Run],
        ids: &[TableId],
        slots: &mut Vec<Option<Slot>>,
    ) -> Result<()> {
        let (gather, feed) = (Arc::clone(&self.gather), Arc::clone(&self.feeds[port]));
        let mut runs = runs.iter().peekable();
        feed.each(&gather, input, &mut |row, key, _| {
            while runs.next_if(|run| run.upto as usize <= row).is_some() {}
            let Some(run) = runs.peek() else {
                return Ok(());
            };
            let key = encoded(key)?;
            for id in &ids[run.first as usize..(run.first + run.n) as usize] {
                slots.push(self.table(*id)?.0.find(&key));
            }
            Ok(())
        })
    }

    fn emit(
        &mut self,
        parts: &[TableId],
        which: Which,
        stamp: &Stamp,
        after: After,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        let gather = Arc::clone(&self.gather);
        if let ([one], After::Close) = (parts, after) {
            let (table, pages) = self.table(*one)?;
            return drain(&*gather, pages, table, which, stamp, out);
        }
        let mut merged = match self.merged.take() {
            Some(merged) => merged,
            None => {
                let merged = self.merge_parts(parts)?;
                if after == After::Reset {
                    for id in parts {
                        let (table, pages) = self.table(*id)?;
                        table.clear(pages);
                    }
                    self.resetting = parts.first().copied();
                }
                merged
            }
        };
        let flow = drain(&*gather, &mut self.pages, &mut merged, which, stamp, out)?;
        match flow {
            Flow::Done => self.resetting = None,
            Flow::Yield => self.merged = Some(merged),
        }
        Ok(flow)
    }

    fn emit_slots(
        &mut self,
        id: TableId,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        let gather = Arc::clone(&self.gather);
        let (table, pages) = self.table(id)?;
        let out = typed::<G::Out>(out);
        while let Some(firing) = firings.get(*from) {
            if out.len() >= batch_len::<G::Out>() {
                return Ok(Flow::Yield);
            }
            let Entry { key, acc, .. } = Entry::<G>::decode(table.get(pages, firing.slot)?)?;
            let shown = match firing.acc {
                Some(_) => acc,
                None => gather.create(),
            };
            if firing.after != After::Keep {
                update(&*gather, pages, table, &key, &mut |acc| {
                    *acc = gather.create();
                })?;
            }
            emit_row(out, &firing.stamp, |emit| {
                gather.emit(key, shown, &mut |v| emit(v))
            });
            *from += 1;
        }
        Ok(Flow::Done)
    }

    fn resolve(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        slots: &mut Vec<Slot>,
    ) -> Result<()> {
        let keys = &mut self.keys;
        self.feeds[port].each(&self.gather, input, &mut |_, key, _| {
            slots.push(keys.slot(encoded(key)?));
            Ok(())
        })
    }

    fn new_acc(&mut self) -> Result<AccId> {
        let acc = encoded(&self.gather.create())?;
        self.accs.insert(&mut self.pages, acc).map(AccId)
    }

    fn accumulate(&mut self, port: Port, input: &mut dyn ErasedBatch, ops: &[AccOp]) -> Result<()> {
        let (gather, feed) = (Arc::clone(&self.gather), Arc::clone(&self.feeds[port]));
        let mut ops = ops.iter().peekable();
        feed.each(&gather, input, &mut |row, _, add| {
            while let Some(op) = ops.next_if(|op| op.row as usize == row) {
                let mut acc = self.acc(op.acc)?;
                add(&mut acc);
                self.set_acc(op.acc, &acc)?;
            }
            Ok(())
        })?;
        input.clear();
        Ok(())
    }

    fn merge_acc(&mut self, into: AccId, from: AccId) -> Result<()> {
        let mut acc = self.acc(into)?;
        let from_acc = self.acc(from)?;
        self.gather.merge(&mut acc, from_acc);
        self.accs.free(from.0);
        self.set_acc(into, &acc)
    }

    fn free_acc(&mut self, acc: AccId) {
        self.accs.free(acc.0);
    }

    fn emit_accs(
        &mut self,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        let gather = Arc::clone(&self.gather);
        let out = typed::<G::Out>(out);
        while let Some(firing) = firings.get(*from) {
            if out.len() >= batch_len::<G::Out>() {
                return Ok(Flow::Yield);
            }
            let Some(mut key) = self.keys.get(firing.slot) else {
                return Err(Error::internal("a pane fired for a key that was evicted"));
            };
            let key = element::decode(&mut key)?;
            let shown = match firing.acc {
                Some(id) => self.acc(id)?,
                None => gather.create(),
            };
            emit_row(out, &firing.stamp, |emit| {
                gather.emit(key, shown, &mut |v| emit(v))
            });
            match (firing.acc, firing.after) {
                (Some(id), After::Reset) => self.set_acc(id, &gather.create())?,
                (Some(id), After::Close) => self.accs.free(id.0),
                _ => {}
            }
            *from += 1;
        }
        Ok(Flow::Done)
    }

    fn evict(&mut self, slots: &[Slot]) {
        slots.iter().for_each(|&slot| self.keys.evict(slot));
    }

    fn save_key(&mut self, slot: Slot, groups: u16, to: &mut Vec<u8>) -> Result<KeyGroup> {
        let mut bytes = self
            .keys
            .get(slot)
            .ok_or_else(|| Error::internal("saving an evicted key"))?;
        to.extend_from_slice(bytes);
        let key: G::Key = element::decode(&mut bytes)?;
        Ok(KeyGroup::of(stable_hash(&key), groups))
    }

    fn load_key(&mut self, from: &mut &[u8]) -> Result<Slot> {
        let key: G::Key = element::decode(from)?;
        Ok(self.keys.slot(encoded(&key)?))
    }

    fn save_acc(&mut self, acc: AccId, to: &mut Vec<u8>) -> Result<()> {
        match self.accs.get(&mut self.pages, acc.0)? {
            Some(bytes) => to.extend_from_slice(bytes),
            None => return Err(Error::internal("saving a freed accumulator")),
        }
        Ok(())
    }

    fn load_acc(&mut self, from: &mut &[u8]) -> Result<AccId> {
        let acc: G::Acc = element::decode(from)?;
        self.accs.insert(&mut self.pages, encoded(&acc)?).map(AccId)
    }

    fn save_table(
        &mut self,
        id: TableId,
        beside: Option<&Beside<'_>>,
        to: &mut RecordsUnder<'_>,
    ) -> Result<()> {
        let pending = self.merged.take_if(|_| self.resetting == Some(id));
        let rest = |slot, to: &mut Vec<u8>| beside.map_or(Ok(()), |beside| beside(id, slot, to));
        let (table, pages) = self.table(id)?;
        let mut slot = 0;
        for part in [Some(&*table), pending.as_ref()].into_iter().flatten() {
            for at in 0..part.len() as Slot {
                save::<G>(part.get(pages, at)?, |to| rest(slot, to), to)?;
                slot += 1;
            }
        }
        if pending.is_some() {
            self.merged = pending;
        }
        Ok(())
    }

    fn save_slots(
        &mut self,
        id: TableId,
        slots: &[Slot],
        beside: Option<&Beside<'_>>,
        to: &mut RecordsUnder<'_>,
    ) -> Result<()> {
        let rest = |slot, to: &mut Vec<u8>| beside.map_or(Ok(()), |beside| beside(id, slot, to));
        let (table, pages) = self.table(id)?;
        let mut slots = slots.iter();
        slots.try_for_each(|&slot| save::<G>(table.get(pages, slot)?, |to| rest(slot, to), to))
    }

    fn load_entry(&mut self, id: TableId, from: &mut &[u8]) -> Result<Slot> {
        let entry = Entry::<G>::decode(from)?;
        *from = &from[entry.len..];
        let gather = Arc::clone(&self.gather);
        let (table, pages) = self.table(id)?;
        update(&*gather, pages, table, &entry.key, &mut |acc| {
            gather.merge(acc, entry.acc.clone());
        })
    }

    fn bytes(&self) -> usize {
        let tables: usize = self.tables.iter().flatten().map(SlowTable::bytes).sum();
        tables + self.spans.bytes() + self.keys.bytes() + self.accs.bytes() + self.pages.bytes()
    }
}
