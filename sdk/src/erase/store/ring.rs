//! The ring: tables of slices that share one index, each a column of accumulators.
//!
//! Owns the keys of all its columns, which of them hold each key, and the pass over the keys that
//! merges columns without looking a key up. Knows no windows; what a store does while such a pass
//! is open is `fast`'s. A slot is stable as long as any column holds its key: slots of keys that
//! no column holds are given out again.
//!
//! Only for accumulators that are small and own nothing ([`Ring::suits`]): a column has a place
//! for every key, used or not, and closing it drops nothing.

use super::index::Index;
use super::table::Table;
use super::{Slot, TableId, Which};
use crate::batch::batch_len;
use crate::element::{Element, Key};
use crate::erase::batch::{ErasedBatch, typed};
use crate::erase::gather::Gather;
use crate::erase::step::Flow;
use crate::hash::stable_hash;

/// Where a table's entries are.
#[derive(Debug)]
pub(crate) enum Place<K, A> {
    /// In a table of its own.
    Own(Table<K, A>),
    /// In this column of the ring.
    Column(Column),
}

/// The places of a fast store's tables, by id.
pub(crate) type Places<G> = [Option<Place<<G as Gather>::Key, <G as Gather>::Acc>>];

/// A column of the ring, by number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column(u32);

impl Column {
    pub(super) fn bit(self) -> u64 {
        1 << self.0
    }
}

/// A pass over columns under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Showing {
    /// Bits of the columns.
    pub(super) columns: u64,
    /// The first slot that was not shown.
    pub(super) from: usize,
}

/// Columns with their keys.
#[derive(Debug)]
pub(crate) struct Ring<K, A> {
    keys: RingKeys<K>,
    /// By number, then slot: as many as there are entries, of no values where the key's bit is not
    /// set.
    columns: Vec<Vec<A>>,
    taken: u64,
}

/// The keys of all columns.
#[derive(Debug)]
pub(super) struct RingKeys<K> {
    index: Index,
    entries: Vec<Keyed<K>>,
    /// Slots of entries that are not in the index.
    free: Vec<Slot>,
}

#[derive(Debug)]
struct Keyed<K> {
    key: K,
    /// Bits of the columns that hold the key.
    columns: u64,
}

/// Most bytes of an accumulator in a column.
const SMALL: usize = 32;
/// With fewer keys it never pays to forget those that no column holds.
const FEW: usize = 64;

impl<K: Key> RingKeys<K> {
    /// A slot for `key`, whose place is `at`.
    fn insert(&mut self, hash: u64, at: usize, key: K) -> usize {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize].key = key;
                slot as usize
            }
            None => {
                self.entries.push(Keyed { key, columns: 0 });
                self.entries.len() - 1
            }
        };
        self.index.enter(hash, at, slot);
        slot
    }

    /// Takes all keys out of the column of `bit`.
    fn unmark(&mut self, bit: u64) {
        let mut held = 0;
        for entry in &mut self.entries {
            entry.columns &= !bit;
            held += usize::from(entry.columns != 0);
        }
        if self.index.len() > FEW.max(held * 2) {
            self.forget();
        }
    }

    /// Frees the slots of keys that no column holds.
    fn forget(&mut self) {
        let used = self.entries.iter().rposition(|entry| entry.columns != 0);
        self.entries.truncate(used.map_or(0, |slot| slot + 1));
        self.index.clear();
        self.free.clear();
        // The lowest slot is given out first: the end is then cut off sooner.
        for (slot, entry) in self.entries.iter().enumerate().rev() {
            if entry.columns == 0 {
                self.free.push(slot as Slot);
            } else {
                self.index.enter_new(stable_hash(&entry.key), slot);
            }
        }
    }
}

impl<K: Key, A: Element> Ring<K, A> {
    /// True if columns suit these keys and accumulators.
    pub(super) const fn suits() -> bool {
        size_of::<K>() > 0 && size_of::<A>() <= SMALL && !std::mem::needs_drop::<A>()
    }

    pub(super) fn new() -> Self {
        Ring {
            keys: RingKeys {
                index: Index::new(),
                entries: Vec::new(),
                free: Vec::new(),
            },
            columns: Vec::new(),
            taken: 0,
        }
    }

