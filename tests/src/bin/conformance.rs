//! The conformance program: replays recorded scenarios on a runner and judges what happens.
//!
//! Prints each scenario that goes differently, with its first difference, and the totals. Fails if
//! any does.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use whitebeam_runner_local::Options;
use whitebeam_sdk::Result;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_testkit::oracle::Scenario;
use whitebeam_tests::local::judge;

/// Judges a runner by recorded scenarios.
#[derive(Parser)]
enum Command {
    /// Scenarios of a grouping, one a line.
    Scenarios {
        /// Files of scenarios.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Who is judged.
        #[arg(long)]
        runner: Runner,
        /// Where keys and contents are kept.
        #[arg(long, default_value = "fast")]
        store: Store,
        /// Take the general path only, never a fast one.
        #[arg(long)]
        general: bool,
        /// Draw all choices that the model leaves open from this number.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Runner {
    /// The reference runner, playing a test stream.
    Local,
}

#[derive(Clone, Copy, ValueEnum)]
enum Store {
    Fast,
    Slow,
}

impl Store {
    fn kind(self) -> StoreKind {
        match self {
            Store::Fast => StoreKind::Fast,
            Store::Slow => StoreKind::Slow,
        }
    }
}

#[expect(clippy::print_stdout, reason = "the report of the program")]
fn main() -> ExitCode {
    let Command::Scenarios {
        files,
        runner: Runner::Local,
        store,
        general,
        seed,
    } = Command::parse();
    let options = Options {
        seed,
        store: store.kind(),
        general_only: general,
        ..Options::default()
    };
    let mut passed = 0;
    let mut failed = 0;
    for file in &files {
        let lines = match std::fs::read_to_string(file) {
            Ok(lines) => lines,
            Err(error) => {
                println!("{}: {error}", file.display());
                failed += 1;
                continue;
            }
        };
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            match judge_line(line, options) {
                Ok(()) => passed += 1,
                Err(difference) => {
                    println!("{difference}");
                    failed += 1;
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn judge_line(line: &str, options: Options) -> Result<(), String> {
    judge(&Scenario::parse(line)?, options, |_| Ok(()))
}
