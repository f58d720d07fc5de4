//! The limit's loop for q11: bids per bidder and session.
//!
//! Owns the open sessions. Deliberately has no timers: once a second of event time, which is how far its watermark
//! steps, one pass over the table closes what has ended. The invariant: a session is emitted once, by that pass or
//! by the bid of its bidder that comes a gap or more after its last one.

use super::Slots;
use crate::checksum::{self, SESSION_GAP_MS};
use crate::events::Ev;

/// How far the watermark steps, in milliseconds.
const WATERMARK_STEP_MS: i64 = 1_000;

#[derive(Clone, Copy, Default)]
struct Session {
    last_bid: i64,
    count: u64,
}

/// Bids per bidder in sessions.
pub(crate) fn q11(events: &[Ev]) -> u64 {
    let mut sessions: Slots<Session> = Slots::new();
    let mut sum = 0u64;
    let mut next_watermark = i64::MIN;
    for event in events {
        let Ev::Bid(bid) = event else { continue };
        if bid.ts >= next_watermark {
            sum = sum.wrapping_add(close_until(&mut sessions, bid.ts));
            next_watermark = bid.ts + WATERMARK_STEP_MS;
        }
        let session = sessions.upsert(
            bid.bidder,
            Session {
                last_bid: bid.ts,
                count: 0,
            },
        );
        if bid.ts - session.last_bid >= SESSION_GAP_MS {
            sum = sum.wrapping_add(checksum::q11(bid.bidder, session.count));
            session.count = 0;
        }
        session.last_bid = bid.ts;
        session.count += 1;
    }
    sum.wrapping_add(close_until(&mut sessions, i64::MAX))
}

/// Closes the sessions that end at or before the watermark.
fn close_until(sessions: &mut Slots<Session>, watermark: i64) -> u64 {
    let mut sum = 0u64;
    sessions.sweep(
        |session| session.last_bid + SESSION_GAP_MS <= watermark,
        |bidder, session| sum = sum.wrapping_add(checksum::q11(bidder, session.count)),
    );
    sum
}
