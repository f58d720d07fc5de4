//! `nexmark`: Whitebeam against hand-written loops and other engines, interleaved in one process.
//!
//! Owns the command line and the allocator. Deliberately owns no figure: `contenders` says who runs, `measure` runs
//! them, `report` tells. The invariant: everything is generated and resident before the first run is timed.

mod checksum;
mod contenders;
mod events;
mod goals;
mod limit;
mod measure;
mod renoir_peer;
mod report;
mod timely_peer;
mod whitebeam_rows;

use std::error::Error;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::contenders::{Contender, Role};
use crate::goals::{BENCHMARKS, Benchmark};
use crate::report::Report;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tells mimalloc when to give memory back to the system; it is read before `main`.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// Nexmark on Whitebeam, on hand-written loops and on other engines.
#[derive(Parser)]
#[command(name = "nexmark")]
struct Options {
    /// Events per run, 10,000 of them a second of event time.
    #[arg(long, default_value_t = 10_000_000, value_parser = at_least_one)]
    events: usize,
    /// Rounds that count, after one that does not.
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    rounds: usize,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Benchmarks to run, separated by commas; all unless given.
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(BENCHMARKS.map(|bench| bench.name)))]
    only: Vec<String>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

fn main() -> ExitCode {
    match keep_memory().and_then(|()| run(&Options::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Has the allocator keep what it once got, by starting anew with its setting unless there is one.
///
/// Memory given back is faulted in again by the next run, which then measures the system instead of an engine.
fn keep_memory() -> Result<(), Box<dyn Error>> {
    if std::env::var_os(PURGE_DELAY).is_some() {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    again
        .args(std::env::args_os().skip(1))
        .env(PURGE_DELAY, "-1");
    // Returns only if it fails.
    Err(again.exec().into())
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let benchmarks: Vec<Benchmark> = BENCHMARKS
        .into_iter()
        .filter(|bench| {
            options.only.is_empty() || options.only.iter().any(|name| name == bench.name)
        })
        .collect();
    let mut contenders = contenders::contenders();
    contenders.retain(|contender| is_needed(contender, &benchmarks));
    let events = events::load(options.events)?;
    whitebeam_rows::prepare(events);
    let progress = |round| match round {
        0 => eprintln!("warming up"),
        round => eprintln!("round {round} of {}", options.rounds),
    };
    let measured = measure::measure(contenders, events, options.rounds, progress)?;
    let report = Report {
        measured: &measured,
        benchmarks: &benchmarks,
        events: options.events,
        rounds: options.rounds,
    };
    let mut out = io::stdout().lock();
    if options.json {
        report.write_json(&mut out)?;
    } else {
        report.write_text(&mut out)?;
    }
    out.flush()?;
    Ok(())
}

/// Whitebeam's contenders serve one benchmark each, all others every benchmark of their query.
fn is_needed(contender: &Contender, benchmarks: &[Benchmark]) -> bool {
    benchmarks.iter().any(|bench| match contender.role {
        Role::Whitebeam(name) => bench.name == name,
        Role::Limit | Role::Reference | Role::Peer(_) => bench.query == contender.query,
    })
}
