//! The key table of the accumulator protocol: keys to slots, with eviction.
//!
//! Owns slots that are reclaimed; what lives at a slot is the caller's.

use crate::element::Key;
use crate::hash::stable_hash;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys and their slots.
#[derive(Debug)]
pub(super) struct Keys<K> {
    slots: std::collections::HashMap<Hashed<K>, u32, BuildHasherDefault<Ready>>,
    keys: Vec<Option<K>>,
    free: Vec<u32>,
}

/// A key beside its stable hash, so that it is computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hashed<K> {
    hash: u64,
    key: K,
}

impl<K> std::hash::Hash for Hashed<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Takes a hash that is ready.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only ready hashes are written");
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl<K: Key> Keys<K> {
    pub(super) fn new() -> Self {
        Keys {
            slots: Default::default(),
            keys: Vec::new(),
            free: Vec::new(),
        }
    }

    /// The slot of `key`, a new or reclaimed one if it has none.
    pub(super) fn slot(&mut self, key: &K) -> u32 {
        let hashed = Hashed {
            hash: stable_hash(key),
            key: key.clone(),
        };
        if let Some(&slot) = self.slots.get(&hashed) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.keys.push(None);
            self.keys.len() as u32 - 1
        });
        self.keys[slot as usize] = Some(key.clone());
        self.slots.insert(hashed, slot);
        slot
    }

    /// The key at `slot`, unless it was evicted.
    pub(super) fn get(&self, slot: u32) -> Option<&K> {
        self.keys.get(slot as usize)?.as_ref()
    }

    pub(super) fn evict(&mut self, slot: u32) {
        if let Some(key) = self.keys.get_mut(slot as usize).and_then(Option::take) {
            self.slots.remove(&Hashed {
                hash: stable_hash(&key),
                key,
            });
            self.free.push(slot);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.keys.capacity() * size_of::<Option<K>>()
            + self.slots.capacity() * (size_of::<Hashed<K>>() + 8)
    }
}
