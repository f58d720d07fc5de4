//! The exchange: how batches, watermarks and barriers get from a stage of one worker to a stage of
//! another.
//!
//! Owns one [`Channel`] per (exchange, sender, receiver), what fills it ([`Sender`]) and what reads
//! it ([`Inlet`]). Does not own when anybody works. Invariant: what a sender put into a channel
//! comes out in that order, and credit of one channel is never spent on another.

mod bell;
mod channel;
mod inlet;
mod sender;

pub(crate) use bell::Bell;
pub(crate) use channel::{Channel, Message};
pub(crate) use inlet::{Inlet, Received};
pub(crate) use sender::{Route, Sender};
