//! Tests that cannot run here say so by name, and are never counted as passed.
//!
//! The other half is `xtask/src/test/skips.rs`, which reads the file that is written here.

use std::io::Write;

/// Says by name that a test could not run here.
pub fn skip(test: &str, why: &str) {
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
