//! Where keys are: open addressing over a `u64` index, the keys apart.
//!
//! Owns probing and growth. Knows neither keys nor what is kept for them: a caller compares, and
//! says how many slots are taken. Nothing is ever removed singly.

/// Slots by hash.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// High half: high half of the hash. Low half: slot + 1; 0 = empty.
    places: Vec<u64>,
    mask: usize,
}

const TAG: u64 = 0xffff_ffff_0000_0000;
/// Below this many bytes the index fits into the second-level cache and stays sparse.
const SPARSE_BYTES: usize = 256 * 1024;

impl Index {
    /// The slot of a key of this hash for which `is` holds, or the place where it belongs.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, is: impl Fn(usize) -> bool) -> Result<usize, usize> {
        let tag = hash & TAG;
        let mut at = (hash >> 32) as usize & self.mask;
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
            at = (at + 1) & self.mask;
        }
        Err(at)
    }

    /// Enters `slot` at the place `at` that [`Self::find`] gave, beside `taken` others.
    #[inline(always)]
    pub(super) fn enter(&mut self, hash: u64, mut at: usize, slot: usize, taken: usize) {
        if self.needs_growth(taken) {
            self.grow();
            at = self.free_place(hash);
        }
        self.places[at] = (hash & TAG) | (slot as u64 + 1);
    }

    /// Enters `slot`, whose key is not there, where a place is known to be free.
    pub(super) fn enter_again(&mut self, hash: u64, slot: usize) {
        let at = self.free_place(hash);
        self.places[at] = (hash & TAG) | (slot as u64 + 1);
    }

    pub(super) fn clear(&mut self) {
        self.places.fill(0);
    }

    fn needs_growth(&self, taken: usize) -> bool {
        let per_entry = if self.places.len() * 8 <= SPARSE_BYTES {
            4
        } else {
            2
        };
        (taken + 1) * per_entry > self.places.len()
    }

    fn free_place(&self, hash: u64) -> usize {
        let mut at = (hash >> 32) as usize & self.mask;
        while self.places[at] != 0 {
            at = (at + 1) & self.mask;
        }
        at
    }

    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(64);
        let old = std::mem::replace(&mut self.places, vec![0; size]);
        self.mask = size - 1;
        for found in old.into_iter().filter(|&e| e != 0) {
            let at = self.free_place(found);
            self.places[at] = found;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.len() * 8
    }
}
