//! Where keys are: open addressing over a `u64` index, the keys apart.
//!
//! Owns probing, growth and removal. Knows neither keys nor what is kept for them: a caller
//! compares. Removal shifts what stands behind back, leaving no tombstones.
//!
//! A large index grows in pieces: `old` says how.
//!
//! Invariant: between a key's home and its place no place is empty.

mod old;

use old::Old;
use std::ops::Range;

/// Slots by hash.
#[derive(Debug)]
pub(super) struct Index {
    /// High half: high half of the hash. Low half: slot + 1; 0 = empty.
    places: Vec<u64>,
    /// What a hash's half is shifted by to give a place.
    shift: u32,
    taken: usize,
    /// From this many places on it grows in pieces.
    large: usize,
    /// The places from before the last growth, while they are still being moved.
    old: Option<Box<Old>>,
    /// Places that were not written since the last growth, while keys are being moved.
    fresh: Range<usize>,
}

const TAG: u64 = 0xffff_ffff_0000_0000;
const FIRST: usize = 64;
/// Below this many bytes the index fits into the second-level cache and stays sparse.
const SPARSE_BYTES: usize = 256 * 1024;
/// From this many places on, growth happens in pieces where the caller takes part: moved all at
/// once, ten million keys would stand still for a tenth of a second.
const LARGE: usize = 1 << 16;
/// Places that are moved with each key that is entered: more than enough to be done before the next
/// growth.
const WITH_EACH: usize = 4;
/// Places in a page of memory.
const PAGE: usize = 4096 / size_of::<u64>();

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

/// The slot of a key of this hash for which `is` holds, or the first empty place behind its home.
#[inline(always)]
fn scan(
    places: &[u64],
    shift: u32,
    hash: u64,
    is: &impl Fn(usize) -> bool,
) -> Result<usize, usize> {
    let tag = hash & TAG;
    let mut at = home(hash, shift);
    // Without places nothing is probed: `get` fails and the first key that is entered makes them.
    while let Some(&found) = places.get(at) {
        if found == 0 {
            break;
        }
        if found & TAG == tag {
            let slot = (found as u32 - 1) as usize;
            if is(slot) {
                return Ok(slot);
            }
        }
        at = (at + 1) & (places.len() - 1);
    }
    Err(at)
}

impl Index {
    /// Grows at once.
    pub(super) fn new() -> Self {
        Index::growing(usize::MAX)
    }

    /// Grows in pieces, once it is large: [`Self::probes`] is not for this one, and
    /// [`Self::move_some`] is to be called now and then.
    pub(super) fn in_pieces() -> Self {
        Index::growing(LARGE)
    }

    fn growing(large: usize) -> Self {
        Index {
            large,
            places: Vec::new(),
            shift: 32 - FIRST.trailing_zeros(),
            taken: 0,
            old: None,
            fresh: 0..0,
        }
    }

