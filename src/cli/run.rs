//! `run`: builds the pipeline, hands it to a runner and shows what the run did.
//!
//! Owns the report as people and machines read it.

use super::how::{How, Runner};
use crate::{Error, Pipeline, Result};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Instant;
use whitebeam_sdk::erase::Dropped;

/// What one step did, on any runner.
#[derive(Clone, PartialEq, Eq, Debug)]
struct StepLine {
    path: String,
    elements: u64,
    dropped: Dropped,
}

/// Runs what `build` makes.
pub(super) fn run(how: &How, build: impl FnOnce(&Pipeline) -> Result<()>) -> Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "users want to know what a run took"
    )]
    let began = Instant::now();
    let pipeline = Pipeline::new();
    let ran = build(&pipeline).and_then(|()| execute(how, &pipeline));
    let seconds = began.elapsed().as_secs_f64();
    let said = match (&ran, how.json) {
        (Ok(steps), true) => object(how.runner, seconds, steps).to_string(),
        (Ok(steps), false) => table(how.runner, seconds, steps),
        (Err(e), true) => failure(e).to_string(),
        (Err(_), false) => return ran.map(drop),
    };
    // A report that nobody can read any more does not undo what was committed.
    let _ = writeln!(std::io::stdout(), "{said}");
    ran.map(drop)
}

fn execute(how: &How, pipeline: &Pipeline) -> Result<Vec<StepLine>> {
    match how.runner {
        #[cfg(feature = "batch")]
        Runner::Batch => batch(how, pipeline),
        #[cfg(feature = "local")]
        Runner::Local => local(how, pipeline),
    }
}

#[cfg(feature = "batch")]
fn batch(how: &How, pipeline: &Pipeline) -> Result<Vec<StepLine>> {
    use super::progress::Display;
    let cores = std::thread::available_parallelism();
    let workers = how.parallelism.or(cores.ok()).map_or(1, usize::from);
    let display = std::sync::Arc::new(Display::new(how.json, workers));
    let runner = crate::runners::BatchRunner::new()
        .parallelism(workers)
        .until_end(true)
        .observe(display.clone());
    let ran = runner.run(pipeline);
    display.clear();
    let step = |step: &whitebeam_runner_batch::StepCount| StepLine {
        path: step.path.clone(),
        elements: step.elements_in,
        dropped: step.dropped,
    };
    ran.map(|report| report.steps().map(step).collect())
}

#[cfg(feature = "local")]
fn local(how: &How, pipeline: &Pipeline) -> Result<Vec<StepLine>> {
    let runner = crate::runners::LocalRunner::new()
        .seed(how.seed.unwrap_or(0))
        .until_end(true);
    let step = |step: whitebeam_runner_local::StepReport| StepLine {
        path: step.path,
        elements: step.elements,
        dropped: step.dropped,
    };
    let report = runner.run(pipeline)?;
    Ok(report.steps.into_iter().map(step).collect())
}

fn table(runner: Runner, seconds: f64, steps: &[StepLine]) -> String {
    let mut text = format!("{runner} runner: done in {seconds:.2} s");
    for step in steps {
        text.push_str(&format!("\n{:>12}  {}", step.elements, step.path));
        let Dropped {
            late,
            closed,
            unwindowed,
        } = step.dropped;
        for (n, why) in [
            (late, "too late"),
            (closed, "after the window's trigger had finished"),
            (unwindowed, "in no window"),
        ] {
            if n > 0 {
                text.push_str(&format!(", {n} dropped ({why})"));
            }
        }
    }
    text
}

fn object(runner: Runner, seconds: f64, steps: &[StepLine]) -> Value {
    let step = |step: &StepLine| {
        json!({
            "step": step.path,
            "elements": step.elements,
            "dropped": {
                "late": step.dropped.late,
                "closed": step.dropped.closed,
                "unwindowed": step.dropped.unwindowed,
            },
        })
    };
    json!({
        "event": "done",
        "runner": runner.to_string(),
        "seconds": seconds,
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// People read the same on standard error.
fn failure(error: &Error) -> Value {
    json!({
        "event": "failed",
        "code": error.code(),
        "message": error.message(),
        "step": error.step(),
        "text": error.to_string(),
    })
}
