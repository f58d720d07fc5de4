//! Sequences of encoded records over pages: window tables and accumulators.
//!
//! Owns numbering: which page holds record `n`, the slots of keys, the free list of accumulators.
//! Untyped: what the bytes mean is `SlowStore`'s. Invariant: records of two sequences never share
//! a page, so a sequence is dropped without reading it.

use super::pages::{PAGE_RECORDS, PageId, Pages};
use crate::erase::store::Slot;
use crate::error::Result;
use std::collections::BTreeMap;

/// Records numbered from 0.
#[derive(Debug, Default)]
struct Records {
    pages: Vec<PageId>,
    len: usize,
}

impl Records {
    fn push(&mut self, pages: &mut Pages, bytes: Vec<u8>) -> Result<u32> {
        if self.len == self.pages.len() * PAGE_RECORDS {
            self.pages.push(pages.add());
        }
        pages
            .change(self.pages[self.len / PAGE_RECORDS])?
            .push(bytes);
        self.len += 1;
        Ok(self.len as u32 - 1)
    }

    fn get<'p>(&self, pages: &'p mut Pages, at: u32) -> Result<&'p [u8]> {
        let at = at as usize;
        let page = pages.read(self.pages[at / PAGE_RECORDS])?;
        Ok(&page[at % PAGE_RECORDS])
    }

    fn set(&mut self, pages: &mut Pages, at: u32, bytes: Vec<u8>) -> Result<()> {
        let at = at as usize;
        pages.change(self.pages[at / PAGE_RECORDS])?[at % PAGE_RECORDS] = bytes;
        Ok(())
    }

    fn pop(&mut self, pages: &mut Pages) -> Result<Option<Vec<u8>>> {
        let Some(page) = self.pages.last().copied() else {
            return Ok(None);
        };
        let record = pages.change(page)?.pop();
        self.len -= 1;
        if self.len.is_multiple_of(PAGE_RECORDS) {
            self.pages.pop();
            pages.remove(page);
        }
        Ok(record)
    }

    fn clear(&mut self, pages: &mut Pages) {
        self.pages.drain(..).for_each(|page| pages.remove(page));
        self.len = 0;
    }
}

/// One window table. A record is a key's encoding followed by its accumulator's.
#[derive(Debug, Default)]
pub(super) struct SlowTable {
    /// Slots by encoded key.
    index: BTreeMap<Vec<u8>, Slot>,
    records: Records,
}

impl SlowTable {
    pub(super) fn len(&self) -> usize {
        self.records.len
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<Slot> {
        self.index.get(key).copied()
    }

    /// Adds a record whose first `key_len` bytes are a key that is not there yet.
    pub(super) fn insert(
        &mut self,
        pages: &mut Pages,
        record: Vec<u8>,
        key_len: usize,
    ) -> Result<Slot> {
        let key = record[..key_len].to_vec();
        let slot = self.records.push(pages, record)?;
        self.index.insert(key, slot);
        Ok(slot)
    }

    pub(super) fn get<'p>(&self, pages: &'p mut Pages, slot: Slot) -> Result<&'p [u8]> {
        self.records.get(pages, slot)
    }

    pub(super) fn set(&mut self, pages: &mut Pages, slot: Slot, record: Vec<u8>) -> Result<()> {
        self.records.set(pages, slot, record)
    }

    /// Takes the last record out; the caller, who can tell the key from the rest, then calls
    /// `forget`.
    pub(super) fn pop(&mut self, pages: &mut Pages) -> Result<Option<Vec<u8>>> {
        self.records.pop(pages)
    }

    pub(super) fn forget(&mut self, key: &[u8]) {
        self.index.remove(key);
    }

    pub(super) fn clear(&mut self, pages: &mut Pages) {
        self.index.clear();
        self.records.clear(pages);
    }

    /// Bytes of the index, about.
    pub(super) fn bytes(&self) -> usize {
        index_bytes(self.index.keys().map(Vec::len))
    }
}

/// Keys of the accumulator protocol, all in memory.
#[derive(Debug, Default)]
pub(super) struct SlowKeys {
    index: BTreeMap<Vec<u8>, Slot>,
    keys: Vec<Option<Vec<u8>>>,
    free: Vec<Slot>,
}

impl SlowKeys {
    /// The slot of an encoded key, a new or reclaimed one if it has none.
    pub(super) fn slot(&mut self, key: Vec<u8>) -> Slot {
        if let Some(&slot) = self.index.get(&key) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.keys.push(None);
            self.keys.len() as Slot - 1
        });
        self.keys[slot as usize] = Some(key.clone());
        self.index.insert(key, slot);
        slot
    }

    /// The key at `slot`, unless it was evicted.
    pub(super) fn get(&self, slot: Slot) -> Option<&[u8]> {
        self.keys.get(slot as usize)?.as_deref()
    }

    pub(super) fn evict(&mut self, slot: Slot) {
        if let Some(key) = self.keys.get_mut(slot as usize).and_then(Option::take) {
            self.index.remove(&key);
            self.free.push(slot);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        2 * index_bytes(self.index.keys().map(Vec::len))
    }
}

/// Accumulators that belong to no table.
#[derive(Debug, Default)]
pub(super) struct SlowAccs {
    records: Records,
    live: Vec<bool>,
    free: Vec<u32>,
}

impl SlowAccs {
    pub(super) fn insert(&mut self, pages: &mut Pages, acc: Vec<u8>) -> Result<u32> {
        if let Some(&id) = self.free.last() {
            self.records.set(pages, id, acc)?;
            self.free.pop();
            self.live[id as usize] = true;
            return Ok(id);
        }
        let id = self.records.push(pages, acc)?;
        self.live.push(true);
        Ok(id)
    }

    /// The accumulator `id`, unless it was freed.
    pub(super) fn get<'p>(&self, pages: &'p mut Pages, id: u32) -> Result<Option<&'p [u8]>> {
        if !self.live.get(id as usize).is_some_and(|live| *live) {
            return Ok(None);
        }
        self.records.get(pages, id).map(Some)
    }

    pub(super) fn set(&mut self, pages: &mut Pages, id: u32, acc: Vec<u8>) -> Result<()> {
        self.records.set(pages, id, acc)
    }

    /// Its record is overwritten when the id is given out again.
    pub(super) fn free(&mut self, id: u32) {
        if std::mem::take(&mut self.live[id as usize]) {
            self.free.push(id);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.live.capacity() + self.free.capacity() * 4
    }
}

fn index_bytes(lens: impl Iterator<Item = usize>) -> usize {
    lens.map(|len| len + size_of::<(Vec<u8>, Slot)>()).sum()
}
