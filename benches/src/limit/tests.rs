//! The loops against the plainest reading of each query: every row of the answer computed by itself, over sparse
//! streams.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::checksum::{PANES_PER_WINDOW, SESSION_GAP_MS, SLIDE_MS};
use crate::events::Bid;
use crate::events::sparse::sparse_streams;

fn bids(events: &[Ev]) -> Vec<Bid> {
    events.iter().filter_map(|event| event.bid()).collect()
}

fn wrapping_sum(shares: impl Iterator<Item = u64>) -> u64 {
    shares.fold(0, u64::wrapping_add)
}

fn plain_q5(events: &[Ev]) -> u64 {
    let mut windows: BTreeMap<i64, BTreeMap<u64, u64>> = BTreeMap::new();
    for bid in bids(events) {
        let pane = bid.ts / SLIDE_MS;
        for last in pane..pane + PANES_PER_WINDOW {
            *windows
                .entry(last)
                .or_default()
                .entry(bid.auction)
                .or_insert(0) += 1;
        }
    }
    wrapping_sum(windows.values().map(|counts| {
        let most = counts.values().copied().max().unwrap_or(0);
        let smallest = counts.iter().find(|(_, count)| **count == most);
        smallest.map_or(0, |(auction, count)| checksum::q5(*auction, *count))
    }))
}

fn plain_q7(events: &[Ev]) -> u64 {
    let mut windows: BTreeMap<i64, u64> = BTreeMap::new();
    for bid in bids(events) {
        let highest = windows.entry(bid.ts / WINDOW_MS).or_insert(0);
        *highest = bid.price.max(*highest);
    }
    wrapping_sum(windows.values().map(|price| checksum::q7(*price)))
}

fn plain_q8(events: &[Ev]) -> u64 {
    let persons: BTreeSet<(i64, u64)> = events
        .iter()
        .filter_map(|event| match event {
            Ev::Person(person) => Some((person.ts / WINDOW_MS, person.id)),
            _ => None,
        })
        .collect();
    let matches = events.iter().filter(|event| match event {
        Ev::Auction(auction) => persons.contains(&(auction.ts / WINDOW_MS, auction.seller)),
        _ => false,
    });
    checksum::q8(matches.count() as u64)
}

fn plain_q11(events: &[Ev]) -> u64 {
    let mut times: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for bid in bids(events) {
        times.entry(bid.bidder).or_default().push(bid.ts);
    }
    let mut sum = 0u64;
    for (bidder, times) in times {
        for session in times.chunk_by(|earlier, later| later - earlier < SESSION_GAP_MS) {
            sum = sum.wrapping_add(checksum::q11(bidder, session.len() as u64));
        }
    }
    sum
}

#[test]
fn loops_equal_the_plain_reading_of_each_query() {
    type Loop = fn(&[Ev]) -> u64;
    let cases: [(&str, Loop, Loop); 7] = [
        ("q5", q5, plain_q5),
        ("q5 by maps", maps::q5, plain_q5),
        ("q7", q7, plain_q7),
        ("q8", q8, plain_q8),
        ("q8 by maps", maps::q8, plain_q8),
        ("q11", q11, plain_q11),
        ("q11 by maps", maps::q11, plain_q11),
    ];
    for (seed, events) in sparse_streams() {
        for (name, best, plain) in cases {
            assert_eq!(best(&events), plain(&events), "{name}, seed {seed}");
            assert_eq!(best(&[]), 0, "{name} of nothing");
        }
    }
}
