//! The windowed queries on timely: q5, q7 and q8.
//!
//! Owns their operators. Every operator holds one capability per open window, at the window's end, and gives it up
//! when it emits. Deliberately uses `hashbrown` with `foldhash`, not the tables of the limit: a user of timely would.
//! The invariant: a window is emitted once the frontier has reached its end, never earlier.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::vec::Map as _;
use timely::dataflow::operators::{Capability, Operator};
use timely::progress::frontier::MutableAntichain;

use super::{run, sink};
use crate::checksum::{self, PANES_PER_WINDOW, SLIDE_MS, WINDOW_MS};
use crate::events::Ev;

type Map<K, V> = hashbrown::HashMap<K, V, foldhash::fast::FixedState>;
type Set<K> = hashbrown::HashSet<K, foldhash::fast::FixedState>;

#[inline(always)]
fn hash(key: u64) -> u64 {
    foldhash::fast::FixedState::default().hash_one(key)
}

/// Bids on an auction within one slide.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct PaneCount {
    auction: u64,
    pane: i64,
    bids: u64,
}

/// A candidate for the answer of one window: for q5 an auction and its bids, for q7 a price alone.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Candidate {
    window: i64,
    auction: u64,
    value: u64,
}

/// Every bid is exchanged by auction and counted.
pub(crate) fn q5(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        let single = events.flat_map(|event| {
            event.bid().map(|bid| PaneCount {
                auction: bid.auction,
                pane: bid.ts / SLIDE_MS,
                bids: 1,
            })
        });
        let best = best_per_window(hottest_of_worker(single));
        sink(best, sum, |best| checksum::q5(best.auction, best.value));
    })
}

/// Bids are counted per auction and batch before the exchange.
pub(crate) fn q5_tuned(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        let counted: StreamVec<'_, u64, PaneCount> =
            events.unary(Pipeline, "count batch", |_, _| {
                let mut counts: Map<(u64, i64), u64> = Map::default();
                move |input, output| {
                    input.for_each_time(|time, batches| {
                        for bid in batches
                            .flat_map(|batch| batch.drain(..))
                            .filter_map(Ev::bid)
                        {
                            *counts.entry((bid.auction, bid.ts / SLIDE_MS)).or_insert(0) += 1;
                        }
                        let drained = counts.drain();
                        output.session(&time).give_iterator(drained.map(
                            |((auction, pane), bids)| PaneCount {
                                auction,
                                pane,
                                bids,
                            },
                        ));
                    });
                }
            });
        let best = best_per_window(hottest_of_worker(counted));
        sink(best, sum, |best| checksum::q5(best.auction, best.value));
    })
}

/// Exchanges counts by auction; emits each window's hottest auction among those of this worker.
///
/// A window is named by the slide it ends with, so that it covers the panes before.
fn hottest_of_worker<'s>(counts: StreamVec<'s, u64, PaneCount>) -> StreamVec<'s, u64, Candidate> {
    let by_auction = Exchange::new(|count: &PaneCount| hash(count.auction));
    counts.unary_frontier(by_auction, "hottest", |_, _| {
        let mut panes: BTreeMap<i64, Map<u64, u64>> = BTreeMap::new();
        let mut windows: BTreeMap<i64, Capability<u64>> = BTreeMap::new();
        let mut totals = Map::default();
        move |(input, frontier), output| {
            // The pane being counted is taken out of the tree, which then is asked once per pane, not per bid.
            let mut current = i64::MIN;
            let mut pane: Map<u64, u64> = Map::default();
            input.for_each_time(|time, batches| {
                for count in batches.flat_map(|batch| batch.drain(..)) {
                    if count.pane != current {
                        panes.insert(current, std::mem::take(&mut pane));
                        current = count.pane;
                        pane = panes.remove(&current).unwrap_or_else(|| {
                            for end in current + 1..=current + PANES_PER_WINDOW {
                                let end_ms = (end * SLIDE_MS) as u64;
                                windows
                                    .entry(end)
                                    .or_insert_with(|| time.delayed(&end_ms, 0));
                            }
                            Map::default()
                        });
                    }
                    *pane.entry(count.auction).or_insert(0) += count.bids;
                }
            });
            panes.insert(current, pane);
            panes.remove(&i64::MIN);
            while let Some(entry) = windows.first_entry() {
                let end = *entry.key();
                if frontier.less_than(&((end * SLIDE_MS) as u64)) {
                    break;
                }
                let capability = entry.remove();
                if let Some(hottest) = hottest_of_window(&panes, end, &mut totals) {
                    output.session(&capability).give(hottest);
                }
                panes.retain(|pane, _| *pane > end - PANES_PER_WINDOW);
            }
        }
    })
}

