//! The limit: the best single-threaded loop known for each query, written by hand.
//!
//! Owns the loops and, below it, the tables they need. Deliberately owns no abstraction an engine would want: each
//! loop reads events in event-time order, closes windows as time passes their end, and adds to a checksum. The
//! invariant: a loop here may only get faster. It may use the order of the stream and the shape of a key (`u64`),
//! never the distribution of the keys: no table is indexed by an id.
//!
//! Designs measured against each other on ten million events, ns per event (AMD EPYC, Zen 4), the kept one first:
//! - q5: own index over dense entries of five counters per auction 2.7; the same with the generic table as index 3.8;
//!   own table per pane with running totals 2.9; that in blocks of 512 (gather, then count) 4.4; `hashbrown` per
//!   pane, panes merged per window 6.5.
//! - q8: own table of persons probed when the window closes 1.5; persons parked as well 1.6; `hashbrown` 1.7.
//! - q11: own table swept once a second 2.5; the same in blocks of 512 4.1; own table and a timer wheel 3.3;
//!   `hashbrown` swept once a second 4.6.
//!
//! Unchecked indexing gained nothing anywhere, so there is none.

mod hottest;
pub(crate) mod maps;
mod sessions;
mod slots;

pub(crate) use hottest::q5;
pub(crate) use sessions::q11;

use crate::checksum::{self, WINDOW_MS};
use crate::events::Ev;
use slots::Slots;

/// Every event passes.
pub(crate) fn q0(events: &[Ev]) -> u64 {
    let mut sum = 0u64;
    for event in events {
        sum = sum.wrapping_add(checksum::q0(event.ts()));
    }
    sum
}

/// Every bid in euros.
pub(crate) fn q1(events: &[Ev]) -> u64 {
    let mut sum = 0u64;
    for event in events {
        if let Ev::Bid(bid) = event {
            sum = sum.wrapping_add(checksum::q1(&checksum::in_euros(*bid)));
        }
    }
    sum
}

/// The bids on chosen auctions.
pub(crate) fn q2(events: &[Ev]) -> u64 {
    let mut sum = 0u64;
    for event in events {
        if let Ev::Bid(bid) = event
            && checksum::is_chosen(bid)
        {
            sum = sum.wrapping_add(checksum::q2(bid.auction, bid.price));
        }
    }
    sum
}

/// The highest price per fixed window.
pub(crate) fn q7(events: &[Ev]) -> u64 {
    let mut sum = 0u64;
    let mut end = i64::MIN;
    let mut highest = 0u64;
    for event in events {
        if let Ev::Bid(bid) = event {
            if bid.ts >= end {
                sum = sum.wrapping_add(checksum::q7(highest));
                highest = 0;
                end = window_end(bid.ts, WINDOW_MS);
            }
            highest = highest.max(bid.price);
        }
    }
    sum.wrapping_add(checksum::q7(highest))
}

/// Persons joined with the auctions they opened in the same fixed window.
pub(crate) fn q8(events: &[Ev]) -> u64 {
    let mut join = Join {
        persons: Slots::new(),
        sellers: Vec::new(),
        sum: 0,
    };
    let mut end = i64::MIN;
    for event in events {
        let ts = match event {
            Ev::Bid(_) => continue,
            Ev::Person(person) => person.ts,
            Ev::Auction(auction) => auction.ts,
        };
        if ts >= end {
            join.close();
            end = window_end(ts, WINDOW_MS);
        }
        match event {
            Ev::Person(person) => {
                join.persons.upsert(person.id, ());
            }
            Ev::Auction(auction) => join.sellers.push(auction.seller),
            Ev::Bid(_) => {}
        }
    }
    join.close();
    join.sum
}

/// One window of q8.
struct Join {
    persons: Slots<()>,
    sellers: Vec<u64>,
    sum: u64,
}

impl Join {
    fn close(&mut self) {
        let persons = &self.persons;
        let matches = self
            .sellers
            .iter()
            .filter(|seller| persons.contains(**seller));
        self.sum = self.sum.wrapping_add(checksum::q8(matches.count() as u64));
        self.sellers.clear();
        self.persons.clear();
    }
}

/// End of the fixed window of `size` that holds `ts`.
#[inline(always)]
fn window_end(ts: i64, size: i64) -> i64 {
    (ts.div_euclid(size) + 1) * size
}

#[cfg(test)]
mod tests;
