//! Revenue per minute and country of a real shop: one pipeline, over files, over a log, and without
//! end.
//!
//! - `cargo run --release --example revenue` tells the whole story: December 2010 as batch over a
//!   file, as batch over a log, and streaming over the log, killed three times; the answers compared.
//! - `.. --example revenue -- run --input FILE... --output DIR` runs other files.
//! - `.. --example revenue -- feed --log DIR` feeds the lines into a log, as they would arrive, and
//!   `.. -- run --log DIR` reads them from there.
//! - `.. -- run --runner streaming --log DIR --checkpoints DIR` does so without end; killed or
//!   stopped, the same command goes on.
//! - `.. --example revenue -- --help` lists all options.

#![expect(clippy::print_stdout, reason = "an example says what it did")]

#[cfg(not(all(feature = "kafka", feature = "postgres")))]
mod absent;
mod again;
mod feed;
mod invoice;
mod job;
mod life;
mod per_minute;
mod rows;
mod story;
mod systems;
#[cfg(feature = "postgres")]
mod tables;
#[cfg(feature = "kafka")]
mod topics;

#[cfg(not(feature = "postgres"))]
use absent::tables;
#[cfg(not(feature = "kafka"))]
use absent::topics;
use feed::Feed;
use std::path::PathBuf;
use systems::Systems;
use whitebeam::Result;
use whitebeam::clap::{self, Parser};
use whitebeam::io::file::CsvSink;
use whitebeam::io::log::LogPlace;
use whitebeam::prelude::*;

/// Invoice lines of December 2010, shipped with this example.
const DECEMBER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/examples/data/online_retail_2010_12.csv.gz"
);

#[derive(clap::Args)]
struct Options {
    /// CSV files of invoice lines, plain or compressed [default: December 2010]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    input: Vec<PathBuf>,
    /// Folder of a log that was fed with invoice lines, to read instead of files
    #[arg(long, value_name = "DIR", conflicts_with = "input", group = "replayed")]
    log: Option<PathBuf>,
    /// Where in the log or topic to begin: earliest, latest, an offset or an instant
    /// [default: earliest]
    #[arg(long, value_name = "PLACE", requires = "replayed")]
    from: Option<LogPlace>,
    /// Folder for the revenue, as CSV
    #[arg(long, value_name = "DIR", default_value = "target/revenue")]
    output: PathBuf,
    #[command(flatten)]
    systems: Systems,
    /// How long after its end a minute is still corrected; the longest delay of a line, unless given
    #[arg(long, value_name = "DURATION", default_value = "6h", value_parser = whitebeam::cli::duration)]
    allowed_lateness: Duration,
    /// Folder for the paid lines that came too late to be counted, as CSV
    #[arg(long, value_name = "DIR")]
    late: Option<PathBuf>,
}

fn files(input: &[PathBuf]) -> Vec<PathBuf> {
    match input {
        [] => vec![DECEMBER.into()],
        files => files.to_vec(),
    }
}

fn build(p: &Pipeline, options: &Options) -> Result<()> {
    let from = options.from.clone().unwrap_or(LogPlace::Earliest);
    let lines = match (options.systems.read(p, &from)?, &options.log) {
        (Some(events), _) => events,
        (None, Some(folder)) => p.read(invoice::logged(folder, from)).named("Invoices"),
        (None, None) => {
            let lines = p.read(invoice::invoices(files(&options.input)));
            lines.named("Invoices")
        }
    };
    let (revenue, late) = lines.apply("Revenue", |lines| {
        per_minute::revenue_per_minute(lines, options.allowed_lateness)
    });
    if let Some(revenue) = options.systems.write(revenue)? {
        revenue.write(CsvSink::new(&options.output).overwrite());
    }
    if let Some(folder) = &options.late {
        late.write(CsvSink::new(folder).prefix("late").overwrite());
    }
    Ok(())
}

fn main() -> Result<()> {
    match std::env::args_os().nth(1) {
        None => story(),
        Some(verb) if verb == "feed" => feed(),
        Some(_) => whitebeam::main(build),
    }
}

fn story() -> Result<()> {
    if let Some(difference) = story::tell()? {
        println!("The answers differ. {difference}");
        std::process::exit(1);
    }
    println!("All answers are identical.");
    Ok(())
}

fn feed() -> Result<()> {
    let mut feed = Feed::parse_from(std::env::args_os().skip(1));
    feed.input = files(&feed.input);
    let lines = feed.run()?;
    println!("{lines} invoice lines are fed");
    Ok(())
}
