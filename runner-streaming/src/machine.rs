//! `Machine`: something that is polled.
//!
//! Owns the contract between what works and what drives it: a thread of its own, or one seeded loop
//! over all.

use crate::exchange::Bell;
use std::sync::Arc;
use std::time::Duration;

/// What a turn did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Something; there may be more at once.
    Worked,
    /// Nothing. Not again before the bell rings, or so much time has passed.
    Idle(Option<Duration>),
    /// Nothing ever again.
    Over,
}

/// Something that is polled.
pub(crate) trait Machine: Send {
    /// Does a little, and never waits.
    fn turn(&mut self) -> Turn;
    /// What wakes it.
    fn bell(&self) -> &Arc<Bell>;
}
