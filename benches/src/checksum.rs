//! What each query's answer is reduced to, so that engines can be compared.
//!
//! Owns one function per query, from one row of the answer to its share of the checksum, and the constants that
//! define the queries. Deliberately owns no engine. The invariant: shares are added with wrapping, so a checksum
//! depends on the set of rows alone, never on their order; every engine goes through these functions.

use crate::events::Bid;

/// Size of the windows of q5, q7 and q8, in milliseconds.
pub(crate) const WINDOW_MS: i64 = 10_000;
/// Distance between the starts of q5's sliding windows, in milliseconds.
pub(crate) const SLIDE_MS: i64 = 2_000;
/// Slides per window of q5: the number of panes that a window is the sum of.
pub(crate) const PANES_PER_WINDOW: i64 = WINDOW_MS / SLIDE_MS;
/// Gap of q11's sessions: a bid this long or longer after the last one of its bidder opens a session.
pub(crate) const SESSION_GAP_MS: i64 = 10_000;

/// q0 passes every event through; its share is its timestamp.
#[inline(always)]
pub(crate) fn q0(ts: i64) -> u64 {
    ts as u64
}

/// q1 converts the price of every bid.
#[inline(always)]
pub(crate) fn q1(converted: &Bid) -> u64 {
    converted.price ^ converted.auction
}

/// The conversion of q1: dollars to euros at 0.908.
#[inline(always)]
pub(crate) fn in_euros(bid: Bid) -> Bid {
    Bid {
        price: bid.price * 908 / 1000,
        ..bid
    }
}

/// q2 keeps the bids on chosen auctions, as (auction, price).
#[inline(always)]
pub(crate) fn q2(auction: u64, price: u64) -> u64 {
    auction ^ price
}

/// The choice of q2.
#[inline(always)]
pub(crate) fn is_chosen(bid: &Bid) -> bool {
    bid.auction.is_multiple_of(123)
}

/// q5 finds, per sliding window, the auction with most bids; of equals the smallest auction.
#[inline(always)]
pub(crate) fn q5(auction: u64, count: u64) -> u64 {
    count.wrapping_mul(1_000_003).wrapping_add(auction)
}

/// The order of q5: whether (auction, count) beats the best so far. An answer of no bids never wins.
#[inline(always)]
pub(crate) fn is_hotter(auction: u64, count: u64, best_auction: u64, best_count: u64) -> bool {
    count > best_count || (count == best_count && auction < best_auction)
}

/// q7 finds the highest price per fixed window.
#[inline(always)]
pub(crate) fn q7(price: u64) -> u64 {
    price
}

/// q8 joins persons and auctions of one fixed window on person = seller; every match counts one.
#[inline(always)]
pub(crate) fn q8(matches: u64) -> u64 {
    matches
}

/// q11 counts bids per bidder and session. Mixed, so that bids moved from one bidder or session to another show.
#[inline(always)]
pub(crate) fn q11(bidder: u64, count: u64) -> u64 {
    let mixed =
        (bidder.wrapping_mul(31) ^ count.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}
