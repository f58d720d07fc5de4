//! The revenue job over the whole retail file: Whitebeam's batch runner on one worker beside a
//! hand-written loop with the same CSV and gzip libraries and one `HashMap`.
//!
//! Owns the loop, the rounds and the goals. Each round runs each contender in a process of its own,
//! one after the other, so that both see the same machine and neither the other's memory.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

#[path = "../../../examples/revenue/invoice.rs"]
#[allow(dead_code, reason = "files are read here, logs are not")]
mod invoice;
#[path = "../../../examples/revenue/per_minute.rs"]
#[allow(dead_code, reason = "rows are written here, not read back")]
mod per_minute;

use clap::{Parser, ValueEnum};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use whitebeam::io::file::CsvSink;
use whitebeam::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The goals: at most this often the loop's time, at most this much memory.
const MOST_TIMES: f64 = 2.0;
const MOST_MIB: f64 = 200.0;

/// Compares the revenue job with a hand-written loop.
#[derive(Parser)]
struct Options {
    /// The whole data set
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// How often each contender runs
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Run this one alone, into this folder, and print what it took
    #[arg(long, value_enum, requires = "output")]
    contender: Option<Contender>,
    #[arg(long, value_name = "DIR", requires = "contender")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Contender {
    Loop,
    Whitebeam,
}

/// What one run took and found.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Taken {
    cpu_seconds: f64,
    peak_mib: f64,
    rows: usize,
    cents: i64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let beside = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/online_retail.csv.gz"
    );
    let input = options.input.unwrap_or_else(|| beside.into());
    if !input.exists() {
        println!("SKIPPED revenue: shared data absent: {}", input.display());
        return Ok(());
    }
    if let (Some(contender), Some(output)) = (options.contender, &options.output) {
        let taken = alone(contender, &input, output)?;
        println!("{}", serde_json::to_string(&taken)?);
        return Ok(());
    }
    let (mut limit, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        limit.push(in_child(Contender::Loop, &input)?);
        ours.push(in_child(Contender::Whitebeam, &input)?);
    }
    judge(&limit, &ours, options.json)
}

fn in_child(contender: Contender, input: &Path) -> Result<Taken> {
    let folder = tempfile::tempdir()?;
    let name = match contender {
        Contender::Loop => "loop",
        Contender::Whitebeam => "whitebeam",
    };
    let ran = Command::new(std::env::current_exe()?)
        .args(["--contender", name, "--input"])
        .arg(input)
        .arg("--output")
        .arg(folder.path())
        .output()?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into());
    }
    Ok(serde_json::from_slice(&ran.stdout)?)
}

/// Runs one contender in this process; reads its answer back after the clock has stopped.
fn alone(contender: Contender, input: &Path, output: &Path) -> Result<Taken> {
    let begin = cpu_seconds();
    match contender {
        Contender::Loop => hand_written(input, output)?,
        Contender::Whitebeam => whitebeam(input, output)?,
    }
    let cpu_seconds = cpu_seconds() - begin;
    let peak_mib = peak_mib()?;
    let (mut rows, mut cents) = (0, 0);
    for part in std::fs::read_dir(output)? {
        let path = part?.path();
        if path.extension().is_some_and(|ending| ending == "csv") {
            for record in csv::Reader::from_path(path)?.into_records() {
                rows += 1;
                cents += record?[2].parse::<i64>()?;
            }
        }
    }
    Ok(Taken {
        cpu_seconds,
        peak_mib,
        rows,
        cents,
    })
}

fn whitebeam(input: &Path, output: &Path) -> Result<()> {
    let p = Pipeline::new();
    let lines = p.read(invoice::invoices(vec![input.to_owned()]));
    let (revenue, _late) = per_minute::revenue_per_minute(lines, Duration::ZERO);
    revenue.write(CsvSink::new(output));
    BatchRunner::new().parallelism(1).run(&p)?;
    Ok(())
}

