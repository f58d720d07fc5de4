//! The loops most people would write: a good hash map (`hashbrown` with `foldhash`) and no table of one's own.
//!
//! Owns q5, q8 and q11 in that form, as a reference beside the limit: how far one gets before tuning tables.
//! Deliberately not the limit, and never a peer. The invariant: same answers as the limit.

use std::collections::VecDeque;

use super::window_end;
use crate::checksum::{self, PANES_PER_WINDOW, SESSION_GAP_MS, SLIDE_MS, WINDOW_MS};
use crate::events::Ev;

type Map<K, V> = hashbrown::HashMap<K, V, foldhash::fast::FixedState>;
type Set<K> = hashbrown::HashSet<K, foldhash::fast::FixedState>;

/// How far the watermark of q11 steps, in milliseconds.
const WATERMARK_STEP_MS: i64 = 1_000;

/// One map of counts per pane; the panes of a window are merged when it closes.
pub(crate) fn q5(events: &[Ev]) -> u64 {
    let mut current: Map<u64, u64> = Map::default();
    let mut panes = VecDeque::new();
    let mut totals = Map::default();
    let mut sum = 0u64;
    let mut end = i64::MIN;
    for event in events {
        let Ev::Bid(bid) = event else { continue };
        if end == i64::MIN {
            end = window_end(bid.ts, SLIDE_MS);
        }
        while bid.ts >= end {
            sum = sum.wrapping_add(close_window(&mut current, &mut panes, &mut totals));
            end += SLIDE_MS;
        }
        *current.entry(bid.auction).or_insert(0) += 1;
    }
    for _ in 0..PANES_PER_WINDOW {
        sum = sum.wrapping_add(close_window(&mut current, &mut panes, &mut totals));
    }
    sum
}

/// Ends the current pane, merges those of the window, finds the winner and lets the oldest pane go.
fn close_window(
    current: &mut Map<u64, u64>,
    panes: &mut VecDeque<Map<u64, u64>>,
    totals: &mut Map<u64, u64>,
) -> u64 {
    panes.push_back(std::mem::take(current));
    totals.clear();
    for (auction, count) in panes.iter().flatten() {
        *totals.entry(*auction).or_insert(0) += count;
    }
    if panes.len() == PANES_PER_WINDOW as usize
        && let Some(oldest) = panes.pop_front()
    {
        *current = oldest;
        current.clear();
    }
    let best = totals.iter().fold((0, 0), |best, (&auction, &count)| {
        if checksum::is_hotter(auction, count, best.0, best.1) {
            (auction, count)
        } else {
            best
        }
    });
    if best.1 == 0 {
        0
    } else {
        checksum::q5(best.0, best.1)
    }
}

/// A set of persons and a list of sellers per window.
pub(crate) fn q8(events: &[Ev]) -> u64 {
    let mut persons: Set<u64> = Set::default();
    let mut sellers = Vec::new();
    let mut sum = 0u64;
    let mut end = i64::MIN;
    for event in events {
        if matches!(event, Ev::Bid(_)) {
            continue;
        }
        if event.ts() >= end {
            let matches = sellers.drain(..).filter(|seller| persons.contains(seller));
            sum = sum.wrapping_add(checksum::q8(matches.count() as u64));
            persons.clear();
            end = window_end(event.ts(), WINDOW_MS);
        }
        match event {
            Ev::Person(person) => {
                persons.insert(person.id);
            }
            Ev::Auction(auction) => sellers.push(auction.seller),
            Ev::Bid(_) => {}
        }
    }
    let matches = sellers.iter().filter(|seller| persons.contains(*seller));
    sum.wrapping_add(checksum::q8(matches.count() as u64))
}

/// A map from bidder to last bid and count, swept once a second.
pub(crate) fn q11(events: &[Ev]) -> u64 {
    let mut sessions: Map<u64, (i64, u64)> = Map::default();
    let mut sum = 0u64;
    let mut next_watermark = i64::MIN;
    for event in events {
        let Ev::Bid(bid) = event else { continue };
        if bid.ts >= next_watermark {
            sessions.retain(|bidder, (last_bid, count)| {
                let open = *last_bid + SESSION_GAP_MS > bid.ts;
                if !open {
                    sum = sum.wrapping_add(checksum::q11(*bidder, *count));
                }
                open
            });
            next_watermark = bid.ts + WATERMARK_STEP_MS;
        }
        let (last_bid, count) = sessions.entry(bid.bidder).or_insert((bid.ts, 0));
        if bid.ts - *last_bid >= SESSION_GAP_MS {
            sum = sum.wrapping_add(checksum::q11(bid.bidder, *count));
            *count = 0;
        }
        *last_bid = bid.ts;
        *count += 1;
    }
    let rest = sessions
        .iter()
        .map(|(bidder, (_, count))| checksum::q11(*bidder, *count));
    rest.fold(sum, u64::wrapping_add)
}
