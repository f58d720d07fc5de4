//! The meaning of a graph at run time, shared by all runners: synchronous, no I/O, no clock.
//!
//! - [`plan`] turns a graph into stages and works out how exactly timestamps are needed.
//! - [`stage`] drives the steps of one stage: batches, watermarks, processing time, snapshots.
//! - [`group`] is grouping by key and window: the general path and, beside it, the fast paths that
//!   are proved equal to it.
//! - [`outputs`] shows what sinks staged, all or nothing as far as sinks can.
//! - [`origin`] finds the element that made a step fail.
//!
//! Every rule about windows, triggers, panes and lateness stands here and nowhere else.

mod count;
pub mod group;
pub mod origin;
pub mod outputs;
pub mod plan;
pub mod stage;
mod trigger;

pub use count::StepCount;
