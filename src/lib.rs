//! Whitebeam: write a typed pipeline once, choose a runner at start.
//!
//! The facade: re-exports what a user needs from one dependency. Owns no behaviour of its own but
//! the command line of pipeline binaries.

pub use whitebeam_sdk::*;

/// Runners.
pub mod runners {
    #[cfg(feature = "batch")]
    pub use whitebeam_runner_batch::{BatchReport, BatchRunner};
}

/// Everything that a pipeline needs, to be imported whole.
pub mod prelude {
    #[cfg(feature = "batch")]
    pub use crate::runners::BatchRunner;
    pub use whitebeam_sdk::source::MemorySource;
    pub use whitebeam_sdk::time::{days, hours, micros, millis, minutes, seconds};
    pub use whitebeam_sdk::combine::CombineFn;
    pub use whitebeam_sdk::trigger::{
        AfterPane, AfterProcessingTime, AfterWatermark, Trigger, repeatedly,
    };
    pub use whitebeam_sdk::window::{FixedWindows, GlobalWindows, Sessions, SlidingWindows};
    pub use whitebeam_sdk::{Duration, Element, Error, Key, PCollection, Pipeline, Result, Timestamp};
}
