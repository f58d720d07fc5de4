//! `TableStore`: the fast store, typed tables in memory.
//!
//! Owns tables, keys and accumulators of one grouping. See the trait for the protocol.

mod emission;
mod spans;

use super::feed::{ErasedFeed, Target};
use super::keys::Keys;
use super::ring::{Place, Ring, Showing, columns_of};
use super::table::Table;
use super::{AccId, AccOp, After, Beside, Firing, GroupStore, Run, Slot, Stamp, TableId, Which};
use crate::batch::{Batch, batch_len};
use crate::element::{self, Key};
use crate::erase::batch::{ErasedBatch, typed};
use crate::erase::gather::Gather;
use crate::erase::step::{Flow, Port};
use crate::error::{Error, Result};
use crate::hash::{KeyGroup, stable_hash};
use crate::snapshot::RecordsUnder;
use emission::drain_table;
pub(super) use spans::Spans;
use std::sync::Arc;

/// Typed tables in memory.
pub(crate) struct TableStore<G: Gather> {
    gather: Arc<G>,
    feeds: Vec<Arc<dyn ErasedFeed<G>>>,
    places: Vec<Option<Place<G::Key, G::Acc>>>,
    /// The tables that `open_slice` made, as far as they share an index.
    ring: Ring<G::Key, G::Acc>,
    /// Ids of closed tables.
    free: Vec<u32>,
    /// Emptied tables, their memory kept for the next window.
    spare: Vec<Table<G::Key, G::Acc>>,
    /// The emission that passes over the ring, until something is to change there.
    showing: Option<Showing>,
    /// Parts of any other emission merged, while it is under way.
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
            self.places.len() - self.free.len()
        )
    }
}

impl<G: Gather> TableStore<G> {
    pub(crate) fn new(gather: Arc<G>, feeds: Vec<Arc<dyn ErasedFeed<G>>>) -> Self {
        TableStore {
            gather,
            feeds,
            places: Vec::new(),
            ring: Ring::new(),
            free: Vec::new(),
            spare: Vec::new(),
            showing: None,
            merged: None,
            resetting: None,
            keys: Keys::new(),
            accs: Vec::new(),
            free_accs: Vec::new(),
            spans: Spans::new(),
        }
    }

    #[allow(clippy::expect_used, reason = "states the invariant")]
    fn place(&mut self, id: TableId) -> &mut Place<G::Key, G::Acc> {
        self.places[id.0 as usize]
            .as_mut()
            .expect("the policy names open tables only")
    }

    fn open_at(&mut self, place: Place<G::Key, G::Acc>) -> TableId {
        match self.free.pop() {
            Some(id) => {
                self.places[id as usize] = Some(place);
                TableId(id)
            }
            None => {
                self.places.push(Some(place));
                TableId(self.places.len() as u32 - 1)
            }
        }
    }

    fn recycle(&mut self, mut table: Table<G::Key, G::Acc>) {
        table.clear();
        if self.spare.len() < 8 {
            self.spare.push(table);
        }
    }

    /// Empties a table.
    fn clear(&mut self, id: TableId) {
        match self.place(id) {
            Place::Own(table) => table.clear(),
            Place::Column(column) => {
                let column = *column;
                let gather = Arc::clone(&self.gather);
                self.ring.clear(column, || gather.create());
            }
        }
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
        self.open_at(Place::Own(table))
    }

    fn open_slice(&mut self, most: usize) -> TableId {
        let gather = &*self.gather;
        if Ring::<G::Key, G::Acc>::suits()
            && let Some(column) = self.ring.open(most, || gather.create())
        {
            return self.open_at(Place::Column(column));
        }
        self.open()
    }

    fn close(&mut self, id: TableId) {
        match self.places[id.0 as usize].take() {
            Some(Place::Own(table)) => self.recycle(table),
            Some(Place::Column(column)) => {
                self.settle();
                let gather = Arc::clone(&self.gather);
                self.ring.close(column, || gather.create());
            }
            None => return,
        }
        self.free.push(id.0);
    }

    fn len(&self, id: TableId) -> usize {
        match &self.places[id.0 as usize] {
            Some(Place::Own(table)) => table.entries.len(),
            Some(Place::Column(column)) => self.ring.len(*column),
            None => 0,
        }
    }

    fn upsert(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        runs: &[Run],
        ids: &[TableId],
        slots: Option<&mut Vec<Slot>>,
    ) -> Result<()> {
        self.settle();
        let target = Target {
            runs,
            ids,
            places: &mut self.places,
            ring: &mut self.ring,
        };
        self.feeds[port].upsert(&self.gather, input, target, slots);
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
        let (places, ring) = (&self.places, &self.ring);
        let (mut runs, mut row) = (runs.iter().peekable(), 0);
        self.feeds[port].keys(input, &mut |key| {
            while runs.next_if(|run| run.upto <= row).is_some() {}
            row += 1;
            let Some(run) = runs.peek() else { return };
            let hash = stable_hash(key);
            for id in &ids[run.first as usize..(run.first + run.n) as usize] {
                slots.push(match &places[id.0 as usize] {
                    Some(Place::Own(table)) => table.find(hash, key),
                    Some(Place::Column(column)) => ring.find(*column, hash, key),
                    None => None,
                });
            }
        });
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
        let mut flow = Flow::Done;
        if let ([one], After::Close) = (parts, after) {
            let gather = Arc::clone(&self.gather);
            match self.place(*one) {
                Place::Own(table) => {
                    stamped(out, stamp, |out| {
                        flow = drain_table(&*gather, table, which, out)
                    });
                    if flow == Flow::Done {
                        table.clear();
                    }
                }
                Place::Column(column) => {
                    let column = *column;
                    stamped(out, stamp, |out| {
                        flow = self.drain_column(column, which, out)
                    });
                }
            }
            return Ok(flow);
        }
        if self.merged.is_none() && self.showing.is_none() {
            match columns_of(&self.places, parts) {
                Some(columns) if after != After::Reset => {
                    self.showing = Some(Showing { columns, from: 0 });
                }
                _ => self.merge_parts(parts),
            }
            if after == After::Reset {
                // At once: what is added while the emission is open is not of its pane.
                parts.iter().for_each(|id| self.clear(*id));
                self.resetting = parts.first().copied();
            }
        }
        stamped(out, stamp, |out| match &mut self.showing {
            Some(showing) => {
                flow = self.ring.show(&*self.gather, showing, which, out);
                if flow == Flow::Done {
                    self.showing = None;
                }
            }
            None => flow = self.drain_merged(which, out),
        });
        Ok(flow)
    }

