//! Streams for tests that the generator never makes: few keys (hence ties), keys from all over, quiet stretches longer
//! than any window, events exactly a session gap apart.
//!
//! Owns their generation, from a seed alone. Deliberately not for timing. The invariant: ordered by time, as the
//! generator's are.

use super::{Auction, Bid, Ev, Person};
use crate::checksum::SESSION_GAP_MS;

/// A small generator of its own (xorshift), so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Seeds with their streams.
pub(crate) fn sparse_streams() -> impl Iterator<Item = (u64, Vec<Ev>)> {
    (1..=40u64).map(|seed| {
        // From ties in every window to tables that must grow.
        let keys = [3, 50, 6_000, 1 << 40][seed as usize % 4];
        // Coarse times meet the edges of windows and sessions often.
        let tick = [1, 250][seed as usize / 4 % 2];
        (seed, sparse_stream(seed, keys, tick))
    })
}

/// An ordered stream over ids from 0 on, at times that are multiples of `tick`.
fn sparse_stream(seed: u64, keys: u64, tick: i64) -> Vec<Ev> {
    let mut random = Random(seed);
    let mut ts = 1_700_000_000_000;
    let event = |_| {
        let pause = match random.below(100) {
            0 => SESSION_GAP_MS,
            1 => random.below(60_000) as i64,
            2..10 => random.below(1_000) as i64,
            _ => random.below(20) as i64,
        };
        ts += pause / tick * tick;
        let (id, other, number) = (random.below(keys), random.below(keys), random.below(1_000));
        match random.below(10) {
            0 => Ev::Person(Person {
                id,
                state: number,
                ts,
            }),
            1 | 2 => Ev::Auction(Auction {
                id,
                seller: other,
                reserve: number,
                ts,
            }),
            _ => Ev::Bid(Bid {
                auction: id,
                bidder: other,
                price: number,
                ts,
            }),
        }
    };
    (0..12_000).map(event).collect()
}