    /// A column of no keys, unless `most` are taken or `most` is more than there can be: a table
    /// beside the ring costs its emission more than the ring saves.
    pub(super) fn open(&mut self, most: usize, create: impl Fn() -> A) -> Option<Column> {
        let number = self.taken.trailing_ones();
        if number as usize >= most || most > 64 {
            return None;
        }
        if number as usize == self.columns.len() {
            let accs = self.keys.entries.iter().map(|_| create()).collect();
            self.columns.push(accs);
        }
        self.taken |= 1 << number;
        Some(Column(number))
    }

    pub(super) fn close(&mut self, column: Column, create: impl Fn() -> A) {
        self.clear(column, create);
        self.taken &= !column.bit();
    }

    /// Empties a column.
    pub(super) fn clear(&mut self, column: Column, create: impl Fn() -> A) {
        self.columns[column.0 as usize].fill_with(create);
        self.keys.unmark(column.bit());
        let slots = self.keys.entries.len();
        for accs in &mut self.columns {
            accs.truncate(slots);
        }
    }

    /// Adds values to a column, each to the accumulator of its key.
    #[inline(always)]
    pub(super) fn add_all<V>(
        &mut self,
        column: Column,
        mut items: impl Iterator<Item = (K, V)>,
        create: impl Fn() -> A,
        mut add: impl FnMut(usize, &mut A, V),
    ) {
        let mut first = items.next();
        while let Some((key, value)) = first {
            let slot = self.slot(key, &create);
            self.keys.entries[slot].columns |= column.bit();
            add(slot, &mut self.columns[column.0 as usize][slot], value);
            first = self.add_known(column, &mut items, &mut add);
        }
    }

    /// Adds values as long as their keys are known; the first whose key is not.
    ///
    /// Nothing in this loop can move an entry, so that all addresses stay in registers.
    #[inline(always)]
    fn add_known<V>(
        &mut self,
        column: Column,
        items: &mut impl Iterator<Item = (K, V)>,
        add: &mut impl FnMut(usize, &mut A, V),
    ) -> Option<(K, V)> {
        let accs = &mut self.columns[column.0 as usize][..];
        let entries = &mut self.keys.entries[..accs.len()];
        let index = self.keys.index.probes()?;
        for (key, value) in items {
            let known = index.find(stable_hash(&key), |slot| match entries.get(slot) {
                Some(entry) => entry.key == key,
                None => false,
            });
            let Some(slot) = known else {
                return Some((key, value));
            };
            entries[slot].columns |= column.bit();
            add(slot, &mut accs[slot], value);
        }
        None
    }

    /// The slot of a key that may not have been there, in no column if it was not.
    #[inline(never)]
    fn slot(&mut self, key: K, create: &impl Fn() -> A) -> usize {
        let hash = stable_hash(&key);
        let entries = &self.keys.entries;
        match self.keys.index.find(hash, |slot| entries[slot].key == key) {
            Ok(slot) => slot,
            Err(at) => {
                let slot = self.keys.insert(hash, at, key);
                let slots = self.keys.entries.len();
                for accs in &mut self.columns {
                    accs.resize_with(slots, create);
                }
                slot
            }
        }
    }

    /// The slot of `key`, if the column holds it.
    pub(super) fn find(&self, column: Column, hash: u64, key: &K) -> Option<Slot> {
        let entries = &self.keys.entries;
        let found = self.keys.index.find(hash, |slot| entries[slot].key == *key);
        let held = |slot: &usize| entries[*slot].columns & column.bit() != 0;
        found.ok().filter(held).map(|slot| slot as Slot)
    }

    /// Merges `acc` into what a column holds of `key`.
    pub(super) fn merge<G>(&mut self, gather: &G, column: Column, key: K, acc: A) -> usize
    where
        G: Gather<Key = K, Acc = A>,
    {
        let slot = self.slot(key, &|| gather.create());
        self.keys.entries[slot].columns |= column.bit();
        gather.merge(&mut self.columns[column.0 as usize][slot], acc);
        slot
    }

    pub(super) fn len(&self, column: Column) -> usize {
        self.column(column).count()
    }

    /// One past the greatest slot.
    pub(super) fn slots(&self) -> usize {
        self.keys.entries.len()
    }

