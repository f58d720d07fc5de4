//! Where keys are: open addressing over a `u64` index, the keys apart.
//!
//! Owns probing, growth and removal. Knows neither keys nor what is kept for them: a caller
//! compares. Removal shifts what stands behind back, leaving no tombstones.
//!
//! Invariant: between a key's home and its place no place is empty.

/// Slots by hash.
#[derive(Debug)]
pub(super) struct Index {
    /// High half: high half of the hash. Low half: slot + 1; 0 = empty.
    places: Vec<u64>,
    /// What a hash's half is shifted by to give a place.
    shift: u32,
    taken: usize,
}

const TAG: u64 = 0xffff_ffff_0000_0000;
const FIRST: usize = 64;
/// Below this many bytes the index fits into the second-level cache and stays sparse.
const SPARSE_BYTES: usize = 256 * 1024;

/// The place where a key of this hash belongs.
///
/// The highest bits are those in which the products of neighbouring integers differ most evenly,
/// so that keys that were numbered one after the other do not meet at all; but the very highest
/// name the key group, in which the keys of one worker are alike: they come last.
#[inline(always)]
fn home(hash: u64, shift: u32) -> usize {
    (((hash >> 32) as u32).rotate_left(8) >> shift) as usize
}

/// The places of an index while nothing is entered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probes<'a> {
    places: &'a [u64],
    shift: u32,
}

impl Probes<'_> {
    /// The slot of a key of this hash for which `is` holds. `is` may be asked about slots that were
    /// never given, and has to refuse them.
    #[inline(always)]
    pub(super) fn find(self, hash: u64, is: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.places.len() - 1;
        let mut at = home(hash, self.shift) & mask;
        loop {
            let found = self.places[at];
            // Most keys are found at once: whether a place is empty is asked last, and an empty one
            // whose tag seems to fit names a slot that there cannot be.
            let slot = (found as u32).wrapping_sub(1) as usize;
            if (found ^ hash) >> 32 == 0 && is(slot) {
                return Some(slot);
            }
            if found == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }
}

impl Index {
    pub(super) fn new() -> Self {
        Index {
            places: Vec::new(),
            shift: 32 - FIRST.trailing_zeros(),
            taken: 0,
        }
    }

