//! Runners, each behind its feature.

#[cfg(feature = "batch")]
pub use whitebeam_runner_batch::{BatchReport, BatchRunner};
#[cfg(feature = "local")]
pub use whitebeam_runner_local::{LocalRunner, Report as LocalReport};
