//! `cargo xtask bench <suite>`: programs of the `benches` package, which is
//! outside the workspace because of the peers it compares with.
//!
//! Everything after the suite's name is that program's own.

use std::ffi::OsString;
use std::path::Path;

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::process::{cargo, run as run_process};

/// Which suite, with which of its options.
#[derive(Debug, Args)]
pub(crate) struct Options {
    suite: Suite,
    /// Options of the suite, such as `--events N`, `--rounds R` or `--json`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Suite {
    /// Kafka beside a bare loop over the same client, and its ways of writing.
    Kafka,
    /// Nexmark queries beside their limits and peers.
    Nexmark,
    /// The revenue job over the whole retail file beside a hand-written loop.
    Revenue,
    /// The streaming runner beside hand-written loops, and under checkpoints.
    Streaming,
}

impl Suite {
    /// The program of the `benches` package.
    fn binary(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Nexmark => "nexmark",
            Self::Revenue => "revenue",
            Self::Streaming => "streaming",
        }
    }
}

/// Builds the suite in release and hands over; files are relative to where one stands.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    run_process(
        cargo(Path::new("."))
            .args(["run", "--quiet", "--release", "--manifest-path"])
            .arg(root.join("benches/Cargo.toml"))
            .args(["--bin", options.suite.binary(), "--"])
            .args(&options.rest),
    )
}