fn hottest_of_window(
    panes: &BTreeMap<i64, Map<u64, u64>>,
    end: i64,
    totals: &mut Map<u64, u64>,
) -> Option<Candidate> {
    totals.clear();
    for (_, pane) in panes.range(end - PANES_PER_WINDOW..end) {
        for (auction, bids) in pane {
            *totals.entry(*auction).or_insert(0) += bids;
        }
    }
    let hottest = totals
        .iter()
        .max_by_key(|(auction, bids)| (**bids, std::cmp::Reverse(**auction)));
    hottest.map(|(&auction, &value)| Candidate {
        window: end,
        auction,
        value,
    })
}

/// Exchanges the candidates by window; emits the best of each once no more can come.
fn best_per_window<'s>(candidates: StreamVec<'s, u64, Candidate>) -> StreamVec<'s, u64, Candidate> {
    let by_window = Exchange::new(|candidate: &Candidate| candidate.window as u64);
    candidates.unary_frontier(by_window, "best", |_, _| {
        let mut windows = BestOfWindows::default();
        move |(input, frontier), output| {
            input.for_each_time(|time, batches| {
                for candidate in batches.flat_map(|batch| batch.drain(..)) {
                    windows.offer(candidate, || time.retain(0));
                }
            });
            // A candidate travels at the end of its window: another may come while the frontier stands there.
            while let Some((capability, best)) = windows.pop(|end| !frontier.less_equal(end)) {
                output.session(&capability).give(best);
            }
        }
    })
}

/// The best candidate of each open window, with the right to emit it.
#[derive(Default)]
struct BestOfWindows {
    windows: BTreeMap<i64, (Capability<u64>, Candidate)>,
}

impl BestOfWindows {
    #[inline(always)]
    fn offer(&mut self, candidate: Candidate, capability: impl FnOnce() -> Capability<u64>) {
        match self.windows.get_mut(&candidate.window) {
            Some((_, best)) => {
                let (auction, value) = (candidate.auction, candidate.value);
                if checksum::is_hotter(auction, value, best.auction, best.value) {
                    *best = candidate;
                }
            }
            None => {
                self.windows
                    .insert(candidate.window, (capability(), candidate));
            }
        }
    }

    /// Takes the first window, if its time is over.
    fn pop(&mut self, is_over: impl Fn(&u64) -> bool) -> Option<(Capability<u64>, Candidate)> {
        let entry = self.windows.first_entry()?;
        is_over(entry.get().0.time()).then(|| entry.remove())
    }
}

/// Bids as (window, price), the maximum of the worker, the maximum of all.
pub(crate) fn q7(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        let prices = events.flat_map(|event| event.bid().map(price_of));
        let of_worker: StreamVec<'_, u64, Candidate> =
            prices.unary_frontier(Pipeline, "highest", |_, _| {
                let mut windows = BestOfWindows::default();
                move |(input, frontier), output| {
                    input.for_each_time(|time, batches| {
                        for price in batches.flat_map(|batch| batch.drain(..)) {
                            let end = window_end(price.window);
                            windows.offer(price, || time.delayed(&end, 0));
                        }
                    });
                    while let Some((capability, best)) =
                        windows.pop(|end| is_reached(frontier, *end))
                    {
                        output.session(&capability).give(best);
                    }
                }
            });
        sink(best_per_window(of_worker), sum, |best| {
            checksum::q7(best.value)
        });
    })
}

