//! Connectors: sources and sinks of a pipeline, one folder each, by the contracts of the SDK.
//!
//! Knows no runner: readers are polled, writers are handed batches, and neither has a thread or a
//! clock of its own.

#[cfg(any(feature = "log", feature = "kafka"))]
pub mod codec;
pub mod file;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(any(feature = "log", feature = "kafka"))]
pub mod key;
#[cfg(feature = "log")]
pub mod log;
mod machine;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "log", feature = "kafka"))]
pub mod record;
