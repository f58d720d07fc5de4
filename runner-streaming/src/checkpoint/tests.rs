//! The directory on a simulated disk: what is published survives, what is not never shows.
//!
//! `rig` is a small job over the directory with an output outside of the machine; its answer is
//! known, so that every test ends with the same question.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod crashes;
mod ground;
mod instances;
mod life;
mod parts;
mod rig;
mod rot;
mod rules;
mod schedules;
mod sleepers;
