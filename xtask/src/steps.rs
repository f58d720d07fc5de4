//! A chore of several steps: all of them run, each is timed, and the verdict
//! names every one that failed.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// What has run so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
    failure: Option<String>,
}

impl Steps {
    /// Runs one step; a failure is kept, and the next step still runs.
    pub(crate) fn run(&mut self, name: impl Into<String>, step: impl FnOnce() -> Result<()>) {
        let name = name.into();
        eprintln!("== {name}");
        #[expect(clippy::disallowed_methods, reason = "a chore reports what it took")]
        let begin = Instant::now();
        let failure = step().err().map(|error| error.to_string());
        if let Some(failure) = &failure {
            eprintln!("FAILED {name}: {failure}");
        }
        self.done.push(Step {
            name,
            took: begin.elapsed(),
            failure,
        });
    }

    /// Steps that succeeded.
    pub(crate) fn passed(&self) -> usize {
        self.done.len() - self.failed()
    }

    /// Steps that failed.
    pub(crate) fn failed(&self) -> usize {
        self.done
            .iter()
            .filter(|step| step.failure.is_some())
            .count()
    }

    /// One line a step.
    pub(crate) fn print(&self) {
        for Step {
            name,
            took,
            failure,
        } in &self.done
        {
            let verdict = if failure.is_none() { "ok" } else { "FAILED" };
            println!("{verdict:6} {:>7.1} s  {name}", took.as_secs_f64());
        }
    }

    /// An error that names the steps that failed.
    pub(crate) fn verdict(&self) -> Result<()> {
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|step| step.failure.is_some())
            .map(|step| step.name.as_str())
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(Error::Verdict(format!("failed: {}", failed.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_does_not_hide_the_ones_after_it() {
        let mut steps = Steps::default();
        let failing = || Err(Error::Verdict("no".into()));
        steps.run("one", || Ok(()));
        assert!(steps.verdict().is_ok());
        steps.run("two", failing);
        steps.run("three", || Ok(()));
        steps.run("four", failing);
        assert_eq!((steps.passed(), steps.failed()), (2, 2));
        let verdict = steps.verdict().map_err(|error| error.to_string());
        assert_eq!(verdict, Err("failed: two, four".into()));
    }
}
