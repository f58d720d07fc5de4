//! The same pipeline on two runners: what each took, what it found, and whether they agree.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use super::per_minute::Revenue;
use super::rows::{difference, rows};
use super::{Options, build};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use whitebeam::Result;
use whitebeam::prelude::{BatchRunner, Error, LocalRunner, Pipeline};

/// Runs December 2010 on both; an error if their answers differ.
pub(super) fn batch_and_local() -> Result<()> {
    let (batch, took) = answer(|p| BatchRunner::new().run(p).map(drop))?;
    show("batch", took, &batch);
    let (local, took) = answer(|p| LocalRunner::new().run(p).map(drop))?;
    show("local", took, &local);
    if let Some(difference) = difference(&batch, &local) {
        println!("The answers differ: {difference}");
        std::process::exit(1);
    }
    busiest(&batch, 5);
    println!("Both answers are identical.");
    Ok(())
}

fn answer(run: impl FnOnce(&Pipeline) -> Result<()>) -> Result<(Vec<Revenue>, Duration)> {
    let folder = tempfile::tempdir()
        .map_err(|e| Error::unavailable("no temporary folder can be made").caused_by(e))?;
    let options = Options {
        input: Vec::new(),
        log: None,
        from: None,
        output: folder.path().join("revenue"),
        allowed_lateness: whitebeam::Duration::ZERO,
        late: None,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "what it took is part of the answer"
    )]
    let began = Instant::now();
    let p = Pipeline::new();
    build(&p, &options)?;
    run(&p)?;
    let took = began.elapsed();
    Ok((rows(&options.output)?, took))
}

fn show(runner: &str, took: Duration, rows: &[Revenue]) {
    let total: i64 = rows.iter().map(|row| row.cents).sum();
    println!(
        "{runner}: {} rows, {total} cents, in {:.3} s",
        rows.len(),
        took.as_secs_f64()
    );
}

fn busiest(rows: &[Revenue], n: usize) {
    let mut minutes = BTreeMap::<&str, i64>::new();
    for row in rows {
        *minutes.entry(&row.minute).or_default() += row.cents;
    }
    let mut minutes: Vec<_> = minutes.into_iter().collect();
    minutes.sort_by_key(|(minute, cents)| (-cents, *minute));
    println!("The busiest minutes:");
    for (minute, cents) in minutes.into_iter().take(n) {
        println!("  {minute}  {:>12.2} GBP", cents as f64 / 100.0);
    }
}
