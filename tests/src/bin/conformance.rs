//! The conformance program: replays recorded scenarios on a runner and judges what happens.
//!
//! Prints each scenario that goes differently, with its first difference, and the totals. Fails if
//! any does.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_sdk::{Result, Timestamp};
use whitebeam_testkit::oracle::{Outcome, Scenario, replay};
use whitebeam_tests::engine::{Driven, Engine};
use whitebeam_tests::grouping::{Drive, GroupingStep};
use whitebeam_tests::translate;

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
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Runner {
    /// The reference runner's grouping.
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
    } = Command::parse();
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
            match judge(line, store.kind()) {
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

/// Replays one scenario; the first difference if there is one.
fn judge(line: &str, store: StoreKind) -> Result<(), String> {
    let scenario = Scenario::parse(line)?;
    let with_name = |error: whitebeam_sdk::Error| format!("{}: {error}", scenario.name);
    let windowing = translate::strategy(&scenario.strategy);
    let step = GroupingStep::new(&windowing, Drive::on(store)).map_err(with_name)?;
    let mut driven = Driven::new(step).map_err(with_name)?;
    driven
        .engine
        .hold(scenario.other_hold.map(Timestamp::from_micros));
    let mut broken = None;
    let replayed = replay(&scenario, |action| match driven.answer(action) {
        Ok(outcome) => outcome,
        Err(error) => {
            broken = Some(with_name(error));
            Outcome {
                panes: Vec::new(),
                dropped_late: u64::MAX,
                dropped_closed: u64::MAX,
                output_watermark: 0,
            }
        }
    });
    broken.map_or(replayed, Err)
}
