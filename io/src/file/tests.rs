//! Sources and sinks against what the whole file says, however it is read.

mod bad_input;
pub(super) mod driver;
mod find;
mod other_user;
mod records;
mod sources;

/// Says by name that a test cannot run here.
pub(super) fn skip(test: &str, why: &str) {
    eprintln!("SKIPPED {test}: {why}");
    if let Some(path) = std::env::var_os("WHITEBEAM_SKIP_FILE") {
        use std::io::Write;
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path);
        writeln!(file.unwrap(), "SKIPPED {test}: {why}").unwrap();
    }
}
