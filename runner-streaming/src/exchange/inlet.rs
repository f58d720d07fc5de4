//! `Inlet`: what enters a stage from one exchange, with the alignment of its channels.
//!
//! Owns, per channel, the watermark, whether it is idle, and the barrier it waits behind. Does not
//! own what a barrier does. Invariants: a channel is not read behind its barrier; the inlet's
//! watermark never moves back, and never passes that of a live channel that is not idle, unless it
//! had passed it before that channel came back from idleness.

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
    is_idle: bool,
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
    /// A lane was idle at some time, so that inlets of other workers may have come further.
    was_idle: bool,
}

impl Inlet {
    /// Reads `channels`; what was promised before a restart is `floor`.
    pub(crate) fn new(channels: Vec<Arc<Channel>>, floor: Timestamp) -> Self {
        let lanes = channels.into_iter().map(|channel| Lane {
            channel,
            watermark: Timestamp::MIN,
            is_idle: false,
            barrier: None,
            has_ended: false,
        });
        Inlet {
            lanes: lanes.collect(),
            next: 0,
            watermark: floor,
            was_idle: false,
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
            Message::Batch(batch) => {
                lane.is_idle = false;
                return Some(batch);
            }
            Message::Watermark(to) => {
                lane.is_idle = false;
                lane.watermark = lane.watermark.max(to);
            }
            Message::Idle => {
                lane.is_idle = true;
                self.was_idle = true;
            }
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
        let heard = live.filter(|l| !l.is_idle).map(|l| l.watermark).min();
        let combined = match heard {
            Some(least) => least,
            None if self.has_ended() => Timestamp::MAX,
            // Who is idle may come back: nothing is promised for it.
            None => self.watermark,
        };
        self.watermark = self.watermark.max(combined);
    }

    /// The promise of all lanes together.
    pub(crate) fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Every lane that lives is idle, and there is one.
    pub(crate) fn is_idle(&self) -> bool {
        !self.has_ended() && self.lanes.iter().all(|l| l.has_ended || l.is_idle)
    }

    /// A lane was idle at some time.
    pub(crate) fn was_idle(&self) -> bool {
        self.was_idle
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
