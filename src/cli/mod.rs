//! The command line of pipeline binaries: `run`, `explain` and `checkpoints`.
//!
//! Owns what a user types and sees: options, progress, reports, exit codes. Does not own what a run
//! means; that is the runner's. Invariant: exit code 0 only if the runner said that everything is
//! done, or safe to be gone on with later; 1 if the pipeline failed, 2 if the command was not
//! understood.

mod arguments;
#[cfg(feature = "streaming")]
mod checkpoints;
mod explain;
#[cfg(any(feature = "batch", feature = "local", feature = "streaming"))]
mod how;
#[cfg(feature = "streaming")]
mod interrupt;
mod logging;
#[cfg(feature = "batch")]
mod progress;
#[cfg(any(feature = "batch", feature = "local", feature = "streaming"))]
mod report;
#[cfg(any(feature = "batch", feature = "local", feature = "streaming"))]
mod run;
#[cfg(feature = "streaming")]
mod state;
#[cfg(feature = "streaming")]
mod status;
#[cfg(feature = "streaming")]
mod streaming;

use crate::{Duration, Pipeline, Result};
use arguments::{CommandLine, Verb};
use clap::{Args, CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

/// For pipelines without options of their own: `whitebeam::main(|p, _: &NoOptions| ..)`.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct NoOptions {}

/// The `main` of a pipeline binary: `build` makes the pipeline from its own options, the command
/// line decides what happens to it.
///
/// ```
/// # mod shop {
/// use whitebeam::clap;
/// use whitebeam::prelude::*;
///
/// /// Counts squares.
/// #[derive(clap::Args)]
/// struct Options {
///     /// How many numbers to square.
///     #[arg(long, default_value_t = 10)]
///     numbers: u64,
/// }
///
/// fn main() -> whitebeam::Result<()> {
///     whitebeam::main(|p, options: &Options| {
///         let squares = p.create(0..options.numbers).map(|n| n * n);
///         let _ = squares.count_per_element();
///         Ok(())
///     })
/// }
/// # }
/// # fn main() {}
/// ```
///
/// - `run` runs the pipeline: `--runner local|batch|streaming`, `--parallelism N`, `--seed N`,
///   `--json`.
/// - `run --runner streaming --checkpoints DIR` runs it without end: `--checkpoint-interval 200ms`,
///   `--max-rate N`, `--until-end`, `--metrics ADDRESS:PORT`. Ctrl-C or SIGTERM suspends it: the epoch is finished and
///   committed, and the same command goes on from there, with as many workers as it likes.
/// - `RUST_LOG=whitebeam=info` in the environment logs what happens to standard error.
/// - `explain` shows it: `--format text|mermaid|dot`, `--fused` with the stages it runs as.
/// - `checkpoints list --checkpoints DIR` shows what such a run could go on from.
///
/// The first three take the pipeline's own options, and `--help` lists them all. Where the pipeline fails, its
/// error is printed to standard error and the process ends with exit code 1; where the command line
/// is wrong, with 2.
pub fn main<O: Args>(build: impl FnOnce(&Pipeline, &O) -> Result<()>) -> Result<()> {
    if let Err(what) = logging::install() {
        let _ = writeln!(std::io::stderr(), "{what}");
        std::process::exit(2)
    }
    match perform(std::env::args_os(), build) {
        Outcome::Done => Ok(()),
        Outcome::Failed(error) => {
            // What reads standard error may be gone; the exit code still tells.
            let _ = writeln!(std::io::stderr(), "{error}");
            std::process::exit(1)
        }
        Outcome::NotUnderstood(usage) => usage.exit(),
    }
}

/// How a command ended.
#[derive(Debug)]
enum Outcome {
    Done,
    Failed(crate::Error),
    /// Also `--help`, which is exit code 0.
    NotUnderstood(clap::Error),
}

fn perform<O: Args>(
    arguments: impl IntoIterator<Item = OsString>,
    build: impl FnOnce(&Pipeline, &O) -> Result<()>,
) -> Outcome {
    let verb = match understand::<O>(arguments) {
        Ok(verb) => verb,
        Err(usage) => return Outcome::NotUnderstood(usage),
    };
    let done = match verb {
        #[cfg(any(feature = "batch", feature = "local", feature = "streaming"))]
        Verb::Run(arguments) => run::run(&arguments.how, |p| build(p, &arguments.pipeline)),
        Verb::Explain(arguments) => {
            explain::explain(&arguments.how, |p| build(p, &arguments.pipeline))
        }
        #[cfg(feature = "streaming")]
        Verb::Checkpoints(arguments) => checkpoints::perform(&arguments.verb),
    };
    match done {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Failed(error),
    }
}

fn understand<O: Args>(
    arguments: impl IntoIterator<Item = OsString>,
) -> std::result::Result<Verb<O>, clap::Error> {
    let mut arguments = arguments.into_iter().peekable();
    // The binary is the user's: it is called what the user called it.
    let program = arguments.peek().map(Path::new).and_then(Path::file_stem);
    let name = program.map_or("pipeline".into(), |stem| {
        stem.to_string_lossy().into_owned()
    });
    let mut command = CommandLine::<O>::command()
        .display_name(&name)
        .bin_name(&name);
    let matches = command.try_get_matches_from_mut(arguments)?;
    let line = CommandLine::from_arg_matches(&matches).map_err(|e| e.format(&mut command))?;
    line.verb.checked().map_err(|e| e.format(&mut command))
}

/// Reads a duration as people write it (`1h`, `90s`, `1h 30m`), for options:
/// `#[arg(value_parser = whitebeam::cli::duration)]`.
///
/// ```
/// use whitebeam::prelude::*;
///
/// assert_eq!(whitebeam::cli::duration("1h 30m"), Ok(minutes(90)));
/// assert!(whitebeam::cli::duration("soon").is_err());
/// ```
pub fn duration(text: &str) -> std::result::Result<Duration, String> {
    let length: jiff::SignedDuration = text.parse().map_err(|e| format!("{e}"))?;
    let micros = i64::try_from(length.as_micros()).map_err(|_| "it is too long".to_string())?;
    Ok(Duration::from_micros(micros))
}

#[cfg(all(test, feature = "batch", feature = "local", feature = "streaming"))]
mod tests;
