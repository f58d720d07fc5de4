//! A test without its server: skipped by name, or failed in CI.

use std::panic::Location;

use crate::skip::skip;

/// Says that the running test is skipped; panics where `CI` is `true`, for there nothing may be.
///
/// The test is known by the name of its thread, or by its place when it runs on the main thread.
#[track_caller]
pub(super) fn missing(why: &str) {
    let place = Location::caller();
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "{why}");
    let thread = std::thread::current();
    match thread.name() {
        None | Some("main") => skip(&format!("{}:{}", place.file(), place.line()), why),
        Some(test) => skip(test, why),
    }
}
