//! Kafka: the source beside a bare consume-and-decode loop over the same client, the sink's ways beside
//! each other, and the time until a record can be read.
//!
//! Owns the command line and the rounds. The broker is a real one, started here; every run is a process
//! of its own, contenders of a round one after the other.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod broker;
#[path = "../../clock.rs"]
mod clock;
mod input;
mod latency;
mod loops;
mod pipelines;
mod recovery;
mod report;

use broker::Broker;
use clap::{Parser, ValueEnum};
use report::Rounds;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Compares reading and writing Kafka with a bare loop, and ways to write with each other.
#[derive(Parser, Clone)]
struct Options {
    /// How often each contender runs
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Records of a topic that is read: so many that the first epoch, before which nothing can be
    /// sent exactly once, weighs little
    #[arg(long, default_value_t = 10_000_000)]
    records: u64,
    /// Seconds for which the time from event to visible record is measured
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    /// Run this one alone against these brokers, and print what it took
    #[arg(long, value_enum, requires = "brokers", hide = true)]
    contender: Option<Contender>,
    #[arg(long, requires = "contender", hide = true)]
    brokers: Option<String>,
    /// Tells runs apart that write.
    #[arg(long, default_value_t = 0, hide = true)]
    run: u32,
}

/// Who runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
enum Contender {
    JsonLoop,
    Json,
    BinaryLoop,
    Binary,
    AtLeastOnce,
    ExactlyOnce,
    /// Time from event to visible record, checkpoints every second.
    Latency,
    /// Not of any round: until it is killed.
    Endless,
    /// Not of any round: the topics that are read.
    Fill,
}

const OF_A_ROUND: [Contender; 6] = [
    Contender::JsonLoop,
    Contender::Json,
    Contender::BinaryLoop,
    Contender::Binary,
    Contender::AtLeastOnce,
    Contender::ExactlyOnce,
];

/// What one run took and found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Taken {
    wall_seconds: f64,
    cpu_seconds: f64,
    /// How many records, and the sum of their cents.
    answer: (u64, i64),
    /// Milliseconds from event to visible record.
    latencies: Vec<f64>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let (Some(contender), Some(brokers)) = (options.contender, &options.brokers) {
        return alone(contender, brokers, &options);
    }
    let broker = Broker::start()?;
    let brokers = broker.address();
    in_child(Contender::Fill, brokers, 0, &options)?;
    let mut rounds = Rounds::default();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for contender in OF_A_ROUND {
            let taken = in_child(contender, brokers, round, &options)?;
            rounds.add(contender, taken);
        }
    }
    eprintln!("from event to visible record");
    rounds.add(
        Contender::Latency,
        in_child(Contender::Latency, brokers, 0, &options)?,
    );
    for round in 1..=options.rounds {
        eprintln!("kill {round} of {}", options.rounds);
        rounds.recovered(recovery::killed_to_visible(brokers, round, &options)?);
    }
    report::judge(&rounds, options.json)
}

fn alone(contender: Contender, brokers: &str, options: &Options) -> Result<()> {
    let (began, cpu) = (clock::wall(), clock::process_cpu());
    let mut taken = match contender {
        Contender::JsonLoop => loops::json(brokers)?,
        Contender::BinaryLoop => loops::binary(brokers)?,
        Contender::Json => pipelines::json(brokers)?,
        Contender::Binary => pipelines::binary(brokers)?,
        Contender::AtLeastOnce => pipelines::at_least_once(brokers, options.run)?,
        Contender::ExactlyOnce => pipelines::exactly_once(brokers, options.run)?,
        Contender::Latency => latency::measure(brokers, options.seconds)?,
        Contender::Endless => return recovery::endless(brokers, options.run),
        Contender::Fill => {
            input::fill(brokers, options.records)?;
            Taken::default()
        }
    };
    if taken.wall_seconds == 0.0 {
        taken.wall_seconds = clock::wall() - began;
    }
    taken.cpu_seconds = clock::process_cpu() - cpu;
    println!("{}", serde_json::to_string(&taken)?);
    Ok(())
}

/// This program, told to run one contender.
fn child(contender: Contender, brokers: &str, run: u32, options: &Options) -> Result<Command> {
    let name = contender
        .to_possible_value()
        .ok_or("a contender has a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--contender", name.get_name(), "--brokers", brokers])
        .args(["--run", &run.to_string()])
        .args(["--records", &options.records.to_string()])
        .args(["--seconds", &options.seconds.to_string()]);
    Ok(command)
}

fn in_child(contender: Contender, brokers: &str, run: u32, options: &Options) -> Result<Taken> {
    let ran = child(contender, brokers, run, options)?.output()?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into());
    }
    Ok(serde_json::from_slice(&ran.stdout)?)
}
