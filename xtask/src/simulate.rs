//! `cargo xtask simulate ...`: the simulation program of the `tests` package.
//!
//! All words are that program's own, its report and its exit code too.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;

use crate::error::Result;
use crate::process::{cargo, run as run_process};

/// Which seeds.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// For example `--seeds 300000`, `--seeds 1 --from 4711`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Builds the program in release and hands over.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    run_process(
        cargo(root)
            .args(["run", "--release", "--quiet", "-p", "whitebeam-tests"])
            .args(["--bin", "simulate", "--"])
            .args(&options.words),
    )
}
