//! The conformance program: replays recorded scenarios on a runner and judges what happens.
//!
//! Prints each scenario that goes differently, with its first difference, and the totals. Fails if
//! any does.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_testkit::oracle::Scenario;
use whitebeam_tests::{local, streaming::played};

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
        /// Copies of every step.
        #[arg(long, default_value_t = 1)]
        parallelism: usize,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Runner {
    /// The reference runner, playing a test stream.
    Local,
    /// The streaming runner on a simulated machine, playing a test stream.
    Streaming,
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
        runner,
        store,
        general,
        seed,
        parallelism,
    } = Command::parse();
    let group = GroupOptions {
        store: store.kind(),
        general_only: general,
    };
    let judge = |scenario: &Scenario| runner.judge(scenario, group, seed, parallelism);
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
            match Scenario::parse(line).and_then(|of| judge(&of)) {
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

impl Runner {
    fn judge(
        self,
        scenario: &Scenario,
        group: GroupOptions,
        seed: u64,
        parallelism: usize,
    ) -> Result<(), String> {
        match self {
            Runner::Local => {
                let options = whitebeam_runner_local::Options {
                    seed,
                    store: group.store,
                    general_only: group.general_only,
                    copies: parallelism,
                    ..whitebeam_runner_local::Options::default()
                };
                local::judge(scenario, options, |_| Ok(()))
            }
            Runner::Streaming => {
                let options = played::Options {
                    seed,
                    group,
                    parallelism,
                };
                played::judge(scenario, options, |_| Ok(()))
            }
        }
    }
}
