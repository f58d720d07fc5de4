//! Adding up test results from what test programs print.
//!
//! Invariant: what fails without printing a result (a build, a crash, a program
//! without a harness) still counts as a failure.

use std::fmt;
use std::ops::AddAssign;
use std::process::Command;

use crate::error::{Error, Result};
use crate::process::watch;

/// Tests that passed, failed and did not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Totals {
    /// Tests that returned at once and were counted as passed were skipped.
    pub(crate) fn skip(&mut self, count: usize) {
        self.passed = self.passed.saturating_sub(count);
        self.skipped += count;
    }

    /// Tests that were counted as passed and must not be.
    pub(crate) fn refuse(&mut self, count: usize) {
        self.passed = self.passed.saturating_sub(count);
        self.failed += count;
    }

    /// An error unless something passed and nothing failed.
    pub(crate) fn verdict(self) -> Result<()> {
        match self {
            Self { failed: 1.., .. } => Err(Error::Verdict(format!("{} failed", self.failed))),
            Self { passed: 0, .. } => Err(Error::Verdict("no test ran".to_owned())),
            _ => Ok(()),
        }
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Runs a `cargo test` and adds up its results; an error only if it could not be run.
pub(crate) fn of(command: &mut Command) -> Result<Totals> {
    let mut tally = Tally::default();
    let outcome = watch(command, |line| tally.line(line));
    let mut totals = tally.finish();
    match outcome {
        Err(Error::Command { .. }) if totals.failed == 0 => totals.failed = 1,
        Err(Error::Command { .. }) | Ok(()) => {}
        Err(other) => return Err(other),
    }
    Ok(totals)
}

/// Reads the output of many test programs, line by line.
#[derive(Debug, Default)]
struct Tally {
    totals: Totals,
    /// A program has begun and has not yet given its result.
    open: bool,
}

impl Tally {
    fn line(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            self.totals += counts(rest);
            self.open = false;
        } else if is_beginning(line) {
            self.end_program();
            self.open = true;
        }
    }

    /// A program that begins and gives no result has died.
    fn end_program(&mut self) {
        if std::mem::take(&mut self.open) {
            self.totals.failed += 1;
        }
    }

    fn finish(mut self) -> Totals {
        self.end_program();
        self.totals
    }
}

/// `running 12 tests`.
fn is_beginning(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    matches!(words[..], ["running", count, "test" | "tests"] if count.parse::<usize>().is_ok())
}

/// `ok. 3 passed; 1 failed; 2 ignored; ...`.
fn counts(rest: &str) -> Totals {
    let mut totals = Totals::default();
    for part in rest.split([';', '.']) {
        if let Some((count, word)) = part.trim().split_once(' ')
            && let Ok(count) = count.parse::<usize>()
        {
            match word {
                "passed" => totals.passed += count,
                "failed" => totals.failed += count,
                "ignored" => totals.skipped += count,
                _ => {}
            }
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(text: &str) -> String {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.line(line));
        tally.finish().to_string()
    }

    #[test]
    fn results_of_all_programs_are_added() {
        for (text, expected) in [
            ("", "0 passed, 0 failed"),
            (
                "running 2 tests\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                "2 passed, 0 failed",
            ),
            (
                "running 4 tests\ntest result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 7 filtered out; finished in 1.30s\n\
                 running 1 test\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s",
                "3 passed, 1 failed, 1 skipped",
            ),
            (
                "the test result: ok. 5 passed; 0 failed",
                "0 passed, 0 failed",
            ),
        ] {
            assert_eq!(tally(text), expected, "{text}");
        }
    }

    #[test]
    fn a_program_that_dies_counts_as_a_failure() {
        let ok = "test result: ok. 1 passed; 0 failed; 0 ignored";
        let text = format!("running 3 tests\ntest a ... ok\nrunning 1 test\n{ok}");
        assert_eq!(tally(&text), "1 passed, 1 failed");
        assert_eq!(tally("running 3 tests"), "0 passed, 1 failed");
    }

    #[test]
    fn a_command_that_fails_without_a_result_is_a_failure() {
        for (script, expected) in [
            (
                "echo 'test result: ok. 2 passed; 0 failed'",
                "2 passed, 0 failed",
            ),
            (
                "echo 'test result: ok. 2 passed; 0 failed'; exit 101",
                "2 passed, 1 failed",
            ),
            (
                "echo 'test result: FAILED. 2 passed; 3 failed'; exit 101",
                "2 passed, 3 failed",
            ),
        ] {
            let totals = of(Command::new("sh").args(["-c", script]));
            assert_eq!(
                totals.map(|totals| totals.to_string()).ok().as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn only_something_that_ran_and_nothing_that_failed_is_a_success() {
        for (passed, failed, skipped, good) in [
            (1, 0, 0, true),
            (1, 0, 5, true),
            (0, 0, 0, false),
            (0, 0, 5, false),
            (9, 1, 0, false),
        ] {
            let totals = Totals {
                passed,
                failed,
                skipped,
            };
            assert_eq!(totals.verdict().is_ok(), good, "{totals}");
        }
    }

    #[test]
    fn a_skipped_or_refused_test_is_no_longer_a_passed_one() {
        let mut totals = Totals {
            passed: 3,
            failed: 0,
            skipped: 0,
        };
        totals.skip(1);
        assert_eq!(totals.to_string(), "2 passed, 0 failed, 1 skipped");
        totals.refuse(1);
        assert_eq!(totals.to_string(), "1 passed, 1 failed, 1 skipped");
    }
}