    /// Slots, keys and accumulators of a column.
    pub(super) fn column(&self, column: Column) -> impl Iterator<Item = (usize, &K, &A)> {
        let accs = &self.columns[column.0 as usize];
        let entries = self.keys.entries.iter().enumerate();
        entries
            .filter(move |(_, entry)| entry.columns & column.bit() != 0)
            .map(|(slot, entry)| (slot, &entry.key, &accs[slot]))
    }

    /// Key and accumulator of a slot in a column.
    pub(super) fn entry_mut(&mut self, column: Column, slot: usize) -> (&K, &mut A) {
        let acc = &mut self.columns[column.0 as usize][slot];
        (&self.keys.entries[slot].key, acc)
    }

    /// What the columns of `wanted` hold of a slot, merged.
    #[inline(always)]
    fn merged<G>(&self, gather: &G, slot: usize, wanted: u64) -> Option<(&K, A)>
    where
        G: Gather<Key = K, Acc = A>,
    {
        let entry = &self.keys.entries[slot];
        let mut left = entry.columns & wanted;
        if left == 0 {
            return None;
        }
        let mut acc = self.columns[left.trailing_zeros() as usize][slot].clone();
        left &= left - 1;
        while left != 0 {
            let more = &self.columns[left.trailing_zeros() as usize][slot];
            gather.merge(&mut acc, more.clone());
            left &= left - 1;
        }
        Some((&entry.key, acc))
    }

    /// Emits keys in the columns of `showing`, from where it stands until all are emitted or the
    /// output is full.
    pub(super) fn show<G>(
        &self,
        gather: &G,
        showing: &mut Showing,
        which: Which,
        out: &mut dyn ErasedBatch,
    ) -> Flow
    where
        G: Gather<Key = K, Acc = A>,
    {
        match which {
            Which::Outputs => {
                let out = typed::<G::Out>(out).owned_mut();
                let limit = batch_len::<G::Out>();
                self.pass(gather, showing, |key, acc| {
                    gather.emit(key.clone(), acc, &mut |value| out.push(value));
                    out.len() < limit
                })
            }
            Which::Partials => {
                let out = typed::<(G::Key, G::Acc)>(out).owned_mut();
                let limit = batch_len::<(G::Key, G::Acc)>();
                self.pass(gather, showing, |key, acc| {
                    out.push((key.clone(), acc));
                    out.len() < limit
                })
            }
        }
    }

    /// Calls `take` for merged keys until it has no room for another.
    #[inline(always)]
    pub(super) fn pass<G>(
        &self,
        gather: &G,
        showing: &mut Showing,
        mut take: impl FnMut(&K, A) -> bool,
    ) -> Flow
    where
        G: Gather<Key = K, Acc = A>,
    {
        for slot in showing.from..self.keys.entries.len() {
            if let Some((key, acc)) = self.merged(gather, slot, showing.columns)
                && !take(key, acc)
            {
                showing.from = slot + 1;
                return Flow::Yield;
            }
        }
        showing.from = self.keys.entries.len();
        Flow::Done
    }

    /// Takes the keys of slots below `upto` out of a column.
    pub(super) fn drop_until(&mut self, column: Column, upto: usize, create: impl Fn() -> A) {
        for entry in &mut self.keys.entries[..upto] {
            entry.columns &= !column.bit();
        }
        self.columns[column.0 as usize][..upto].fill_with(create);
    }

    pub(super) fn bytes(&self) -> usize {
        let accs: usize = self.columns.iter().map(Vec::capacity).sum();
        self.keys.index.bytes()
            + self.keys.entries.capacity() * size_of::<Keyed<K>>()
            + self.keys.free.capacity() * size_of::<Slot>()
            + accs * size_of::<A>()
    }
}

/// The columns of `parts`, as bits; nothing if one of them is a table of its own.
pub(super) fn columns_of<K, A>(places: &[Option<Place<K, A>>], parts: &[TableId]) -> Option<u64> {
    let bits = parts.iter().map(|id| match places[id.0 as usize] {
        Some(Place::Column(column)) => Some(column.bit()),
        _ => None,
    });
    bits.reduce(|a, b| Some(a? | b?)).flatten()
}
