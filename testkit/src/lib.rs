//! What tests of Whitebeam pipelines and runners share.
//!
//! Owns test-only machinery; nothing here is linked into a pipeline that runs in earnest. Only
//! `test_pipeline` needs a runner, the local one, by the feature `local`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

pub mod contract;
mod expect;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod oracle;
#[cfg(feature = "local")]
mod pipeline_test;
mod recorder;
pub mod sim;
mod stream;

pub use expect::{Expect, Expectations};
#[cfg(feature = "local")]
pub use pipeline_test::{Built, SEED, test_pipeline};
pub use recorder::{Collect, Recorded, Recorder, RecorderWriter};
pub use stream::{TestStream, TestStreams};
