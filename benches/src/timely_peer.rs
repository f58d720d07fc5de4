//! Nexmark on timely dataflow, on the calling thread.
//!
//! Owns the source, the sink and the stateless queries, each as its documentation would have one write it and, where
//! that helps, tuned: steps fused into one operator, and aggregation before the exchange. Deliberately does not
//! tune what timely itself does: containers, progress and exchange are as they come. The invariant: the source
//! downgrades its capability once per [`CHUNK`] events, and windows close by the frontier alone.

mod windows;

pub(crate) use windows::{q5, q5_tuned, q7, q7_tuned, q8, q8_tuned};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::operators::vec::{Filter, Map};
use timely::dataflow::{Scope, Stream, StreamVec};

use crate::checksum;
use crate::events::{Bid, Ev};

/// Events per activation of the source, and per step of the frontier.
const CHUNK: usize = 4096;

/// The checksum of a run; the sink adds once per batch.
type Sum = Arc<AtomicU64>;

/// Every event passes.
pub(crate) fn q0(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        sink(events, sum, |event| checksum::q0(event.ts()))
    })
}

/// Bids, then the conversion.
pub(crate) fn q1(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        let converted = events.flat_map(Ev::bid).map(checksum::in_euros);
        sink(converted, sum, checksum::q1);
    })
}

/// Both in one operator.
pub(crate) fn q1_tuned(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        let converted = events.flat_map(|event| event.bid().map(checksum::in_euros));
        sink(converted, sum, checksum::q1);
    })
}

/// Bids, then the choice, then the two columns.
pub(crate) fn q2(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        let chosen = events
            .flat_map(Ev::bid)
            .filter(checksum::is_chosen)
            .map(|bid| (bid.auction, bid.price));
        sink(chosen, sum, |&(auction, price)| {
            checksum::q2(auction, price)
        });
    })
}

/// All three in one operator.
pub(crate) fn q2_tuned(events: &'static [Ev]) -> u64 {
    run(events, |events, sum| {
        let columns = |bid: Bid| (bid.auction, bid.price);
        let chosen =
            events.flat_map(move |event| event.bid().filter(checksum::is_chosen).map(columns));
        sink(chosen, sum, |&(auction, price)| {
            checksum::q2(auction, price)
        });
    })
}

/// Builds a dataflow over the events, runs it to its end on this thread and returns its checksum.
fn run<F>(events: &'static [Ev], build: F) -> u64
where
    F: for<'s> FnOnce(StreamVec<'s, u64, Ev>, Sum) + Send + Sync + 'static,
{
    let sum = Sum::default();
    let added = sum.clone();
    timely::execute_directly(move |worker| {
        worker.dataflow::<u64, _, _>(|scope| build(stream(scope, events), added));
    });
    sum.load(Relaxed)
}

/// The events as a stream, at their event time in milliseconds.
fn stream<'s>(scope: Scope<'s, u64>, events: &'static [Ev]) -> StreamVec<'s, u64, Ev> {
    source(scope, "events", move |capability, info| {
        let activator = scope.activator_for(info.address);
        let mut capability = Some(capability);
        let mut chunks = events.chunks(CHUNK);
        move |output| {
            let Some(held) = capability.as_mut() else {
                return;
            };
            match chunks.next() {
                Some(chunk) => {
                    held.downgrade(&(chunk[0].ts() as u64));
                    output.session(&held).give_iterator(chunk.iter().copied());
                    activator.activate();
                }
                None => capability = None,
            }
        }
    })
}

/// Ends a dataflow: adds the share of each row to the checksum.
fn sink<'s, T: Clone + 'static>(
    rows: StreamVec<'s, u64, T>,
    sum: Sum,
    share: impl Fn(&T) -> u64 + 'static,
) {
    let _end: Stream<'s, u64, Vec<()>> =
        rows.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "checksum", |_, _| {
            move |input, _output| {
                input.for_each(|_time, rows| {
                    let shares = rows.drain(..).map(|row| share(&row));
                    sum.fetch_add(shares.fold(0, u64::wrapping_add), Relaxed);
                });
            }
        });
}

#[cfg(test)]
mod tests;
