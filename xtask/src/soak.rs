//! `cargo xtask soak kafka`: a run without end under a steady load, watched from outside.
//!
//! Owns the processes: a broker of its own, the program that feeds it, and the pipeline, exactly once
//! from topic to topic with a checkpoint each second. `watched` looks at the pipeline's process,
//! `verdict` says whether it grows. The broker keeps little, so that the disk is not part of the test.
//!
//! The machine should have nothing else to do: when a pipeline has stood still for seconds, the backlog
//! takes memory for a moment, and the allocator keeps what it took. Resident memory then rises in steps
//! although nothing is held.

mod verdict;
mod watched;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::error::{Error, Result};
use crate::process::{capture, cargo, run as run_process};
use crate::services;
use crate::workspace::Metadata;
use verdict::judge;
use watched::{Sample, Watched};

const ORDERS: &str = "order_events";
const REVENUE: &str = "fact_revenue_1m";
/// What the broker keeps of a partition, in small pieces: some minutes.
const RETENTION: [&str; 3] = [
    "log.retention.bytes=268435456",
    "log.segment.bytes=33554432",
    "log.retention.check.interval.ms=10000",
];
/// More than are ever fed: the feeder is ended by force.
const PASSES: &str = "1000000";

/// For how long, and how much.
#[derive(Debug, Args)]
pub(crate) struct Options {
    suite: Suite,
    /// How long the pipeline is watched, behind its warm-up.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// What is not counted: caches fill, the allocator finds its size.
    #[arg(long, default_value_t = 2.0)]
    warm_up_minutes: f64,
    /// Events per second.
    #[arg(long, default_value_t = 20_000)]
    rate: u32,
    /// Seconds between two samples.
    #[arg(long, default_value_t = 5.0)]
    every: f64,
    /// Invoice lines, instead of those that are shipped with the example.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Suite {
    /// The revenue of a shop, from a topic into another.
    Kafka,
}

/// Builds the example in release, and watches it; an error if it grows or does not keep up.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let Suite::Kafka = options.suite;
    let build = [
        "build",
        "--release",
        "--example",
        "revenue",
        "--features",
        "kafka",
    ];
    run_process(cargo(root).args(build))?;
    let built = Metadata::members_only(root)?.target_directory;
    let program = built.join("release/examples/revenue");
    let folder = tempfile::tempdir().map_err(Error::file(Path::new("a temporary folder")))?;
    let broker = Broker::start(root, folder.path())?;
    let _feed = Running::start(feed(&program, &broker.address, options))?;
    let checkpoints = folder.path().join("checkpoints");
    let mut pipeline = Running::start(pipeline(&program, &broker.address, &checkpoints))?;
    let watched = Watched::new(&mut pipeline.0, checkpoints)?;
    let samples = watch(&mut pipeline.0, &watched, options)?;
    println!();
    let found = judge(&samples, f64::from(options.rate));
    println!("{found}");
    match found.is_well() {
        true => Ok(()),
        false => Err(Error::Verdict("the pipeline does not last".to_owned())),
    }
}

/// Samples of the time behind the warm-up; all are printed.
fn watch(pipeline: &mut Child, watched: &Watched, options: &Options) -> Result<Vec<Sample>> {
    let seconds = |n: f64| Duration::try_from_secs_f64(n).unwrap_or_default();
    let warm_up = seconds(options.warm_up_minutes * 60.0);
    let end = warm_up + seconds(options.minutes * 60.0);
    let began = now();
    let mut samples: Vec<Sample> = Vec::new();
    println!("{}", Sample::HEAD);
    while began.elapsed() < end {
        pause(seconds(options.every));
        if let Some(status) = pipeline.try_wait().map_err(watched::unseen)? {
            return Err(Error::Command {
                command: "revenue run".to_owned(),
                status,
            });
        }
        let sample = watched.look(began.elapsed().as_secs_f64())?;
        println!("{}", sample.row(samples.last()));
        if began.elapsed() >= warm_up {
            samples.push(sample);
        } else {
            // The one before is only what rates are counted from.
            samples = vec![sample];
        }
    }
    Ok(samples)
}

fn feed(program: &Path, brokers: &str, options: &Options) -> Command {
    let mut command = Command::new(program);
    command
        .args(["feed", "--brokers", brokers, "--topic", ORDERS])
        .args(["--disorder", "2010", "--passes", PASSES])
        .args(["--rate", &options.rate.to_string()])
        .stdout(Stdio::null());
    if let Some(input) = &options.input {
        command.arg("--input").arg(input);
    }
    command
}

fn pipeline(program: &Path, brokers: &str, checkpoints: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["run", "--runner", "streaming", "--json"])
        .args([
            "--brokers",
            brokers,
            "--topic",
            ORDERS,
            "--to-topic",
            REVENUE,
        ])
        .args(["--checkpoint-interval", "1s", "--checkpoints"])
        .arg(checkpoints)
        .stdout(Stdio::piped());
    command
}

/// A process that is gone when it is dropped.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .spawn()
            .map(Running)
            .map_err(|source| Error::Start {
                command: program,
                source,
            })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker of its own, gone when it is dropped or this program ends.
struct Broker {
    root: PathBuf,
    folder: PathBuf,
    address: String,
}

impl Broker {
    fn start(root: &Path, folder: &Path) -> Result<Self> {
        let folder = folder.join("kafka");
        let mut start = services::kafka(root);
        start
            .env("KAFKA_PROPERTIES", RETENTION.join("\n"))
            .args(["start", "--owner", &std::process::id().to_string()])
            .arg(&folder);
        let address = capture(&mut start)?.trim().to_owned();
        let (root, at) = (root.to_owned(), folder.clone());
        let broker = Broker {
            root,
            folder,
            address,
        };
        run_process(
            services::kafka(&broker.root)
                .arg("topic")
                .arg(at)
                .args(["create", ORDERS, "4"]),
        )?;
        Ok(broker)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Its owner's end would do the same.
        let _ = run_process(services::kafka(&self.root).arg("clean").arg(&self.folder));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a chore measures by the clock on the wall"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a chore looks now and then")]
fn pause(time: Duration) {
    thread::sleep(time);
}
