//! Everything that a pipeline needs, to be imported whole.

#[cfg(feature = "batch")]
pub use crate::runners::BatchRunner;
#[cfg(feature = "local")]
pub use crate::runners::LocalRunner;
pub use whitebeam_sdk::combine::{CombineFn, Count, Max, Mean, Min, Sum, Top};
pub use whitebeam_sdk::source::MemorySource;
pub use whitebeam_sdk::time::{days, hours, micros, millis, minutes, seconds};
pub use whitebeam_sdk::trigger::{
    AfterPane, AfterProcessingTime, AfterWatermark, Trigger, repeatedly,
};
pub use whitebeam_sdk::window::{FixedWindows, GlobalWindows, Sessions, SlidingWindows};
pub use whitebeam_sdk::{
    At, Duration, Element, Error, Key, Line, PCollection, PaneTiming, Pipeline, Result, Str,
    Timestamp, Window,
};
