//! The streaming runner: beside hand-written loops over the same log reader, and under checkpoints.
//!
//! Owns the command line and the rounds. Every run is a process of its own, contenders of a round
//! one after the other, so that all see the same machine and none another's memory. The allocator is
//! the system's: large tables grow by moving pages with it, and by copying bytes with others.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

#[path = "../../clock.rs"]
mod clock;
mod input;
mod recovery;
mod report;
mod runs;
mod watch;

use clap::Parser;
use report::Rounds;
use runs::{Contender, Taken};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Compares the streaming runner with hand-written loops, and with itself under checkpoints.
#[derive(Parser, Clone)]
struct Options {
    /// How often each contender runs
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Events in the log
    #[arg(long, default_value_t = 20_000_000)]
    events: u64,
    /// Updates of a run under checkpoints
    #[arg(long, default_value_t = 150_000_000)]
    updates: u64,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Only rows whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Run this one alone, with what stands in the folder, and print what it took
    #[arg(long, value_enum, requires = "folder", hide = true)]
    contender: Option<Contender>,
    #[arg(long, requires = "contender", hide = true)]
    folder: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let (Some(contender), Some(folder)) = (options.contender, &options.folder) {
        return alone(contender, &options, folder);
    }
    let rows = report::rows(options.only.as_deref());
    let folder = tempfile::tempdir()?;
    input::fill(folder.path(), options.events)?;
    let mut rounds = Rounds::default();
    let contenders = report::contenders(&rows);
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for &contender in &contenders {
            rounds.add(contender, in_child(contender, &options, folder.path())?);
        }
        if rows.iter().any(|row| row.is_recovery()) {
            rounds.recovered(recovery::killed_to_first_output(&options, folder.path())?);
        }
    }
    report::judge(&rows, &rounds, options.json)
}

fn alone(contender: Contender, options: &Options, folder: &Path) -> Result<()> {
    if contender == Contender::Endless {
        return recovery::endless(folder);
    }
    let taken = runs::run(contender, options.updates, folder)?;
    println!("{}", serde_json::to_string(&taken)?);
    Ok(())
}

/// This program, told to run one contender.
fn child(contender: Contender, options: &Options, folder: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--contender", contender.name()])
        .args(["--updates", &options.updates.to_string(), "--folder"])
        .arg(folder);
    Ok(command)
}

fn in_child(contender: Contender, options: &Options, folder: &Path) -> Result<Taken> {
    let ran = child(contender, options, folder)?.output()?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into());
    }
    Ok(serde_json::from_slice(&ran.stdout)?)
}
