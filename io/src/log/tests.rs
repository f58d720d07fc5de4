//! What a log promises: to writers, to readers, and to both across crashes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod between;
mod crashes;
mod driver;
mod epochs;
mod places;
mod retention;
mod tails;
mod writing;
