//! Virtual time and the digest of what happened.
//!
//! Owns two clocks that move only when told. Knows nothing of who reads them.

use std::time::Duration;
use whitebeam_env::WallMicros;

/// 2024-01-01: any day would do, but a day of today finds mistakes that 1970 hides.
const START: i64 = 1_704_067_200_000_000;

#[derive(Debug)]
pub(crate) struct Clock {
    /// Holds the time since start; never goes back.
    pub(crate) monotonic: Duration,
    /// Holds the wall clock; moved with the monotonic one and by jumps.
    pub(crate) wall: WallMicros,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Clock {
            monotonic: Duration::ZERO,
            wall: WallMicros(START),
        }
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.monotonic = self.monotonic.saturating_add(by);
        self.wall = self.wall.plus(by);
    }

    pub(crate) fn jump(&mut self, micros: i64) {
        self.wall = WallMicros(self.wall.0.saturating_add(micros));
    }
}

/// A digest that is cheap and depends on order; no more is asked of it.
#[derive(Debug)]
pub(crate) struct Trace(u64);

impl Trace {
    pub(crate) fn new() -> Self {
        Trace(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.0
    }
}
