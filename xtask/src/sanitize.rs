//! `cargo xtask sanitize`: tests of the packages that own `unsafe` modules,
//! under AddressSanitizer.
//!
//! ThreadSanitizer is left out on purpose: without a rebuilt standard library
//! it gives false alarms.

use std::path::Path;

use crate::error::{Error, Result};
use crate::process::{capture, cargo};
use crate::totals;
use crate::workspace::Metadata;

/// A package run under the sanitizer; `tidy` sees to it that every module with
/// `unsafe` lies in one.
#[derive(Debug)]
pub(crate) struct Sanitized {
    name: &'static str,
    /// Its sources.
    pub(crate) folder: &'static str,
}

/// Every package that may own `unsafe`.
pub(crate) const SANITIZED: [Sanitized; 3] = [
    Sanitized {
        name: "whitebeam-sdk",
        folder: "sdk/src/",
    },
    Sanitized {
        name: "whitebeam-runner-core",
        folder: "runner-core/src/",
    },
    Sanitized {
        name: "whitebeam-io",
        folder: "io/src/",
    },
];

/// Without these some modules with `unsafe` are not built.
const FEATURES: &str = "whitebeam-io/kafka";

/// Leaks of others, each with its reason.
const LEAKS: &str = "xtask/src/sanitize/leaks.txt";

/// Runs library and integration tests with a target directory of their own;
/// nothing to run is a failure.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = Metadata::members_only(root)?;
    let target_dir = metadata.target_directory.join("asan");
    // Naming the target keeps the sanitizer out of build scripts and macros.
    let triple = host(root)?;
    let mut command = cargo(root);
    command
        .args(["test", "--no-fail-fast", "--lib", "--tests"])
        .args(["--features", FEATURES])
        .args(["--target", &triple, "--target-dir"])
        .arg(target_dir)
        // The stable compiler has the sanitizer, behind this door.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env(
            "LSAN_OPTIONS",
            format!("suppressions={}", root.join(LEAKS).display()),
        );
    for package in &SANITIZED {
        command.args(["-p", package.name]);
    }
    let totals = totals::of(&mut command)?;
    println!("{totals}");
    totals.verdict()
}

fn host(root: &Path) -> Result<String> {
    let text = capture(cargo(root).arg("-vV"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| Error::Verdict("`cargo -vV` names no host".to_owned()))
}
