//! The window table: an index and entries apart.
//!
//! Slots are stable: growth moves only the index. Nothing is ever removed singly; a table is
//! dropped whole when its window is done.

use super::Slot;
use super::index::Index;
use crate::element::Key;

/// Places of a grown index that are moved with each batch.
const PLACES_A_BATCH: usize = 4096;

/// A key and what was gathered for it.
#[derive(Clone, Debug)]
pub(crate) struct Entry<K, A> {
    pub(super) key: K,
    pub(super) acc: A,
}

impl<K: Clone, A: Clone> Entry<K, A> {
    pub(super) fn pair(&self) -> (K, A) {
        (self.key.clone(), self.acc.clone())
    }
}

/// Keys and accumulators of one window.
#[derive(Debug)]
pub(crate) struct Table<K, A> {
    index: Index,
    pub(super) entries: Vec<Entry<K, A>>,
}

impl<K: Key, A> Table<K, A> {
    pub(super) fn new() -> Self {
        Table {
            index: Index::in_pieces(),
            entries: Vec::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.index.clear();
    }

    /// Goes on with what growth has left to do: once a batch.
    #[inline(always)]
    pub(super) fn settle_some(&mut self) {
        self.index.move_some(PLACES_A_BATCH);
    }

    /// The slot of `key`, inserting `make()` for a new one.
    #[inline(always)]
    pub(super) fn slot(&mut self, hash: u64, key: K, make: impl FnOnce() -> A) -> usize {
        if size_of::<K>() == 0 {
            if self.entries.is_empty() {
                self.entries.push(Entry { key, acc: make() });
            }
            return 0;
        }
        match self.index.find(hash, |slot| self.entries[slot].key == key) {
            Ok(slot) => slot,
            Err(at) => self.insert(hash, at, Entry { key, acc: make() }),
        }
    }

    /// The same; better where the table [grows](Self::grows_with).
    #[inline(never)]
    pub(super) fn slot_growing(&mut self, hash: u64, key: K, make: impl FnOnce() -> A) -> usize {
        let found = self
            .index
            .find_growing(hash, |slot| self.entries[slot].key == key);
        match found {
            Ok(slot) => slot,
            Err(at) => self.insert(hash, at, Entry { key, acc: make() }),
        }
    }

    /// The index is moving to more places, or will be before so many keys are entered.
    pub(super) fn grows_with(&self, keys: usize) -> bool {
        self.index.grows_with(keys)
    }

    /// The slot of `key`, if it is there.
    pub(super) fn find(&self, hash: u64, key: &K) -> Option<Slot> {
        if size_of::<K>() == 0 {
            return (!self.entries.is_empty()).then_some(0);
        }
        let found = self
            .index
            .find_growing(hash, |slot| self.entries[slot].key == *key);
        found.ok().map(|slot| slot as Slot)
    }

    #[inline(never)]
    fn insert(&mut self, hash: u64, at: usize, entry: Entry<K, A>) -> usize {
        let slot = self.entries.len();
        self.index.enter(hash, at, slot);
        self.entries.push(entry);
        slot
    }

    pub(super) fn bytes(&self) -> usize {
        self.index.bytes() + self.entries.capacity() * size_of::<Entry<K, A>>()
    }
}