    /// For a loop that only reads; nothing before the first key was entered.
    #[inline(always)]
    pub(super) fn probes(&self) -> Option<Probes<'_>> {
        debug_assert!(self.old.is_none(), "keys may be in two places");
        (!self.places.is_empty()).then_some(Probes {
            places: &self.places,
            shift: self.shift,
        })
    }

    /// The slot of a key of this hash for which `is` holds, or the place where it belongs.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, is: impl Fn(usize) -> bool) -> Result<usize, usize> {
        let at = match scan(&self.places, self.shift, hash, &is) {
            Ok(slot) => return Ok(slot),
            Err(at) => at,
        };
        match &self.old {
            Some(old) if old.has(hash) => old.find(hash, is),
            _ => Err(at),
        }
    }

    /// The same; better while keys are being moved, and otherwise slower by one question.
    #[inline(always)]
    pub(super) fn find_growing(
        &self,
        hash: u64,
        is: impl Fn(usize) -> bool,
    ) -> Result<usize, usize> {
        match &self.old {
            // New places that nobody has touched yet are not touched for nothing.
            Some(old) if old.has(hash) => old.find(hash, is),
            _ => scan(&self.places, self.shift, hash, &is),
        }
    }

    /// Keys are being moved, or will be before so many are entered.
    pub(super) fn grows_with(&self, keys: usize) -> bool {
        self.old.is_some() || self.places.len() >= self.large && self.needs_growth(keys)
    }

    /// Goes on moving keys after a growth, over about `places` places.
    #[inline(always)]
    pub(super) fn move_some(&mut self, places: usize) {
        if self.old.is_some() {
            self.move_on(places);
        }
    }

    #[inline(never)]
    fn move_on(&mut self, places: usize) {
        let Some(mut old) = self.old.take() else {
            return;
        };
        old.move_some(places, |found| self.take(found));
        self.keep(old);
    }

    fn keep(&mut self, old: Box<Old>) {
        match old.is_empty() {
            true => self.fresh = 0..0,
            false => self.old = Some(old),
        }
    }

    /// Enters what leads to a slot, while keys are being moved.
    fn take(&mut self, entry: u64) {
        let mut at = home(entry, self.shift);
        loop {
            if self.fresh.contains(&at) {
                self.meet(at);
            }
            if self.places[at] == 0 {
                break;
            }
            at = self.after(at);
        }
        self.places[at] = entry;
    }

    /// Meets new memory, up to a place, by writing: what is read first is met twice, for the system
    /// puts a common page of zeros there, and to take that away it has to ask all other processors.
    #[inline(never)]
    fn meet(&mut self, at: usize) {
        let page = at - at % PAGE;
        let fresh = self.fresh.clone();
        // Keys come from the last place to the first, but for those that stood around the end.
        let met = match fresh.end - at <= at - fresh.start {
            true => page.max(fresh.start)..fresh.end,
            false => fresh.start..(page + PAGE).min(fresh.end),
        };
        self.fresh = match met.end == fresh.end {
            true => fresh.start..met.start,
            false => met.end..fresh.end,
        };
        self.places[met]
            .iter_mut()
            .step_by(PAGE)
            .for_each(|place| *place = 0);
    }

    /// Has all keys in one place.
    fn settle(&mut self) {
        self.move_some(usize::MAX / 2);
    }

    /// Number of keys entered.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Enters `slot` at the place `at` that [`Self::find`] gave.
    #[inline(always)]
    pub(super) fn enter(&mut self, hash: u64, at: usize, slot: usize) {
        let entry = (hash & TAG) | (slot as u64 + 1);
        if self.needs_growth(1) || self.old.is_some() {
            self.enter_growing(entry);
        } else {
            self.places[at] = entry;
        }
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
        self.settle();
        if let Some(at) = self.place_of(hash, from) {
            self.places[at] = (hash & TAG) | (to as u64 + 1);
        }
    }

    /// Removes the key that leads to `slot`, if there is one.
    pub(super) fn leave(&mut self, hash: u64, slot: usize) {
        self.settle();
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
        self.old = None;
        self.fresh = 0..0;
        self.places.fill(0);
        self.taken = 0;
    }

    pub(super) fn bytes(&self) -> usize {
        let old = self.old.as_ref().map_or(0, |old| old.bytes());
        self.places.len() * 8 + old
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

    /// There is no room for so many more.
    fn needs_growth(&self, keys: usize) -> bool {
        let per_entry = if self.places.len() * 8 <= SPARSE_BYTES {
            4
        } else {
            2
        };
        self.taken.saturating_add(keys).saturating_mul(per_entry) > self.places.len()
    }

    fn free_place(&self, hash: u64) -> usize {
        let mut at = home(hash, self.shift);
        while self.places[at] != 0 {
            at = self.after(at);
        }
        at
    }

    #[inline(never)]
    fn enter_growing(&mut self, entry: u64) {
        if self.needs_growth(1) {
            self.settle();
            self.grow();
        }
        self.move_some(WITH_EACH);
        match self.old.take() {
            Some(mut old) => {
                if old.has(entry) {
                    old.enter(entry, |found| self.take(found));
                } else {
                    self.take(entry);
                }
                self.keep(old);
            }
            None => self.take(entry),
        }
    }

    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(FIRST);
        let places = std::mem::replace(&mut self.places, vec![0; size]);
        let shift = std::mem::replace(&mut self.shift, 32 - size.trailing_zeros());
        let is_large = places.len() >= self.large;
        self.fresh = 0..if is_large { size } else { 0 };
        let old = Old::new(places, shift, |found| self.take(found));
        self.old = Some(Box::new(old));
        if !is_large {
            self.settle();
        }
    }
}

#[cfg(test)]
mod tests;
