//! `Channel`: from one sender to one receiver, in order, bounded in bytes.
//!
//! Owns the queue, the credit and the buffers on their way back. A sender that has credit may
//! overshoot by one batch; credit returns when the receiver is done with a batch. Control messages
//! need no credit and are bounded all the same: watermarks that meet in the queue become one, and of
//! barriers and ends there are only as many as epochs under way, and one.

use super::Bell;
use crate::mutant::{Mutant, is_on};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::erase::ErasedBatch;
use whitebeam_sdk::sink::Epoch;

/// What travels.
#[derive(Debug)]
pub(crate) enum Message {
    /// Elements.
    Batch(Box<dyn ErasedBatch>),
    /// No on-time element before it follows.
    Watermark(Timestamp),
    /// Everything before it belongs to the epoch, nothing after it does.
    Barrier(Epoch),
    /// Nothing follows.
    End,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Message>,
    empties: Vec<Box<dyn ErasedBatch>>,
}

/// From one sender to one receiver.
#[derive(Debug)]
pub(crate) struct Channel {
    state: Mutex<State>,
    /// Bytes sent and not yet given back.
    in_flight: Arc<AtomicUsize>,
    budget: usize,
    sender: Arc<Bell>,
    receiver: Arc<Bell>,
}

/// Empty buffers kept for the sender.
const EMPTIES: usize = 4;

/// What a batch costs beside its values.
const OVERHEAD: usize = 64;

impl Channel {
    /// A channel of `budget` bytes between the workers with these bells. `spent` counts what is in
    /// flight, for this channel alone.
    pub(crate) fn new(
        budget: usize,
        spent: Arc<AtomicUsize>,
        sender: Arc<Bell>,
        receiver: Arc<Bell>,
    ) -> Self {
        Channel {
            state: Mutex::default(),
            in_flight: spent,
            budget,
            sender,
            receiver,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can fail while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a batch may be sent.
    pub(crate) fn has_credit(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) < self.budget
    }

    /// Bytes sent and not yet given back.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Sends a batch; answers an empty buffer if one came back.
    pub(crate) fn send(&self, batch: Box<dyn ErasedBatch>) -> Option<Box<dyn ErasedBatch>> {
        self.in_flight.fetch_add(cost(&*batch), Ordering::AcqRel);
        let mut state = self.lock();
        state.queue.push_back(Message::Batch(batch));
        let empty = state.empties.pop();
        drop(state);
        self.receiver.ring();
        empty
    }

    /// Sends a message that needs no credit.
    pub(crate) fn control(&self, message: Message) {
        let mut state = self.lock();
        if let (Message::Watermark(_), Some(Message::Watermark(_))) = (&message, state.queue.back())
        {
            state.queue.pop_back();
        }
        if is_on(Mutant::BarrierOvertakes) && matches!(message, Message::Barrier(_)) {
            state.queue.push_front(message);
        } else {
            state.queue.push_back(message);
        }
        drop(state);
        self.receiver.ring();
    }

    /// The next message.
    pub(crate) fn receive(&self) -> Option<Message> {
        self.lock().queue.pop_front()
    }

    /// The receiver is done with a batch that cost `cost`; its buffer goes back.
    pub(crate) fn give_back(&self, mut empty: Box<dyn ErasedBatch>, cost: usize) {
        let before = self.in_flight.fetch_sub(cost, Ordering::AcqRel);
        empty.clear();
        let mut state = self.lock();
        if state.empties.len() < EMPTIES {
            state.empties.push(empty);
        }
        drop(state);
        if before >= self.budget {
            self.sender.ring();
        }
    }
}

/// What a batch costs, to be given back with [`Channel::give_back`].
pub(crate) fn cost(batch: &dyn ErasedBatch) -> usize {
    batch.bytes() + OVERHEAD
}
