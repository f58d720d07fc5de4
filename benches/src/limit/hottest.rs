//! The limit's loop for q5: the auction with most bids per sliding window.
//!
//! Owns the counters per auction and pane. Deliberately keeps no total per window: a slide adds the five counters of
//! every live auction, in one pass over dense memory. The invariant: counter `pane mod 5` of each auction belongs to
//! a pane of the current window, as the counter of a pane that leaves is cleared in the pass that closes its window.

use super::slots::spread;
use crate::checksum::{self, PANES_PER_WINDOW, SLIDE_MS};
use crate::events::Ev;

const PANES: usize = PANES_PER_WINDOW as usize;
/// Places of an empty index, as a power of two.
const FIRST_BITS: u32 = 12;

/// The auction with most bids per sliding window.
pub(crate) fn q5(events: &[Ev]) -> u64 {
    let Some(first) = events.iter().find_map(|event| event.bid()) else {
        return 0;
    };
    let mut hottest = Hottest {
        index: vec![0; 1 << FIRST_BITS],
        shift: 64 - FIRST_BITS,
        auctions: Vec::new(),
        pane: first.ts.div_euclid(SLIDE_MS),
        sum: 0,
    };
    let mut end = hottest.pane_end();
    let mut counter = hottest.counter();
    for event in events {
        if let Ev::Bid(bid) = event {
            if bid.ts >= end {
                hottest.advance_to(bid.ts.div_euclid(SLIDE_MS));
                end = hottest.pane_end();
                counter = hottest.counter();
            }
            hottest.count(bid.auction, counter);
        }
    }
    hottest.advance_to(hottest.pane + PANES_PER_WINDOW);
    hottest.sum
}

struct Auction {
    id: u64,
    bids: [u32; PANES],
}

struct Hottest {
    /// Open addressing by id: position in `auctions` plus one, 0 where vacant. At most half is taken.
    index: Vec<u32>,
    /// 64 minus the bits of a place in the index.
    shift: u32,
    auctions: Vec<Auction>,
    /// The pane that bids fall into; the window that ends with it is the next to close.
    pane: i64,
    sum: u64,
}

impl Hottest {
    fn pane_end(&self) -> i64 {
        (self.pane + 1) * SLIDE_MS
    }

    fn counter(&self) -> usize {
        self.pane.rem_euclid(PANES_PER_WINDOW) as usize
    }

    #[inline(always)]
    fn count(&mut self, id: u64, counter: usize) {
        let mask = self.index.len() - 1;
        let mut place = (spread(id) >> self.shift) as usize & mask;
        loop {
            let position = self.index[place];
            if position == 0 {
                return self.insert(place, id, counter);
            }
            let auction = &mut self.auctions[position as usize - 1];
            if auction.id == id {
                auction.bids[counter] += 1;
                return;
            }
            place = (place + 1) & mask;
        }
    }

    /// Out of line, as a new auction is rare among bids.
    #[cold]
    #[inline(never)]
    fn insert(&mut self, place: usize, id: u64, counter: usize) {
        let mut bids = [0; PANES];
        bids[counter] = 1;
        self.auctions.push(Auction { id, bids });
        self.index[place] = self.auctions.len() as u32;
        if self.auctions.len() * 2 > self.index.len() {
            self.reindex(self.index.len() * 2);
        }
    }

    fn reindex(&mut self, places: usize) {
        self.index.clear();
        self.index.resize(places, 0);
        self.shift = 64 - places.trailing_zeros();
        for (at, auction) in self.auctions.iter().enumerate() {
            let mut place = (spread(auction.id) >> self.shift) as usize;
            while self.index[place] != 0 {
                place = (place + 1) & (places - 1);
            }
            self.index[place] = at as u32 + 1;
        }
    }

    fn advance_to(&mut self, pane: i64) {
        while self.pane < pane {
            self.pane += 1;
            self.close_window();
        }
    }

    /// Closes the window that ended with the previous pane, and clears the pane that leaves with it.
    fn close_window(&mut self) {
        let leaving = self.counter();
        let (mut best_id, mut best_count) = (0, 0);
        let mut dead = 0;
        for auction in &mut self.auctions {
            let count = u64::from(auction.bids.iter().sum::<u32>());
            auction.bids[leaving] = 0;
            dead += usize::from(count == 0);
            if checksum::is_hotter(auction.id, count, best_id, best_count) {
                (best_id, best_count) = (auction.id, count);
            }
        }
        if best_count > 0 {
            self.sum = self.sum.wrapping_add(checksum::q5(best_id, best_count));
        }
        if dead * 2 > self.auctions.len() {
            self.forget_dead();
        }
    }

    fn forget_dead(&mut self) {
        self.auctions.retain(|auction| auction.bids != [0; PANES]);
        self.reindex(self.index.len());
    }
}
