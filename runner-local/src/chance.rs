//! `Chance`: every choice of a run, drawn from its seed.
//!
//! Owns the only randomness of this crate. Invariant: the same seed draws the same choices.

/// Draws choices from a seed.
pub(crate) struct Chance(fastrand::Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Chance(fastrand::Rng::with_seed(seed))
    }

    /// True once in `n` draws on average.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.0.usize(..n.max(1)) == 0
    }

    /// One of `0..n`; 0 if there is none.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.usize(..n.max(1))
    }

    /// In `0.0..1.0`.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0.f64()
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        self.0.shuffle(all);
    }

    /// A size for pieces of something: one element, a few, many, or no limit.
    pub(crate) fn size(&mut self) -> usize {
        match self.below(8) {
            0 => 1,
            1 | 2 => 2 + self.below(15),
            3 | 4 => 32 + self.below(1_000),
            _ => usize::MAX,
        }
    }
}
