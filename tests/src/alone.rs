//! Tests that need a process of their own, such as those that measure its memory: the peak of a process
//! only grows, and other tests of the same program have part in it.
//!
//! Owns the second start of the test program, which runs the one test and nothing else.

use std::process::Command;

/// Names the test that a process was started for.
const ALONE: &str = "WHITEBEAM_ALONE";

/// Runs `test`, which is the whole of the test `name`, in a new process in which nothing else has run.
///
/// # Panics
///
/// If the test fails there, with what it said.
pub fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var(ALONE).is_ok_and(|wanted| wanted == name) {
        return test();
    }
    let program = std::env::current_exe().expect("a running program has a file");
    let ran = Command::new(program)
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, name)
        .output()
        .expect("a test program can be started again");
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    eprint!("{said}");
    // One that was not found would pass as well.
    let has_run = said.contains("1 passed");
    assert!(ran.status.success() && has_run, "{name}: {}", ran.status);
}

/// Bytes of memory that this process has had at once, at the most; `None` where the system does not
/// tell.
pub fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: usize = peak.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}