    fn emit_slots(
        &mut self,
        id: TableId,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        self.settle();
        let gather = &*self.gather;
        let place = &mut self.places[id.0 as usize];
        let out = typed::<G::Out>(out);
        while let Some(firing) = firings.get(*from) {
            if out.len() >= batch_len::<G::Out>() {
                return Ok(Flow::Yield);
            }
            let (key, acc) = match place {
                Some(Place::Own(table)) => {
                    let entry = &mut table.entries[firing.slot as usize];
                    (&entry.key, &mut entry.acc)
                }
                Some(Place::Column(column)) => self.ring.entry_mut(*column, firing.slot as usize),
                None => return Err(Error::internal("a pane fired in a closed table")),
            };
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
        self.feeds[port].keys(input, &mut |key| slots.push(keys.slot(key)));
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
        beside: Option<&Beside<'_>>,
        to: &mut RecordsUnder<'_>,
    ) -> Result<()> {
        let mut saving = Saving::of(id, beside, to);
        let slots = match &self.places[id.0 as usize] {
            Some(Place::Own(Table { entries, .. })) => {
                let mut all = entries.iter().enumerate();
                all.try_for_each(|(slot, e)| saving.save(slot, &e.key, &e.acc))?;
                entries.len()
            }
            Some(Place::Column(column)) => {
                let mut all = self.ring.column(*column);
                all.try_for_each(|(slot, key, acc)| saving.save(slot, key, acc))?;
                self.ring.slots()
            }
            None => return Err(Error::internal("saving a closed table")),
        };
        let pending = self.merged.iter().filter(|_| self.resetting == Some(id));
        let mut owed = pending.flat_map(|table| &table.entries).enumerate();
        owed.try_for_each(|(i, e)| saving.save(slots + i, &e.key, &e.acc))
    }

    fn save_slots(
        &mut self,
        id: TableId,
        slots: &[Slot],
        beside: Option<&Beside<'_>>,
        to: &mut RecordsUnder<'_>,
    ) -> Result<()> {
        let place = &mut self.places[id.0 as usize];
        if let (Some(Place::Own(Table { entries, .. })), None) = (&place, beside)
            && to.copy(slots.iter().map(|&slot| entries[slot as usize].pair()))
        {
            return Ok(());
        }
        let mut saving = Saving::of(id, beside, to);
        let mut slots = slots.iter().map(|&slot| slot as usize);
        match place {
            Some(Place::Own(Table { entries, .. })) => {
                slots.try_for_each(|slot| saving.save(slot, &entries[slot].key, &entries[slot].acc))
            }
            Some(Place::Column(column)) => slots.try_for_each(|slot| {
                let (key, acc) = self.ring.entry_mut(*column, slot);
                saving.save(slot, key, acc)
            }),
            None => Err(Error::internal("saving a closed table")),
        }
    }

    fn load_entry(&mut self, id: TableId, from: &mut &[u8]) -> Result<Slot> {
        let key: G::Key = element::decode(from)?;
        let acc: G::Acc = element::decode(from)?;
        self.settle();
        let gather = &*self.gather;
        let hash = stable_hash(&key);
        let slot = match &mut self.places[id.0 as usize] {
            Some(Place::Own(table)) => {
                let slot = table.slot(hash, key, || gather.create());
                gather.merge(&mut table.entries[slot].acc, acc);
                slot
            }
            Some(Place::Column(column)) => self.ring.merge(gather, *column, key, acc),
            None => return Err(Error::internal("loading into a closed table")),
        };
        Ok(slot as Slot)
    }

    fn bytes(&self) -> usize {
        let own = self
            .places
            .iter()
            .flatten()
            .filter_map(|place| match place {
                Place::Own(table) => Some(table),
                Place::Column(_) => None,
            });
        let tables: usize = own.chain(&self.spare).map(Table::bytes).sum();
        tables
            + self.ring.bytes()
            + self.spans.bytes()
            + self.keys.bytes()
            + self.accs.capacity() * size_of::<Option<G::Acc>>()
    }
}

/// Adds the records of a table's entries.
struct Saving<'a, 'r> {
    id: TableId,
    beside: Option<&'a Beside<'a>>,
    rest: Vec<u8>,
    to: &'a mut RecordsUnder<'r>,
}

impl<'a, 'r> Saving<'a, 'r> {
    fn of(id: TableId, beside: Option<&'a Beside<'a>>, to: &'a mut RecordsUnder<'r>) -> Self {
        Saving {
            id,
            beside,
            rest: Vec::new(),
            to,
        }
    }

    fn save<K: Key, A: element::Element>(&mut self, slot: usize, key: &K, acc: &A) -> Result<()> {
        self.rest.clear();
        if let Some(beside) = self.beside {
            beside(self.id, slot as Slot, &mut self.rest)?;
        }
        self.to.push(key, acc, &self.rest)
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
