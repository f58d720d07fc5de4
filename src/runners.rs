//! Runners, each behind its feature, with what their settings and reports are made of.

#[cfg(feature = "batch")]
pub use whitebeam_runner_batch::{
    BatchReport, BatchRunner, Observer, Progress as BatchProgress, StepCount,
};
#[cfg(feature = "local")]
pub use whitebeam_runner_local::{LocalRunner, Report as LocalReport, StepReport};
#[cfg(feature = "streaming")]
pub use whitebeam_runner_streaming::{
    Completed, End, Epochs, Failed, Metrics, MetricsHandle, Observer as StreamingObserver, Started,
    Stop, StopHandle, StreamingReport, StreamingRunner,
};
pub use whitebeam_sdk::erase::{Dropped, StoreKind};