    /// For a loop that only reads; nothing before the first key was entered.
    #[inline(always)]
    pub(super) fn probes(&self) -> Option<Probes<'_>> {
        (!self.places.is_empty()).then_some(Probes {
            places: &self.places,
            shift: self.shift,
        })
    }

    /// The slot of a key of this hash for which `is` holds, or the place where it belongs.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, is: impl Fn(usize) -> bool) -> Result<usize, usize> {
        let tag = hash & TAG;
        let mut at = home(hash, self.shift);
        // An index of no places is never probed: `get` fails and the first insert makes them.
        while let Some(&found) = self.places.get(at) {
            if found == 0 {
                break;
            }
            if found & TAG == tag {
                let slot = (found as u32 - 1) as usize;
                if is(slot) {
                    return Ok(slot);
                }
            }
            at = self.after(at);
        }
        Err(at)
    }

    /// Number of keys entered.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Enters `slot` at the place `at` that [`Self::find`] gave.
    #[inline(always)]
    pub(super) fn enter(&mut self, hash: u64, mut at: usize, slot: usize) {
        if self.needs_growth() {
            self.grow();
            at = self.free_place(hash);
        }
        self.places[at] = (hash & TAG) | (slot as u64 + 1);
        self.taken += 1;
    }

    /// Enters `slot` for a key that is not there.
    pub(super) fn enter_new(&mut self, hash: u64, slot: usize) {
        let at = match self.places.len() {
            0 => 0,
            _ => self.free_place(hash),
        };
        self.enter(hash, at, slot);
    }

    /// Lets the key that leads to the slot `from` lead to the slot `to`.
    pub(super) fn redirect(&mut self, hash: u64, from: usize, to: usize) {
        if let Some(at) = self.place_of(hash, from) {
            self.places[at] = (hash & TAG) | (to as u64 + 1);
        }
    }

    /// Removes the key that leads to `slot`, if there is one.
    pub(super) fn leave(&mut self, hash: u64, slot: usize) {
        let Some(mut hole) = self.place_of(hash, slot) else {
            return;
        };
        let mask = self.places.len() - 1;
        let mut at = self.after(hole);
        while self.places[at] != 0 {
            let from_home = at.wrapping_sub(home(self.places[at], self.shift)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.places[hole] = self.places[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.places[hole] = 0;
        self.taken -= 1;
    }

    pub(super) fn clear(&mut self) {
        self.places.fill(0);
        self.taken = 0;
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.len() * 8
    }

    fn place_of(&self, hash: u64, slot: usize) -> Option<usize> {
        let entry = (hash & TAG) | (slot as u64 + 1);
        let mut at = home(hash, self.shift);
        while *self.places.get(at)? != entry {
            if self.places[at] == 0 {
                return None;
            }
            at = self.after(at);
        }
        Some(at)
    }

    #[inline(always)]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    fn needs_growth(&self) -> bool {
        let per_entry = if self.places.len() * 8 <= SPARSE_BYTES {
            4
        } else {
            2
        };
        (self.taken + 1) * per_entry > self.places.len()
    }

    fn free_place(&self, hash: u64) -> usize {
        let mut at = home(hash, self.shift);
        while self.places[at] != 0 {
            at = self.after(at);
        }
        at
    }

    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(FIRST);
        let old = std::mem::replace(&mut self.places, vec![0; size]);
        self.shift = 32 - size.trailing_zeros();
        for found in old.into_iter().filter(|&e| e != 0) {
            let at = self.free_place(found);
            self.places[at] = found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{KeyGroup, stable_hash};
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        /// Keys whose hashes collide in every way, entered, redirected and removed.
        #[test]
        fn an_index_is_a_map(ops in prop::collection::vec((0u8..4, 0u64..40), 1..400)) {
            let hash = |key: u64| (key % 7) << 40 | (key % 3) << 50 | (key / 20) << 33;
            let (mut index, mut keys) = (Index::new(), Vec::new());
            let mut model = HashMap::new();
            for (op, key) in ops {
                let found = index.find(hash(key), |slot| keys[slot] == key);
                prop_assert_eq!(found.ok(), model.get(&key).copied());
                let probed = index.probes().and_then(|probes| {
                    probes.find(hash(key), |slot| keys.get(slot) == Some(&key))
                });
                prop_assert_eq!(probed, found.ok());
                match (op, found) {
                    (0 | 1, Err(at)) => {
                        index.enter(hash(key), at, keys.len());
                        model.insert(key, keys.len());
                        keys.push(key);
                    }
                    (2, Ok(slot)) => {
                        index.leave(hash(key), slot);
                        model.remove(&key);
                    }
                    (3, Ok(slot)) => {
                        index.redirect(hash(key), slot, keys.len());
                        model.insert(key, keys.len());
                        keys.push(key);
                    }
                    _ => {}
                }
                prop_assert_eq!(index.len(), model.len());
            }
        }
    }

    /// Greatest distance of a key from its home.
    fn furthest(keys: impl Iterator<Item = u64>) -> usize {
        let mut index = Index::new();
        keys.enumerate().for_each(|(slot, key)| {
            index.enter_new(stable_hash(&key), slot);
        });
        let mask = index.places.len() - 1;
        let places = index.places.iter().enumerate().filter(|(_, e)| **e != 0);
        let away = places.map(|(at, e)| at.wrapping_sub(home(*e, index.shift)) & mask);
        away.max().unwrap_or(0)
    }

    #[test]
    fn keys_of_any_spacing_stay_near_their_homes() {
        for bits in 0..50 {
            let far = furthest((0..10_000).map(|k: u64| k << bits));
            assert!(far < 40, "{far} places with keys {} apart", 1u64 << bits);
        }
        let floats = furthest((0..10_000u32).map(|k| f64::from(k).to_bits()));
        assert!(floats < 40, "{floats} places with whole floats");
        let of_one_worker = (0..).filter(|k| KeyGroup::of(stable_hash(k), 128).0 < 16);
        let far = furthest(of_one_worker.take(10_000));
        assert!(
            far < 40,
            "{far} places with the keys of one worker of eight"
        );
        assert_eq!(furthest(0..8_000), 0, "numbered keys do not meet");
    }
}
