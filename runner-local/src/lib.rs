//! The strict reference runner: one thread, a virtual clock, every choice drawn from a seed.
//!
//! What the model leaves open, this runner varies on purpose between every two steps: the order of
//! elements, how they are cut into batches and bundles, the order in which splits are read. Sources
//! are split by force and opened again at their position; every element crosses its coder. A
//! pipeline whose answer changes with the seed is wrong, or depends on the order of arrival.
//!
//! - [`LocalRunner`] runs a pipeline to its end.
//! - [`LocalRun`] is a run under the caller's hand: one event at a time, each driven until nothing
//!   moves any more; watermarks, drops, holds and snapshots can be looked at in between.
//!
//! Start reading at [`LocalRun::run_to_end`]. No rule about windows, triggers, panes or lateness
//! stands here: they are `runner-core`'s.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod chance;
mod mail;
mod node;
mod reading;
mod report;
mod run;
mod runner;

pub use report::{Report, StepReport};
pub use run::{LocalRun, LocalSnapshot, Options};
pub use runner::LocalRunner;
