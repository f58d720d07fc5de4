//! A hash table from `u64` to a small value, for the loops of the limit.
//!
//! Owns open addressing with key and value side by side, probed linearly. Deliberately does not resist chosen keys,
//! and reserves one key to mark what is vacant. The invariant: at most half of the slots are taken, so every probe
//! ends.

/// Marks a vacant slot; no id of the generator comes near it.
const VACANT: u64 = u64::MAX;
/// Slots of an empty table, as a power of two: 64 KiB of 16 byte slots.
const FIRST_BITS: u32 = 12;
/// 2^64 divided by the golden ratio: multiplication by it spreads keys over the high bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A key as evenly spread bits, the high ones best.
#[inline(always)]
pub(super) fn spread(key: u64) -> u64 {
    key.wrapping_mul(SPREAD)
}

#[derive(Clone, Copy)]
struct Slot<V> {
    key: u64,
    value: V,
}

pub(super) struct Slots<V> {
    slots: Vec<Slot<V>>,
    /// 64 minus the bits of a slot number: the high bits of a spread key number its home.
    shift: u32,
    taken: usize,
}

impl<V: Copy + Default> Slots<V> {
    pub(super) fn new() -> Self {
        Slots {
            slots: vec![Self::vacant(); 1 << FIRST_BITS],
            shift: 64 - FIRST_BITS,
            taken: 0,
        }
    }

    fn vacant() -> Slot<V> {
        Slot {
            key: VACANT,
            value: V::default(),
        }
    }

    #[inline(always)]
    fn home(&self, key: u64) -> usize {
        (spread(key) >> self.shift) as usize
    }

    /// The value of `key`, which becomes `fresh` if there was none.
    #[inline(always)]
    pub(super) fn upsert(&mut self, key: u64, fresh: V) -> &mut V {
        let mask = self.slots.len() - 1;
        let mut at = self.home(key) & mask;
        loop {
            let found = self.slots[at].key;
            if found == key {
                return &mut self.slots[at].value;
            }
            if found == VACANT {
                return self.insert(at, key, fresh);
            }
            at = (at + 1) & mask;
        }
    }

    #[inline(always)]
    pub(super) fn contains(&self, key: u64) -> bool {
        self.slots[self.probe(key)].key == key
    }

    /// Where `key` is, or else the vacant slot where it belongs.
    #[inline(always)]
    fn probe(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(key) & mask;
        loop {
            let found = self.slots[at].key;
            if found == key || found == VACANT {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// Out of line, as it is rare where keys repeat.
    #[cold]
    #[inline(never)]
    fn insert(&mut self, at: usize, key: u64, value: V) -> &mut V {
        debug_assert_ne!(key, VACANT, "the reserved key is no id");
        self.taken += 1;
        let at = if self.taken * 2 > self.slots.len() {
            self.grow();
            self.probe(key)
        } else {
            at
        };
        self.slots[at] = Slot { key, value };
        &mut self.slots[at].value
    }

    fn grow(&mut self) {
        let grown = vec![Self::vacant(); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, grown);
        self.shift -= 1;
        for slot in old {
            if slot.key != VACANT {
                let at = self.probe(slot.key);
                self.slots[at] = slot;
            }
        }
    }

    /// Forgets every key; keeps the memory.
    pub(super) fn clear(&mut self) {
        self.slots.fill(Self::vacant());
        self.taken = 0;
    }

    /// Removes what `is_done` accepts, passing each to `done`.
    pub(super) fn sweep(&mut self, is_done: impl Fn(&V) -> bool, mut done: impl FnMut(u64, V)) {
        let mut at = 0;
        while let Some(slot) = self.slots.get(at).copied() {
            if slot.key != VACANT && is_done(&slot.value) {
                done(slot.key, slot.value);
                // What closes the gap may be done as well, so the slot is looked at again.
                self.vacate(at);
            } else {
                at += 1;
            }
        }
    }

    /// Empties a slot, moving later keys of the same run back so that their probes still find them.
    fn vacate(&mut self, mut gap: usize) {
        let mask = self.slots.len() - 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let slot = self.slots[at];
            if slot.key == VACANT {
                break;
            }
            let from_home = at.wrapping_sub(self.home(slot.key)) & mask;
            let from_gap = at.wrapping_sub(gap) & mask;
            if from_home >= from_gap {
                self.slots[gap] = slot;
                gap = at;
            }
        }
        self.slots[gap] = Self::vacant();
        self.taken -= 1;
    }
}

#[cfg(test)]
mod tests;
