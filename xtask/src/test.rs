//! `cargo xtask test`: every test with the features it needs, documentation
//! tests, every example, a crate from outside, and the workspace without each
//! of its runners.
//!
//! Tests that need a server start it themselves, from what is made ready here.
//!
//! Invariant: the last line is the exact totals, and the exit code is 0 only if
//! something ran and nothing failed.

mod skips;

use std::path::Path;
use std::process::Stdio;

use clap::Args;

use crate::error::{Error, Result};
use crate::features;
use crate::process::{cargo, run as run_process};
use crate::services;
use crate::steps::Steps;
use crate::totals::{self, Totals};
use crate::without;
use crate::workspace::{FACADE, Metadata, Target};
use skips::Skips;

/// How much to test.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Also run what takes long: every crash point that real servers lead to, the whole year of the shop's
    /// orders, and the tests of what is left without each runner instead of only building them.
    #[arg(long)]
    full: bool,
}

/// Tells tests that they have time.
const FULL: &str = "WHITEBEAM_FULL";

/// Runs everything, names what failed or was skipped, and ends with the totals.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let metadata = Metadata::members_only(root)?;
    let skips = Skips::new()?;
    // What is still missing after this is said by the tests that need it, by name.
    services::prepare(root);
    let mut steps = Steps::default();
    let mut totals = Totals::default();
    steps.run("tests of the workspace", || {
        totals += cargo_test(root, &skips, options.full)?;
        totals.verdict()
    });
    // Counted test by test, and as one failure only if it printed none.
    let tested = std::mem::take(&mut steps);
    totals.failed = totals.failed.max(tested.failed());
    for example in examples(&metadata)? {
        steps.run(format!("example `{}`", example.name), || {
            run_example(root, example)
        });
    }
    steps.run("a crate of another workspace", || consumer(root, &metadata));
    without::steps(root, &metadata, options.full, &mut steps);

    tested.print();
    steps.print();
    let skipped = skips.report()?;
    totals.skip(skipped.count);
    totals.refuse(skipped.forbidden);
    totals.passed += steps.passed();
    totals.failed += steps.failed();
    println!("{totals}");
    totals.verdict()
}

/// All features that can be, so that each test has the ones it needs; all failures, not the first.
fn cargo_test(root: &Path, skips: &Skips, full: bool) -> Result<Totals> {
    totals::of(
        cargo(root)
            .args(["test", "--workspace", "--no-fail-fast"])
            .args(features::arguments(root)?)
            .env(skips::VARIABLE, skips.path())
            .envs(full.then_some((FULL, "1"))),
    )
}

/// Examples of the facade that need nothing but this machine.
fn examples(metadata: &Metadata) -> Result<Vec<&Target>> {
    let targets = metadata.facade()?.targets.iter();
    Ok(targets
        .filter(|target| target.kind.iter().any(|kind| kind == "example"))
        .filter(|target| !target.name.contains("kafka"))
        .collect())
}

fn run_example(root: &Path, example: &Target) -> Result<()> {
    let mut command = cargo(root);
    command
        .args(["run", "--release", "--package", FACADE])
        .args(["--example", &example.name])
        .stdin(Stdio::null());
    if !example.required_features.is_empty() {
        command.args(["--features", &example.required_features.join(",")]);
    }
    run_process(&mut command)
}

/// Builds and runs `tests/consumer` with the versions locked here.
fn consumer(root: &Path, metadata: &Metadata) -> Result<()> {
    let (locked, copy) = (
        root.join("Cargo.lock"),
        root.join("tests/consumer/Cargo.lock"),
    );
    std::fs::copy(&locked, &copy).map_err(Error::file(&locked))?;
    run_process(
        cargo(root)
            .args(["run", "--manifest-path", "tests/consumer/Cargo.toml"])
            .arg("--target-dir")
            .arg(&metadata.target_directory)
            .stdin(Stdio::null()),
    )
}
