//! `cargo xtask without`: removes one runner after the other from a copy of the
//! workspace and builds what is left (with `--full`: runs its tests).
//!
//! Invariant: a runner is a leaf. What goes with it is only who names it: its
//! features in the facade, and the packages and examples that compare runners.

mod manifest;
mod plan;

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, Result};
use crate::process::{cargo, run as run_process};
use crate::steps::Steps;
use crate::workspace::{self, FACADE, Metadata};
use plan::Plan;

/// Which runners, and how thoroughly.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Runner packages to remove, one at a time; all of them if none is named.
    runners: Vec<String>,
    /// Run the tests of what is left instead of only building them.
    #[arg(long)]
    full: bool,
}

/// Removes the runners named, or all.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let metadata = Metadata::members_only(root)?;
    let mut runners = plan::runners(&metadata);
    if !options.runners.is_empty() {
        runners.retain(|runner| options.runners.contains(runner));
    }
    let mut steps = Steps::default();
    for runner in runners {
        step(root, &metadata, &runner, options.full, &mut steps);
    }
    if steps.passed() + steps.failed() == 0 {
        return Err(Error::Verdict("no such runner".to_owned()));
    }
    steps.print();
    steps.verdict()
}

/// One step for each runner.
pub(crate) fn steps(root: &Path, metadata: &Metadata, full: bool, steps: &mut Steps) {
    for runner in plan::runners(metadata) {
        step(root, metadata, &runner, full, steps);
    }
}

fn step(root: &Path, metadata: &Metadata, runner: &str, full: bool, steps: &mut Steps) {
    steps.run(format!("the workspace without {runner}"), || {
        let plan = Plan::new(root, metadata, runner)?;
        // Always the same place, so that what two copies have in common is built once; outside the
        // target folder, whose paths compilers and their tests treat in a way of their own.
        let copy = std::env::temp_dir().join(place_of(root));
        write_copy(root, &copy, &plan)?;
        // What is built of a copy must not be taken for what is built of the workspace.
        let target = metadata.target_directory.join("without");
        build(&copy, &target, &plan, full)
    });
}

/// One place per checkout: two that are at it at once would take each other's files away.
fn place_of(root: &Path) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    root.hash(&mut hasher);
    format!("whitebeam-without-{:016x}", hasher.finish())
}

/// A fresh copy.
fn write_copy(root: &Path, copy: &Path, plan: &Plan) -> Result<()> {
    if copy.exists() {
        std::fs::remove_dir_all(copy).map_err(Error::file(copy))?;
    }
    for file in workspace::files(root)? {
        if plan.leaves_out(&file) {
            continue;
        }
        let (from, to) = (root.join(&file), copy.join(&file));
        let folder = to.parent().map_or_else(PathBuf::new, Path::to_owned);
        std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        std::fs::copy(&from, &to).map_err(Error::file(&from))?;
        keep_time(&from, &to)?;
    }
    for (path, text) in &plan.manifests {
        let to = copy.join(path);
        std::fs::write(&to, text).map_err(Error::file(&to))?;
    }
    Ok(())
}

/// What has not changed is not built again.
fn keep_time(from: &Path, to: &Path) -> Result<()> {
    let changed = std::fs::metadata(from).and_then(|found| found.modified());
    let changed = changed.map_err(Error::file(from))?;
    let file = std::fs::File::options().write(true).open(to);
    let set = file.and_then(|file| file.set_modified(changed));
    set.map_err(Error::file(to))
}

/// Libraries and programs of everything left, then the tests of every package
/// that has still got all it tests with.
fn build(copy: &Path, target: &Path, plan: &Plan, full: bool) -> Result<()> {
    for (package, lost) in &plan.without_tests {
        eprintln!("tests of {package} are left out: they need {lost}");
    }
    let in_copy = |words: &[&str]| {
        let mut command = cargo(copy);
        command.args(words).arg("--target-dir").arg(target);
        command
    };
    run_process(&mut in_copy(&["check", "--workspace", "--lib", "--bins"]))?;
    let mut tests = if full {
        in_copy(&["test", "--no-fail-fast", "--lib", "--tests"])
    } else {
        in_copy(&["check", "--lib", "--tests"])
    };
    for package in &plan.tested {
        tests.args(["-p", package]);
    }
    if plan.tested.is_empty() {
        return Err(Error::Verdict(format!(
            "nothing but {FACADE} could be left to test"
        )));
    }
    run_process(&mut tests)
}