/// The maximum of each batch straight from the events, then the maximum of all.
pub(crate) fn q7_tuned(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        let of_batch: StreamVec<'_, u64, Candidate> =
            events.unary(Pipeline, "highest of batch", |_, _| {
                move |input, output| {
                    input.for_each_time(|time, batches| {
                        let mut best: Option<Candidate> = None;
                        let mut earlier = Vec::new();
                        for bid in batches
                            .flat_map(|batch| batch.drain(..))
                            .filter_map(Ev::bid)
                        {
                            match &mut best {
                                Some(best) if bid.ts < window_end(best.window) as i64 => {
                                    best.value = best.value.max(bid.price);
                                }
                                _ => earlier.extend(best.replace(price_of(bid))),
                            }
                        }
                        // At the end of the window, where `best_per_window` expects its candidates.
                        for best in earlier.into_iter().chain(best) {
                            let end = time.delayed(&window_end(best.window), 0);
                            output.session(&end).give(best);
                        }
                    });
                }
            });
        sink(best_per_window(of_batch), sum, |best| {
            checksum::q7(best.value)
        });
    })
}

fn price_of(bid: crate::events::Bid) -> Candidate {
    Candidate {
        window: bid.ts / WINDOW_MS,
        // One and the same for all: q7 asks for the price only.
        auction: 0,
        value: bid.price,
    }
}

/// End of a fixed window, in milliseconds.
#[inline(always)]
fn window_end(window: i64) -> u64 {
    ((window + 1) * WINDOW_MS) as u64
}

fn is_reached(frontier: &MutableAntichain<u64>, end: u64) -> bool {
    !frontier.less_than(&end)
}

/// One window of q8.
struct Join {
    capability: Capability<u64>,
    persons: Set<u64>,
    sellers: Vec<u64>,
}

impl Join {
    fn at(capability: Capability<u64>) -> Self {
        Join {
            capability,
            persons: Set::default(),
            sellers: Vec::new(),
        }
    }
}

/// Two streams from all events, joined.
pub(crate) fn q8(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        sink(join(events), sum, |_| checksum::q8(1))
    })
}

/// The same after bids have been dropped.
pub(crate) fn q8_tuned(events: &'static [Ev]) -> u64 {
    use timely::dataflow::operators::vec::Filter as _;
    run(events, |events, sum| {
        let without_bids = events.filter(|event| !matches!(event, Ev::Bid(_)));
        sink(join(without_bids), sum, |_| checksum::q8(1));
    })
}

/// Matching sellers, by the end of their window; both inputs are exchanged as (person, window).
fn join<'s>(events: StreamVec<'s, u64, Ev>) -> StreamVec<'s, u64, u64> {
    let persons = events.clone().flat_map(|event| match event {
        Ev::Person(person) => Some((person.id, person.ts / WINDOW_MS)),
        _ => None,
    });
    let sellers = events.flat_map(|event| match event {
        Ev::Auction(auction) => Some((auction.seller, auction.ts / WINDOW_MS)),
        _ => None,
    });
    let by_person = || Exchange::new(|(person, _): &(u64, i64)| hash(*person));
    persons.binary_frontier(sellers, by_person(), by_person(), "join", |_, _| {
        let mut windows: BTreeMap<i64, Join> = BTreeMap::new();
        move |(persons, before_persons), (sellers, before_sellers), output| {
            persons.for_each_time(|time, batches| {
                for (person, window) in batches.flat_map(|batch| batch.drain(..)) {
                    let open = || Join::at(time.delayed(&window_end(window), 0));
                    windows
                        .entry(window)
                        .or_insert_with(open)
                        .persons
                        .insert(person);
                }
            });
            sellers.for_each_time(|time, batches| {
                for (seller, window) in batches.flat_map(|batch| batch.drain(..)) {
                    let open = || Join::at(time.delayed(&window_end(window), 0));
                    windows
                        .entry(window)
                        .or_insert_with(open)
                        .sellers
                        .push(seller);
                }
            });
            while let Some(entry) = windows.first_entry() {
                let end = window_end(*entry.key());
                if !is_reached(before_persons, end) || !is_reached(before_sellers, end) {
                    break;
                }
                let Join {
                    capability,
                    persons,
                    sellers,
                } = entry.remove();
                let matches = sellers
                    .into_iter()
                    .filter(|seller| persons.contains(seller));
                output.session(&capability).give_iterator(matches);
            }
        }
    })
}
