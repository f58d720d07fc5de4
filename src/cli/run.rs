//! `run`: builds the pipeline, hands it to a runner and shows what the run did.
//!
//! Owns which runner gets which options.

use super::how::{How, Runner};
use super::report::{Ran, failure, object, table};
use crate::{Pipeline, Result};
use std::io::Write;
use std::time::Instant;
#[cfg(feature = "local")]
use whitebeam_runner_core::StepCount;

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
        (Ok(done), true) => object(how.runner, seconds, done).to_string(),
        (Ok(done), false) => table(how.runner, seconds, done),
        (Err(e), true) => failure(e).to_string(),
        (Err(_), false) => return ran.map(drop),
    };
    // A report that nobody can read any more does not undo what was committed.
    let _ = writeln!(std::io::stdout(), "{said}");
    ran.map(drop)
}

fn execute(how: &How, pipeline: &Pipeline) -> Result<Ran> {
    match how.runner {
        #[cfg(feature = "batch")]
        Runner::Batch => batch(how, pipeline),
        #[cfg(feature = "local")]
        Runner::Local => local(how, pipeline),
        #[cfg(feature = "streaming")]
        Runner::Streaming => super::streaming::run(how, pipeline),
    }
}

#[cfg(feature = "batch")]
fn batch(how: &How, pipeline: &Pipeline) -> Result<Ran> {
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
    ran.map(|report| Ran::done(report.steps().cloned().collect()))
}

#[cfg(feature = "local")]
fn local(how: &How, pipeline: &Pipeline) -> Result<Ran> {
    let runner = crate::runners::LocalRunner::new()
        .seed(how.seed.unwrap_or(0))
        .until_end(true);
    let step = |step: whitebeam_runner_local::StepReport| StepCount {
        path: step.path,
        elements_in: step.elements,
        dropped: step.dropped,
    };
    let report = runner.run(pipeline)?;
    Ok(Ran::done(report.steps.into_iter().map(step).collect()))
}
