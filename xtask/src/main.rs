//! Repository chores: `cargo xtask <name>`, the same by hand and in CI.
//!
//! Owns the command line only; each chore has a file of its own. No chore knows
//! a rule of the model.
#![allow(
    clippy::print_stdout,
    reason = "a chore talks to the terminal it was typed in"
)]

mod bench;
mod check;
mod conformance;
mod error;
mod features;
mod process;
mod sanitize;
mod services;
mod simulate;
mod soak;
mod steps;
mod test;
mod tidy;
mod totals;
mod without;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Repository chores of Whitebeam.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// The house rules that no compiler knows.
    Tidy,
    /// Format, lints, documentation, tidy, and each feature alone.
    Check,
    /// Every test with the features it needs; ends with the totals.
    Test(test::Options),
    /// Tests of the packages with `unsafe`, under AddressSanitizer.
    Sanitize,
    /// Real servers on this machine, for tests and for trying things out.
    #[command(subcommand)]
    Services(services::Service),
    /// Removes each runner from a copy and builds what is left.
    Without(without::Options),
    /// Benchmarks with their limits and peers.
    Bench(bench::Options),
    /// The conformance scenarios on a runner.
    Conformance(conformance::Options),
    /// Seeds of the simulated streaming runner, crashing.
    Simulate(simulate::Options),
    /// A pipeline under a steady load for long, watched for growth.
    Soak(soak::Options),
}

fn main() -> ExitCode {
    let root = workspace::root();
    let done = match Cli::parse().chore {
        Chore::Tidy => tidy::run(&root),
        Chore::Check => check::run(&root),
        Chore::Test(options) => test::run(&root, &options),
        Chore::Sanitize => sanitize::run(&root),
        Chore::Services(service) => services::run(&root, &service),
        Chore::Without(options) => without::run(&root, &options),
        Chore::Bench(options) => bench::run(&root, &options),
        Chore::Conformance(options) => conformance::run(&root, &options),
        Chore::Simulate(options) => simulate::run(&root, &options),
        Chore::Soak(options) => soak::run(&root, &options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
