//! Whitebeam's rows: each query as a user writes it, on the batch runner with one worker.
//!
//! Owns the pipelines and the sink that reduces answers to checksums. Deliberately uses the public
//! typed API only: nothing here or behind it knows that it is being measured.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use whitebeam::prelude::*;

use crate::checksum;
use crate::events::{Bid, Ev};

mod checksum_sink;
use checksum_sink::Checksum;

/// The events as a pipeline's memory source shares them; copied once, before anything is timed.
fn shared(events: &'static [Ev]) -> Arc<Vec<Ev>> {
    static SHARED: OnceLock<Arc<Vec<Ev>>> = OnceLock::new();
    let all = SHARED.get_or_init(|| Arc::new(events.to_vec()));
    if all.len() == events.len() {
        Arc::clone(all)
    } else {
        Arc::new(events.to_vec())
    }
}

fn time(event: &Ev) -> Timestamp {
    Timestamp::from_millis(event.ts())
}

/// Copies the events to where the pipelines share them.
pub(crate) fn prepare(events: &'static [Ev]) {
    drop(shared(events));
}

fn ordered(p: &Pipeline, events: &'static [Ev]) -> PCollection<Ev> {
    p.read(MemorySource::new(shared(events)).event_time(time).ordered())
}

fn unordered(p: &Pipeline, events: &'static [Ev]) -> PCollection<Ev> {
    let source = MemorySource::new(shared(events)).event_time(time);
    p.read(source.bounded_out_of_orderness(seconds(1)))
}

type Read = fn(&Pipeline, &'static [Ev]) -> PCollection<Ev>;

/// Builds a pipeline with `query`, runs it and gives the checksum of its answer.
#[allow(
    clippy::expect_used,
    reason = "a benchmark whose pipeline fails has no figure"
)]
fn run<T: Element>(
    events: &'static [Ev],
    read: Read,
    query: fn(PCollection<Ev>) -> PCollection<T>,
    share: impl Fn(&T) -> u64 + Copy + Send + Sync + 'static,
) -> u64 {
    let p = Pipeline::new();
    let sum = Arc::new(AtomicU64::new(0));
    query(read(&p, events)).write(Checksum::new(share, Arc::clone(&sum)));
    BatchRunner::new()
        .parallelism(1)
        .run(&p)
        .expect("the pipelines of the suite are valid and read from memory");
    sum.load(Relaxed)
}

fn bid(event: Ev) -> Option<Bid> {
    match event {
        Ev::Bid(bid) => Some(bid),
        _ => None,
    }
}

pub(crate) fn q0(events: &'static [Ev]) -> u64 {
    run(events, ordered, |all| all, |event| checksum::q0(event.ts()))
}

pub(crate) fn q1(events: &'static [Ev]) -> u64 {
    let query = |all: PCollection<Ev>| all.fuse(|k| k.filter_map(bid).map(checksum::in_euros));
    run(events, ordered, query, checksum::q1)
}

pub(crate) fn q1_separate(events: &'static [Ev]) -> u64 {
    let query = |all: PCollection<Ev>| all.filter_map(bid).map(checksum::in_euros);
    run(events, ordered, query, checksum::q1)
}

pub(crate) fn q2(events: &'static [Ev]) -> u64 {
    let query = |all: PCollection<Ev>| {
        all.fuse(|k| {
            k.filter_map(bid)
                .filter(checksum::is_chosen)
                .map(|b| (b.auction, b.price))
        })
    };
    run(events, ordered, query, |&(auction, price)| {
        checksum::q2(auction, price)
    })
}

pub(crate) fn q2_separate(events: &'static [Ev]) -> u64 {
    let query = |all: PCollection<Ev>| {
        all.filter_map(bid)
            .filter(checksum::is_chosen)
            .map(|b| (b.auction, b.price))
    };
    run(events, ordered, query, |&(auction, price)| {
        checksum::q2(auction, price)
    })
}

/// The better of two (auction, count).
struct Hottest;

