//! The naive interpreter of the model: what one grouping step (GroupByKey, Combine) must emit.
//!
//! Owns a slow, from-scratch reading of windows, triggers, holds, panes and lateness, written to be
//! checked by eye and used as the judge of the real engine in property tests and in the recorded
//! scenarios. Deliberately shares no code with the sdk or with `runner-core`: a fault copied into
//! both would go unseen. Nothing here is fast, concurrent or persistent.
//!
//! Invariant: the interpreter depends on plain integers and its own types only.
//!
//! Words used throughout, after the Beam model: *EOW* is a window's last instant, *GC* is the
//! instant after which a window is forgotten (EOW plus allowed lateness).

mod generate;
mod interpreter;
mod scenario;
mod strategy;
mod trigger;
mod window_state;
mod windows;

#[cfg(test)]
mod tests;

pub use generate::{random_actions, random_strategy};
pub use interpreter::{Dropped, Interpreter, Step, Unwindowed};
pub use scenario::{Action, Expected, Outcome, PaneRecord, Scenario, check, difference, replay};
pub use strategy::{
    Accumulation, Closing, OnTime, Strategy, TimestampCombiner, Trigger, WindowKind,
};
pub use window_state::{Pane, Timing};
/// Last instant of the global window, one day before [`MAX`].
pub use windows::END_OF_GLOBAL_WINDOW;
pub use windows::{MAX, MIN, Timestamp, Window};
