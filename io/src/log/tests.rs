//! What a log promises: to writers, to readers, and to both across crashes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod driver;
mod places;
mod writing;
