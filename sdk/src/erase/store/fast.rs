//! `TableStore`: the fast store, typed tables in memory.
//!
//! Owns tables, keys and accumulators of one grouping. See the trait for the protocol.

mod spans;

use super::feed::{ErasedFeed, Target};
use super::keys::Keys;
use super::table::{Entry, Table};
use super::{AccId, AccOp, After, Firing, GroupStore, Run, Slot, Stamp, TableId, Which};
use crate::batch::{Batch, batch_len};
use crate::element;
use crate::erase::batch::{ErasedBatch, typed};
use crate::erase::gather::Gather;
use crate::erase::step::{Flow, Port};
use crate::error::{Error, Result};
use crate::hash::{KeyGroup, stable_hash};
pub(super) use spans::Spans;
use std::sync::Arc;

/// Typed tables in memory.
pub(crate) struct TableStore<G: Gather> {
    gather: Arc<G>,
    feeds: Vec<Arc<dyn ErasedFeed<G>>>,
    tables: Vec<Option<Table<G::Key, G::Acc>>>,
    /// Ids of closed tables.
    free: Vec<u32>,
    /// Emptied tables, their memory kept for the next window.
    spare: Vec<Table<G::Key, G::Acc>>,
    /// How far the emission of each table under `After::Keep` or `Reset` has come.
    cursors: Vec<usize>,
    /// Parts of an emission merged, while it is under way.
    merged: Option<Table<G::Key, G::Acc>>,
    /// The table that this emission has reset.
    resetting: Option<TableId>,
    keys: Keys<G::Key>,
    accs: Vec<Option<G::Acc>>,
    free_accs: Vec<u32>,
    spans: Spans<G>,
}

impl<G: Gather> std::fmt::Debug for TableStore<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "TableStore({} tables)",
            self.tables.len() - self.free.len()
        )
    }
}

impl<G: Gather> TableStore<G> {
    pub(crate) fn new(gather: Arc<G>, feeds: Vec<Arc<dyn ErasedFeed<G>>>) -> Self {
        TableStore {
            gather,
            feeds,
            tables: Vec::new(),
            free: Vec::new(),
            spare: Vec::new(),
            cursors: Vec::new(),
            merged: None,
            resetting: None,
            keys: Keys::new(),
            accs: Vec::new(),
            free_accs: Vec::new(),
            spans: Spans::new(),
        }
    }

    #[allow(clippy::expect_used, reason = "states the invariant")]
    fn table(&mut self, id: TableId) -> &mut Table<G::Key, G::Acc> {
        self.tables[id.0 as usize]
            .as_mut()
            .expect("the policy names open tables only")
    }

    fn recycle(&mut self, mut table: Table<G::Key, G::Acc>) {
        table.clear();
        if self.spare.len() < 8 {
            self.spare.push(table);
        }
    }

    /// Fills the scratch table with all parts.
    fn merge_parts(&mut self, parts: &[TableId]) {
        let mut into = self.spare.pop().unwrap_or_else(Table::new);
        for id in parts {
            let Some(part) = &self.tables[id.0 as usize] else {
                continue;
            };
            for Entry { key, acc } in &part.entries {
                let before = into.entries.len();
                let slot = into.slot(stable_hash(key), key.clone(), || acc.clone());
                if slot < before {
                    self.gather.merge(&mut into.entries[slot].acc, acc.clone());
                }
            }
        }
        self.merged = Some(into);
    }
}

