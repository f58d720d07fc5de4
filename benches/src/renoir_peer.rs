//! Nexmark on renoir, with one worker thread of its own.
//!
//! Owns the same operator graphs as renoir's Nexmark example, on plain-old-data events. Deliberately does not make
//! q5 and q8 agree with the other engines: renoir's event-time windows start at each key's first element, so those
//! two answer another question and serve for cost only. The invariant: a watermark every [`WATERMARK_EVERY`] events;
//! finer ones only make renoir slower, as each of them visits every key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use renoir::Stream;
use renoir::operator::Operator;
use renoir::prelude::*;

use crate::checksum::{self, SLIDE_MS, WINDOW_MS};
use crate::events::Ev;

/// Events per watermark.
const WATERMARK_EVERY: usize = 20_000;
/// Elements per batch between blocks.
const BATCH: usize = 4096;

/// Every event passes.
pub(crate) fn q0(events: &'static [Ev]) -> u64 {
    run(events, |events, mut sum| {
        events.for_each(move |event| sum.add(checksum::q0(event.ts())));
    })
}

/// Bids, then the conversion.
pub(crate) fn q1(events: &'static [Ev]) -> u64 {
    run(events, |events, mut sum| {
        events
            .filter_map(Ev::bid)
            .map(checksum::in_euros)
            .for_each(move |bid| sum.add(checksum::q1(&bid)));
    })
}

/// Bids, then the choice, then the two columns.
pub(crate) fn q2(events: &'static [Ev]) -> u64 {
    run(events, |events, mut sum| {
        events
            .filter_map(Ev::bid)
            .filter(checksum::is_chosen)
            .map(|bid| (bid.auction, bid.price))
            .for_each(move |(auction, price)| sum.add(checksum::q2(auction, price)));
    })
}

/// Counts per auction and sliding window, then the maximum of each window. Cost only.
pub(crate) fn q5(events: &'static [Ev]) -> u64 {
    run(events, |events, mut sum| {
        let window = EventTimeWindow::sliding(WINDOW_MS, SLIDE_MS);
        stamped(events)
            .filter_map(Ev::bid)
            .map(|bid| bid.auction)
            .group_by(|auction| *auction)
            .map(|_| ())
            .window(window.clone())
            .count()
            .unkey()
            .window_all(window)
            .fold((0, 0), |best, (auction, count)| {
                let count = *count as u64;
                if checksum::is_hotter(*auction, count, best.0, best.1) {
                    *best = (*auction, count);
                }
            })
            .for_each(move |(_, (auction, count))| sum.add(checksum::q5(auction, count)));
    })
}

/// The maximum of the worker per fixed window, then the maximum of all.
pub(crate) fn q7(events: &'static [Ev]) -> u64 {
    run(events, |events, mut sum| {
        let window = EventTimeWindow::tumbling(WINDOW_MS);
        stamped(events)
            .filter_map(Ev::bid)
            .map(|bid| bid.price)
            .key_by(|_| ())
            .window(window.clone())
            .max()
            .drop_key()
            .window_all(window)
            .max()
            .for_each(move |(_, price)| sum.add(checksum::q7(price)));
    })
}

/// Persons and auctions in a windowed join. Cost only.
pub(crate) fn q8(events: &'static [Ev]) -> u64 {
    run(events, |events, mut sum| {
        let mut routes = stamped(events)
            .route()
            .add_route(|event| matches!(event, Ev::Person(_)))
            .add_route(|event| matches!(event, Ev::Auction(_)))
            .build()
            .into_iter();
        let (Some(persons), Some(auctions)) = (routes.next(), routes.next()) else {
            unreachable!("two routes were added")
        };
        let persons = persons.filter_map(|event| match event {
            Ev::Person(person) => Some(person.id),
            _ => None,
        });
        let sellers = auctions.filter_map(|event| match event {
            Ev::Auction(auction) => Some(auction.seller),
            _ => None,
        });
        persons
            .group_by(|person| *person)
            .window_join(
                EventTimeWindow::tumbling(WINDOW_MS),
                sellers.group_by(|seller| *seller),
            )
            .drop_key()
            .for_each(move |_| sum.add(checksum::q8(1)));
    })
}

/// A share of the checksum kept beside the loop, added to the whole when the operator that owns it ends.
struct Sum {
    whole: Arc<AtomicU64>,
    share: u64,
}

impl Sum {
    #[inline(always)]
    fn add(&mut self, share: u64) {
        self.share = self.share.wrapping_add(share);
    }
}

/// Each copy of an operator starts with a share of nothing.
impl Clone for Sum {
    fn clone(&self) -> Self {
        Sum {
            whole: self.whole.clone(),
            share: 0,
        }
    }
}

impl Drop for Sum {
    fn drop(&mut self) {
        self.whole.fetch_add(self.share, Relaxed);
    }
}

/// Builds a graph over the events, runs it to its end and returns its checksum.
fn run(events: &'static [Ev], build: impl FnOnce(Stream<EventSource>, Sum)) -> u64 {
    let whole = Arc::new(AtomicU64::new(0));
    let config = RuntimeConfig::local(1).expect("one local worker is a valid configuration");
    let context = StreamContext::new(config);
    let source = IteratorSource::new(events.iter().copied());
    let stream = context.stream(source).batch_mode(BatchMode::fixed(BATCH));
    let sum = Sum {
        whole: whole.clone(),
        share: 0,
    };
    build(stream, sum);
    context.execute_blocking();
    whole.load(Relaxed)
}

type EventSource = IteratorSource<std::iter::Copied<std::slice::Iter<'static, Ev>>>;

/// The events with their event time and watermarks.
fn stamped(events: Stream<EventSource>) -> Stream<impl Operator<Out = Ev>> {
    let mut since_watermark = 0;
    events.add_timestamps(Ev::ts, move |_, ts| {
        since_watermark += 1;
        (since_watermark % WATERMARK_EVERY == 0).then_some(*ts)
    })
}