impl CombineFn<(u64, u64)> for Hottest {
    type Acc = (u64, u64);
    type Output = (u64, u64);
    fn create(&self) -> (u64, u64) {
        (u64::MAX, 0)
    }
    fn add(&self, best: &mut (u64, u64), value: (u64, u64)) {
        if checksum::is_hotter(value.0, value.1, best.0, best.1) {
            *best = value;
        }
    }
    fn merge(&self, best: &mut (u64, u64), other: (u64, u64)) {
        self.add(best, other);
    }
    fn extract(&self, best: (u64, u64)) -> (u64, u64) {
        best
    }
}

fn hottest(all: PCollection<Ev>) -> PCollection<(u64, u64)> {
    all.fuse(|k| k.filter_map(bid).map(|b| b.auction))
        .window(SlidingWindows::of(seconds(10)).every(seconds(2)))
        .count_per_element()
        .combine_globally_without_defaults(Hottest)
}

pub(crate) fn q5(events: &'static [Ev]) -> u64 {
    run(events, ordered, hottest, |&(auction, count)| {
        checksum::q5(auction, count)
    })
}

pub(crate) fn q5_unordered(events: &'static [Ev]) -> u64 {
    run(events, unordered, hottest, |&(auction, count)| {
        checksum::q5(auction, count)
    })
}

fn highest(all: PCollection<Ev>) -> PCollection<Option<u64>> {
    all.fuse(|k| k.filter_map(bid).map(|b| b.price))
        .window(FixedWindows::of(seconds(10)))
        .combine_globally_without_defaults(Max)
}

pub(crate) fn q7(events: &'static [Ev]) -> u64 {
    run(events, ordered, highest, |price| {
        price.map_or(0, checksum::q7)
    })
}

pub(crate) fn q7_unordered(events: &'static [Ev]) -> u64 {
    run(events, unordered, highest, |price| {
        price.map_or(0, checksum::q7)
    })
}

fn person(event: Ev) -> Option<(u64, ())> {
    match event {
        Ev::Person(person) => Some((person.id, ())),
        _ => None,
    }
}

fn auction(event: Ev) -> Option<(u64, u64)> {
    match event {
        Ev::Auction(auction) => Some((auction.seller, auction.reserve)),
        _ => None,
    }
}

/// Persons joined with the auctions they opened in the same fixed window.
fn joined(all: PCollection<Ev>) -> PCollection<(u64, ((), u64))> {
    let all = all.window(FixedWindows::of(seconds(10)));
    let auctions = all.clone().filter_map(auction);
    all.filter_map(person).inner_join(auctions)
}

pub(crate) fn q8(events: &'static [Ev]) -> u64 {
    run(events, ordered, joined, |_| checksum::q8(1))
}

pub(crate) fn q8_unordered(events: &'static [Ev]) -> u64 {
    run(events, unordered, joined, |_| checksum::q8(1))
}

pub(crate) fn q11(events: &'static [Ev]) -> u64 {
    let query = |all: PCollection<Ev>| {
        all.fuse(|k| k.filter_map(bid).map(|b| b.bidder))
            .window(Sessions::with_gap(seconds(10)))
            .count_per_element()
    };
    run(events, ordered, query, |&(bidder, count)| {
        checksum::q11(bidder, count)
    })
}

fn counted(all: PCollection<Ev>, windowing: Windowing) -> PCollection<(u64, u64)> {
    all.fuse(|k| k.filter_map(bid).map(|b| b.auction))
        .window(windowing)
        .count_per_element()
}

/// Elements seen by all panes: the share of an answer that does not depend on how often it fires.
fn pane_count(&(_, count): &(u64, u64)) -> u64 {
    count
}

/// Count per key in fixed windows under the default trigger: what `triggers` is compared with.
pub(crate) fn triggers_default(events: &'static [Ev]) -> u64 {
    let query = |all| counted(all, FixedWindows::of(seconds(10)));
    run(events, ordered, query, pane_count)
}

/// The same with early firings by count, late firings and lateness.
pub(crate) fn triggers(events: &'static [Ev]) -> u64 {
    let query = |all| {
        let trigger = AfterWatermark::past_end_of_window()
            .early(AfterPane::element_count(10))
            .late(AfterPane::element_count(1));
        let windowing = FixedWindows::of(seconds(10))
            .trigger(trigger)
            .allowed_lateness(seconds(10))
            .discarding();
        counted(all, windowing)
    };
    run(events, ordered, query, pane_count)
}
