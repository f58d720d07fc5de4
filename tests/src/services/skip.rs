//! A test without its server: skipped by name, or failed in CI.

use std::io::Write;
use std::panic::Location;

/// Says that the running test is skipped; panics where `CI` is `true`, for there nothing may be.
///
/// The test is known by the name of its thread, or by its place when it runs on the main thread.
#[track_caller]
pub(super) fn skip(why: &str) {
    let place = Location::caller();
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "{why}");
    let thread = std::thread::current();
    let test = match thread.name() {
        None | Some("main") => format!("{}:{}", place.file(), place.line()),
        Some(name) => name.to_owned(),
    };
    eprintln!("SKIPPED {test}: {why}");
    let Some(path) = std::env::var_os("WHITEBEAM_SKIP_FILE") else {
        return;
    };
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path);
    let written = file.and_then(|mut file| writeln!(file, "SKIPPED {test}: {why}"));
    written.expect("the file of skipped tests can be written");
}