/// Emits entries from the end of `table` until it is empty or the output is full: the order of
/// keys means nothing, and what is emitted is gone, so no cursor is needed.
fn drain_table<G: Gather>(
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

/// Gives what `emit` appends the metadata of `stamp`.
pub(super) fn stamped(
    out: &mut dyn ErasedBatch,
    stamp: &Stamp,
    emit: impl FnOnce(&mut dyn ErasedBatch),
) {
    let before = out.len();
    emit(out);
    let more = out.len() - before;
    let meta = out.meta_mut();
    let mut row = crate::batch::Meta::default();
    row.set_timestamp(stamp.timestamp);
    row.windows = crate::batch::Col::Uniform(stamp.window);
    row.panes = crate::batch::Col::Uniform(stamp.pane);
    if more > 0 {
        meta.append(before, &row, more);
    }
}

impl<G: Gather> GroupStore for TableStore<G> {
    fn open(&mut self) -> TableId {
        let table = self.spare.pop().unwrap_or_else(Table::new);
        match self.free.pop() {
            Some(id) => {
                self.tables[id as usize] = Some(table);
                self.cursors[id as usize] = 0;
                TableId(id)
            }
            None => {
                self.tables.push(Some(table));
                self.cursors.push(0);
                TableId(self.tables.len() as u32 - 1)
            }
        }
    }

    fn close(&mut self, id: TableId) {
        if let Some(table) = self.tables[id.0 as usize].take() {
            self.recycle(table);
            self.free.push(id.0);
        }
    }

    fn len(&self, id: TableId) -> usize {
        self.tables[id.0 as usize]
            .as_ref()
            .map_or(0, |t| t.entries.len())
    }

    fn upsert(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        runs: &[Run],
        ids: &[TableId],
        slots: Option<&mut Vec<Slot>>,
    ) -> Result<()> {
        let target = Target {
            runs,
            ids,
            tables: &mut self.tables,
        };
        self.feeds[port].upsert(&self.gather, input, target, slots);
        Ok(())
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
        let mut flow = Flow::Done;
        match (parts, after) {
            ([one], After::Close) => {
                let table = self.table(*one);
                stamped(out, stamp, |out| {
                    flow = drain_table(&*gather, table, which, out)
                });
                if flow == Flow::Done {
                    self.table(*one).clear();
                }
            }
            _ => {
                if self.merged.is_none() {
                    self.merge_parts(parts);
                    if after == After::Reset {
                        // At once: what is added while the emission is open is not of its pane.
                        parts.iter().for_each(|id| self.table(*id).clear());
                        self.resetting = parts.first().copied();
                    }
                }
                if let Some(mut table) = self.merged.take() {
                    stamped(out, stamp, |out| {
                        flow = drain_table(&*gather, &mut table, which, out)
                    });
                    match flow {
                        Flow::Done => {
                            self.resetting = None;
                            self.recycle(table);
                        }
                        Flow::Yield => self.merged = Some(table),
                    }
                }
            }
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
        let table = self.table(id);
        let out = typed::<G::Out>(out);
        while let Some(firing) = firings.get(*from) {
            if out.len() >= batch_len::<G::Out>() {
                return Ok(Flow::Yield);
            }
            let Entry { key, acc } = &mut table.entries[firing.slot as usize];
            let empty;
            let shown = match firing.acc {
                Some(_) => &*acc,
                None => {
                    empty = gather.create();
                    &empty
                }
            };
            emit_row(out, &firing.stamp, |emit| {
                gather.emit_ref(key, shown, &mut |v| emit(v))
            });
            if firing.after != After::Keep {
                *acc = gather.create();
            }
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
        self.feeds[port].resolve(input, &mut |key| keys.slot(key), slots);
        Ok(())
    }

    fn new_acc(&mut self) -> Result<AccId> {
        let acc = Some(self.gather.create());
        Ok(AccId(match self.free_accs.pop() {
            Some(id) => {
                self.accs[id as usize] = acc;
                id
            }
            None => {
                self.accs.push(acc);
                self.accs.len() as u32 - 1
            }
        }))
    }

    fn accumulate(&mut self, port: Port, input: &mut dyn ErasedBatch, ops: &[AccOp]) -> Result<()> {
        self.feeds[port].accumulate(&self.gather, input, ops, &mut self.accs);
        Ok(())
    }

    fn merge_acc(&mut self, into: AccId, from: AccId) -> Result<()> {
        let from_acc = self.accs[from.0 as usize].take();
        self.free_accs.push(from.0);
        if let (Some(into), Some(from)) = (&mut self.accs[into.0 as usize], from_acc) {
            self.gather.merge(into, from);
        }
        Ok(())
    }

    fn free_acc(&mut self, acc: AccId) {
        if self.accs[acc.0 as usize].take().is_some() {
            self.free_accs.push(acc.0);
        }
    }

    fn emit_accs(
        &mut self,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        let out = typed::<G::Out>(out);
        while let Some(firing) = firings.get(*from) {
            if out.len() >= batch_len::<G::Out>() {
                return Ok(Flow::Yield);
            }
            let Some(key) = self.keys.get(firing.slot) else {
                return Err(Error::internal("a pane fired for a key that was evicted"));
            };
            let gather = &*self.gather;
            let place = firing.acc.and_then(|acc| self.accs.get_mut(acc.0 as usize));
            match (place, firing.after) {
                (Some(Some(acc)), After::Keep) => {
                    emit_row(out, &firing.stamp, |emit| {
                        gather.emit_ref(key, acc, &mut |v| emit(v))
                    });
                }
                (place, after) => {
                    let taken = place
                        .and_then(Option::take)
                        .unwrap_or_else(|| gather.create());
                    emit_row(out, &firing.stamp, |emit| {
                        gather.emit(key.clone(), taken, &mut |v| emit(v))
                    });
                    match (firing.acc, after) {
                        (Some(acc), After::Close) => self.free_accs.push(acc.0),
                        (Some(acc), _) => self.accs[acc.0 as usize] = Some(gather.create()),
                        (None, _) => {}
                    }
                }
            }
            *from += 1;
        }
        Ok(Flow::Done)
    }

    fn evict(&mut self, slots: &[Slot]) {
        slots.iter().for_each(|&slot| self.keys.evict(slot));
    }

    fn save_key(&mut self, slot: Slot, groups: u16, to: &mut Vec<u8>) -> Result<KeyGroup> {
        let key = self
            .keys
            .get(slot)
            .ok_or_else(|| Error::internal("saving an evicted key"))?;
        element::encode(key, to)?;
        Ok(KeyGroup::of(stable_hash(key), groups))
    }

    fn load_key(&mut self, from: &mut &[u8]) -> Result<Slot> {
        let key: G::Key = element::decode(from)?;
        Ok(self.keys.slot(&key))
    }

    fn save_acc(&mut self, acc: AccId, to: &mut Vec<u8>) -> Result<()> {
        match &self.accs[acc.0 as usize] {
            Some(acc) => element::encode(acc, to),
            None => Err(Error::internal("saving a freed accumulator")),
        }
    }

    fn load_acc(&mut self, from: &mut &[u8]) -> Result<AccId> {
        let acc: G::Acc = element::decode(from)?;
        let id = self.new_acc()?;
        self.accs[id.0 as usize] = Some(acc);
        Ok(id)
    }

    fn save_table(
        &mut self,
        id: TableId,
        groups: u16,
        each: &mut dyn FnMut(KeyGroup, Slot, &[u8]),
    ) -> Result<()> {
        let mut bytes = Vec::new();
        let pending = self.merged.take_if(|_| self.resetting == Some(id));
        let owed = pending.iter().flat_map(|table| &table.entries);
        let entries = self.table(id).entries.iter().chain(owed);
        for (slot, Entry { key, acc }) in entries.enumerate() {
            bytes.clear();
            element::encode(key, &mut bytes)?;
            element::encode(acc, &mut bytes)?;
            each(KeyGroup::of(stable_hash(key), groups), slot as Slot, &bytes);
        }
        if pending.is_some() {
            self.merged = pending;
        }
        Ok(())
    }

    fn load_entry(&mut self, id: TableId, from: &mut &[u8]) -> Result<Slot> {
        let key: G::Key = element::decode(from)?;
        let acc: G::Acc = element::decode(from)?;
        let gather = Arc::clone(&self.gather);
        let table = self.table(id);
        let slot = table.slot(stable_hash(&key), key, || gather.create());
        gather.merge(&mut table.entries[slot].acc, acc);
        Ok(slot as Slot)
    }

    fn bytes(&self) -> usize {
        let tables: usize = self
            .tables
            .iter()
            .flatten()
            .chain(&self.spare)
            .map(Table::bytes)
            .sum();
        tables
            + self.spans.bytes()
            + self.keys.bytes()
            + self.accs.capacity() * size_of::<Option<G::Acc>>()
    }
}

/// Gives each value that `emit` is told of the metadata of `stamp`.
pub(super) fn emit_row<T: element::Element>(
    out: &mut Batch<T>,
    stamp: &Stamp,
    emit: impl FnOnce(&mut dyn FnMut(T)),
) {
    emit(&mut |value| out.push(value, stamp.timestamp, stamp.window, stamp.pane));
}
