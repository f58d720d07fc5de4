//! Revenue per minute and country of a real shop: one pipeline, several runners.
//!
//! - `cargo run --release --example revenue` runs December 2010 on the batch and on the local
//!   runner and compares the answers.
//! - `.. --example revenue -- run --runner batch --input FILE... --output DIR` runs other files.
//! - `.. --example revenue -- --help` lists all options.

mod comparison;
mod invoice;
mod per_minute;
mod rows;

use std::path::PathBuf;
use whitebeam::Result;
use whitebeam::clap;
use whitebeam::io::file::CsvSink;
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
    /// Folder for the revenue, as CSV
    #[arg(long, value_name = "DIR", default_value = "target/revenue")]
    output: PathBuf,
    /// How long after its end a minute is still corrected, such as 1h
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = whitebeam::cli::duration)]
    allowed_lateness: Duration,
    /// Folder for the paid lines that came too late to be counted, as CSV
    #[arg(long, value_name = "DIR")]
    late: Option<PathBuf>,
}

fn build(p: &Pipeline, options: &Options) -> Result<()> {
    let files = match options.input.as_slice() {
        [] => vec![DECEMBER.into()],
        files => files.to_vec(),
    };
    let lines = p.read(invoice::invoices(files)).named("Invoices");
    let (revenue, late) = lines.apply("Revenue", |lines| {
        per_minute::revenue_per_minute(lines, options.allowed_lateness)
    });
    revenue.write(CsvSink::new(&options.output).overwrite());
    if let Some(folder) = &options.late {
        late.write(CsvSink::new(folder).prefix("late").overwrite());
    }
    Ok(())
}

fn main() -> Result<()> {
    if std::env::args_os().len() == 1 {
        return comparison::batch_and_local();
    }
    whitebeam::main(build)
}