/// Key: country and minute as they stand in the file, so that nothing is allocated or parsed for
/// a line whose key is known.
fn hand_written(input: &Path, output: &Path) -> Result<()> {
    let file = BufReader::with_capacity(64 * 1024, File::open(input)?);
    let mut reader = csv::ReaderBuilder::new()
        .buffer_capacity(64 * 1024)
        .from_reader(flate2::bufread::MultiGzDecoder::new(file));
    let mut sums: HashMap<Vec<u8>, i64> = HashMap::new();
    let mut record = csv::ByteRecord::new();
    let mut key = Vec::new();
    while reader.read_byte_record(&mut record)? {
        let (quantity, price) = (decimal(&record[3])?, decimal(&record[5])?);
        let paid = quantity.is_sign_positive() && price.is_sign_positive();
        if record[0].starts_with(b"C") || !paid || quantity.is_zero() || price.is_zero() {
            continue;
        }
        let cents = invoice::cents(quantity, price).ok_or("too much money")?;
        key.clear();
        key.extend_from_slice(&record[7]);
        key.push(b',');
        key.extend_from_slice(&record[4][..16]);
        match sums.get_mut(&key) {
            Some(sum) => *sum += cents,
            None => drop(sums.insert(key.clone(), cents)),
        }
    }
    let mut writer = csv::Writer::from_path(output.join("part.csv"))?;
    writer.write_record(["country", "minute", "cents"])?;
    #[expect(
        clippy::iter_over_hash_type,
        reason = "rows of an answer have no order"
    )]
    for (key, cents) in &sums {
        let (country, minute) = std::str::from_utf8(key)?.rsplit_once(',').ok_or("no key")?;
        let minute = format!("{}:00Z", minute.replace(' ', "T"));
        writer.write_record([country, &minute, &cents.to_string()])?;
    }
    writer.flush()?;
    Ok(())
}

fn decimal(field: &[u8]) -> Result<rust_decimal::Decimal> {
    Ok(std::str::from_utf8(field)?.parse()?)
}

fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// The most memory that this process has held.
fn peak_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| text.trim().strip_suffix(" kB"));
    let kib: f64 = kib.ok_or("/proc/self/status has no VmHWM")?.parse()?;
    Ok(kib / 1024.0)
}

fn median(runs: &[Taken], of: impl Fn(&Taken) -> f64) -> (f64, f64, f64) {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    (
        values[values.len() / 2],
        values[0],
        values[values.len() - 1],
    )
}

fn judge(limit: &[Taken], ours: &[Taken], json: bool) -> Result<()> {
    let answers = limit.iter().chain(ours).map(|run| (run.rows, run.cents));
    let answers: std::collections::BTreeSet<_> = answers.collect();
    let (loop_seconds, loop_least, loop_most) = median(limit, |run| run.cpu_seconds);
    let (seconds, least, most) = median(ours, |run| run.cpu_seconds);
    let (_, _, loop_mib) = median(limit, |run| run.peak_mib);
    let (_, _, mib) = median(ours, |run| run.peak_mib);
    let times = seconds / loop_seconds;
    if json {
        let object = serde_json::json!({
            "benchmark": "revenue",
            "rounds": limit.len(),
            "limit_seconds": loop_seconds,
            "limit_spread": [loop_least, loop_most],
            "whitebeam_seconds": seconds,
            "whitebeam_spread": [least, most],
            "times": times,
            "limit_peak_mib": loop_mib,
            "whitebeam_peak_mib": mib,
        });
        println!("{object}");
    } else {
        println!("                   CPU s (min..max)        peak MiB");
        println!(
            "hand-written loop  {loop_seconds:.3} ({loop_least:.3}..{loop_most:.3})    {loop_mib:>6.1}"
        );
        println!("Whitebeam, batch   {seconds:.3} ({least:.3}..{most:.3})    {mib:>6.1}");
        println!(
            "{times:.2} x the loop (goal: {MOST_TIMES} x), {} rounds",
            limit.len()
        );
    }
    if answers.len() != 1 {
        return Err(format!("the answers differ (rows, cents): {answers:?}").into());
    }
    if times > MOST_TIMES || mib > MOST_MIB {
        return Err(format!("missed: at most {MOST_TIMES} x and {MOST_MIB} MiB").into());
    }
    Ok(())
}
