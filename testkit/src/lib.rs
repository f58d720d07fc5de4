//! What tests of Whitebeam pipelines and runners share.
//!
//! Owns test-only machinery; nothing here is linked into a pipeline that runs in earnest.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

pub mod oracle;
mod recorder;

pub use recorder::{Collect, Recorded, Recorder, RecorderWriter, Row};
