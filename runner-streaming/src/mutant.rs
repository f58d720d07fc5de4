//! Deliberate mistakes, to show that the tests would notice them.
//!
//! Owns their names and the switch. Without the feature `mutants` the switch is the constant
//! "off", and nothing of this is in the program.

/// A mistake in the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Mutant {
    /// The output watermark follows the input while an emission is open.
    WatermarkNotHeld,
    /// A snapshot in the midst of an emission leaves out what is still to be emitted.
    EmissionNotSaved,
    /// A barrier passes although a batch is parked before it.
    BarrierPassesParked,
    /// Channels are read behind their barrier.
    NoAlignment,
    /// The barrier goes out before the partial buffers.
    BarrierBeforePartials,
    /// A watermark goes out although a batch that came before it is parked.
    WatermarkPassesParked,
    /// Sinks commit an epoch before its checkpoint is published.
    CommitBeforePublication,
    /// All exchanges of a worker draw on one credit.
    SharedCredit,
    /// A barrier overtakes what waits in its channel.
    BarrierOvertakes,
}

#[cfg(feature = "mutants")]
mod switch {
    use super::Mutant;
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Makes this mistake from now on, on this thread.
    pub fn switch(to: Option<Mutant>) {
        ON.set(to);
    }

    pub(crate) fn is_on(mutant: Mutant) -> bool {
        ON.get() == Some(mutant)
    }
}

#[cfg(feature = "mutants")]
pub(crate) use switch::is_on;
#[cfg(feature = "mutants")]
pub use switch::switch;

#[cfg(not(feature = "mutants"))]
pub(crate) const fn is_on(_: Mutant) -> bool {
    false
}
