//! The window table: open addressing over a `u64` index, entries apart.
//!
//! Owns lookup and growth. Slots are stable: growth moves only the index. Nothing is ever removed
//! singly; a table is dropped whole when its window is done.

use crate::element::Key;

/// A key and what was gathered for it.
#[derive(Clone, Debug)]
pub(crate) struct Entry<K, A> {
    pub(super) key: K,
    pub(super) acc: A,
}

/// Keys and accumulators of one window.
#[derive(Debug)]
pub(crate) struct Table<K, A> {
    /// High half: high half of the hash. Low half: slot + 1; 0 = empty.
    index: Vec<u64>,
    mask: usize,
    pub(super) entries: Vec<Entry<K, A>>,
}

const TAG: u64 = 0xffff_ffff_0000_0000;
/// Below this many index bytes the index fits into the second-level cache and stays sparse.
const SPARSE_BYTES: usize = 256 * 1024;

impl<K: Key, A> Table<K, A> {
    pub(super) fn new() -> Self {
        Table {
            index: Vec::new(),
            mask: 0,
            entries: Vec::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.index.fill(0);
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
        let tag = hash & TAG;
        let mut at = (hash >> 32) as usize & self.mask;
        // An index of no entries is never probed: `get` fails and the first insert makes it.
        while let Some(&found) = self.index.get(at) {
            if found == 0 {
                break;
            }
            if found & TAG == tag {
                let slot = (found as u32 - 1) as usize;
                if self.entries[slot].key == key {
                    return slot;
                }
            }
            at = (at + 1) & self.mask;
        }
        self.insert(tag, at, Entry { key, acc: make() })
    }

    #[inline(never)]
    fn insert(&mut self, tag: u64, mut at: usize, entry: Entry<K, A>) -> usize {
        let slot = self.entries.len();
        if self.needs_growth() {
            self.grow();
            at = self.free_place(tag);
        }
        self.index[at] = tag | (slot as u64 + 1);
        self.entries.push(entry);
        slot
    }

    fn needs_growth(&self) -> bool {
        let per_entry = if self.index.len() * 8 <= SPARSE_BYTES {
            4
        } else {
            2
        };
        (self.entries.len() + 1) * per_entry > self.index.len()
    }

    fn free_place(&self, tag: u64) -> usize {
        let mut at = (tag >> 32) as usize & self.mask;
        while self.index[at] != 0 {
            at = (at + 1) & self.mask;
        }
        at
    }

    fn grow(&mut self) {
        let size = (self.index.len() * 2).max(64);
        let old = std::mem::replace(&mut self.index, vec![0; size]);
        self.mask = size - 1;
        for found in old.into_iter().filter(|&e| e != 0) {
            let at = self.free_place(found & TAG);
            self.index[at] = found;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.index.len() * 8 + self.entries.capacity() * size_of::<Entry<K, A>>()
    }
}
