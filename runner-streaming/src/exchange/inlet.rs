//! `Inlet`: what enters a stage from one exchange, with the alignment of its channels.
//!
//! Owns, per channel, the watermark and the barrier it waits behind. Does not own what a barrier
//! does. Invariants: a channel is not read behind its barrier; the inlet's watermark never moves
//! back, and is that of the live channel that is furthest behind. So inlets of all workers agree on
//! it once they are aligned.

use super::channel::cost;
use super::{Channel, Message};
use crate::mutant::{Mutant, is_on};
use std::sync::Arc;
use whitebeam_env::Env;
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::erase::ErasedBatch;
use whitebeam_sdk::sink::Epoch;

/// One sender's channel.
#[derive(Debug)]
struct Lane {
    channel: Arc<Channel>,
    watermark: Timestamp,
    barrier: Option<Epoch>,
    has_ended: bool,
}

/// What a look into the inlet found.
#[derive(Debug)]
pub(crate) enum Received {
    /// A batch.
    Batch(Delivery),
    /// Only control messages.
    Control,
    /// Nothing.
    Nothing,
}

/// A batch on loan: its buffer and its credit go back when it has been taken.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) batch: Box<dyn ErasedBatch>,
    lane: usize,
    cost: usize,
}

/// What enters a stage from one exchange.
#[derive(Debug)]
pub(crate) struct Inlet {
    lanes: Vec<Lane>,
    next: usize,
    watermark: Timestamp,
}

impl Inlet {
    /// Reads `channels`; what was promised before a restart is `floor`.
    pub(crate) fn new(channels: Vec<Arc<Channel>>, floor: Timestamp) -> Self {
        let lanes = channels.into_iter().map(|channel| Lane {
            channel,
            watermark: Timestamp::MIN,
            barrier: None,
            has_ended: false,
        });
        Inlet {
            lanes: lanes.collect(),
            next: 0,
            watermark: floor,
        }
    }

    /// Reads up to the next batch, from whichever lane has something and is not behind a barrier.
    /// Barriers up to `cancelled` mean nothing any more.
    pub(crate) fn receive<E: Env>(&mut self, env: &E, cancelled: Option<Epoch>) -> Received {
        let n = self.lanes.len();
        let from = self.next + env.choose(n.max(1));
        let mut found = Received::Nothing;
        for i in 0..n {
            let at = (from + i) % n;
            while self.lanes[at].is_open() {
                let Some(message) = self.lanes[at].channel.receive() else {
                    break;
                };
                if let Some(batch) = self.take(at, message, cancelled) {
                    self.next = (at + 1) % n;
                    return Received::Batch(Delivery {
                        cost: cost(&*batch),
                        batch,
                        lane: at,
                    });
                }
                found = Received::Control;
            }
        }
        found
    }

    fn take(
        &mut self,
        at: usize,
        message: Message,
        cancelled: Option<Epoch>,
    ) -> Option<Box<dyn ErasedBatch>> {
        let lane = &mut self.lanes[at];
        match message {
            Message::Batch(batch) => return Some(batch),
            Message::Watermark(to) => lane.watermark = lane.watermark.max(to),
            Message::Barrier(epoch) if Some(epoch) <= cancelled => {}
            Message::Barrier(epoch) => lane.barrier = Some(epoch),
            Message::End => lane.has_ended = true,
        }
        self.combine();
        None
    }

    /// The stage has taken what was delivered.
    pub(crate) fn give_back(&self, delivery: Delivery) {
        let channel = &self.lanes[delivery.lane].channel;
        channel.give_back(delivery.batch, delivery.cost);
    }

    fn combine(&mut self) {
        let live = self.lanes.iter().filter(|l| !l.has_ended);
        let least = live.map(|l| l.watermark).min().unwrap_or(Timestamp::MAX);
        self.watermark = self.watermark.max(least);
    }

    /// The promise of all lanes together.
    pub(crate) fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Nothing comes any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.lanes.iter().all(|l| l.has_ended)
    }

    /// The barrier that some lane waits behind.
    pub(crate) fn barrier(&self) -> Option<Epoch> {
        self.lanes.iter().filter_map(|l| l.barrier).max()
    }

    /// Every lane has ended or waits behind its barrier.
    pub(crate) fn is_aligned(&self) -> bool {
        self.lanes
            .iter()
            .all(|l| l.has_ended || l.barrier.is_some())
    }

    /// Reads on behind the barriers up to `epoch`.
    pub(crate) fn release(&mut self, epoch: Epoch) {
        for lane in &mut self.lanes {
            lane.barrier = lane.barrier.filter(|behind| *behind > epoch);
        }
    }
}

impl Lane {
    fn is_open(&self) -> bool {
        let blocked = self.barrier.is_some() && !is_on(Mutant::NoAlignment);
        !self.has_ended && !blocked
    }
}
