//! `cargo xtask conformance ...`: the conformance program of the `tests` package.
//!
//! All words are that program's own, its closing totals and its exit code too.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;

use crate::error::Result;
use crate::process::{cargo, run as run_process};

/// What to run, on which runner.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// For example `scenarios FILE... --runner local --store slow`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<OsString>,
}

/// Builds the program in release and hands over; files are relative to where one stands.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    run_process(
        cargo(Path::new("."))
            .args(["run", "--release", "--quiet", "--manifest-path"])
            .arg(root.join("tests/Cargo.toml"))
            .args(["--bin", "conformance", "--"])
            .args(&options.words),
    )
}
