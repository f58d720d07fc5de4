//! The places of an index from before its last growth, while keys are being moved from them.
//!
//! Owns which keys are still here: those whose homes lie before a line that moves down. So a key is
//! looked for in one place only; keys that are entered meanwhile go to where their homes are, and
//! what was moved is filled from one end to the other. New memory is met page by page, and not
//! wherever keys happen to belong, and old memory is given back as it becomes free: with sixteen
//! million places, either at once is a pause of many milliseconds.
//!
//! Invariant: the last place before the line is empty, so that no key stands away from its home
//! across it.

use super::{TAG, home};

/// Places whose memory is given back at once.
const RELEASED: usize = 1 << 17;

#[derive(Debug)]
pub(super) struct Old {
    /// Those behind the line may be gone.
    places: Vec<u64>,
    shift: u32,
    /// Keys with homes before this place were moved: they stood around the end.
    first: usize,
    /// Keys with homes from this place on were moved.
    line: usize,
}

impl Old {
    /// Tells `moved` of the keys that have to be moved at once.
    pub(super) fn new(places: Vec<u64>, shift: u32, mut moved: impl FnMut(u64)) -> Self {
        let first = places.iter().position(|found| *found == 0);
        let first = first.unwrap_or(places.len());
        places[..first].iter().for_each(|found| moved(*found));
        let mut old = Old {
            line: places.len(),
            places,
            shift,
            first,
        };
        old.move_some(0, moved);
        old
    }

    /// Whether a key of this hash is looked for and entered here.
    #[inline(always)]
    pub(super) fn has(&self, hash: u64) -> bool {
        (self.first..self.line).contains(&home(hash, self.shift))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left() == 0
    }

    /// Places that are still to be moved.
    pub(super) fn left(&self) -> usize {
        self.line - self.first
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.len() * 8
    }

    /// The slot of a key of this hash for which `is` holds, or the place where it belongs.
    #[inline(never)]
    pub(super) fn find(&self, hash: u64, is: impl Fn(usize) -> bool) -> Result<usize, usize> {
        let mut at = home(hash, self.shift);
        while self.places[at] != 0 {
            let found = self.places[at];
            let slot = (found as u32 - 1) as usize;
            if found & TAG == hash & TAG && is(slot) {
                return Ok(slot);
            }
            at += 1;
        }
        Err(at)
    }

    /// Enters what leads to a slot. Tells `moved` of keys that have to be moved for it.
    pub(super) fn enter(&mut self, entry: u64, moved: impl FnMut(u64)) {
        let mut at = home(entry, self.shift);
        while self.places[at] != 0 {
            at += 1;
        }
        self.places[at] = entry;
        self.move_some(0, moved);
    }

    /// Tells `moved` of the keys of so many places, and of as many more as the invariant asks for.
    pub(super) fn move_some(&mut self, places: usize, mut moved: impl FnMut(u64)) {
        let downto = self.line.saturating_sub(places).max(self.first);
        while self.line > downto || (self.line > self.first && self.places[self.line - 1] != 0) {
            self.line -= 1;
            let found = self.places[self.line];
            if found != 0 {
                moved(found);
            }
        }
        if self.places.len() - self.line >= RELEASED {
            // With the allocators there are, what is cut off goes back without anything being copied.
            self.places.truncate(self.line);
            self.places.shrink_to_fit();
        }
    }
}
