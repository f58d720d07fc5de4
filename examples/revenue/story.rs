//! The whole story: one pipeline over a file, over a log, and over that log as a run without end
//! which is killed again and again; what each took, what it found, and whether they agree.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use super::feed::{Destination, Feed};
use super::job::Job;
use super::life::{Kill, Life};
use super::per_minute::Revenue;
use super::rows::{difference, final_panes, rows};
use super::systems::Systems;
use super::{Options, build, files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration as Span, Instant};
use whitebeam::Result;
use whitebeam::prelude::{BatchRunner, Error, Pipeline, hours};

/// Workers of the streaming run, life by life; every life but the last is ended by force.
const WORKERS: [usize; 4] = [4, 1, 3, 2];
/// Lines that it reads a second, so that there is time to kill it.
const RATE: u32 = 20_000;

/// Tells it. What differs, if the answers do.
pub(super) fn tell() -> Result<Option<String>> {
    let folder = tempfile::tempdir()
        .map_err(|e| Error::unavailable("no temporary folder can be made").caused_by(e))?;
    let at = |name: &str| folder.path().join(name);
    let (lines, took) = timed(|| feed(at("log")))?;
    println!("{lines} invoice lines of December 2010 went into a log of 4 partitions in {took}:");
    println!("most arrive within half a minute, some after minutes, a few after hours.\n");

    let (file, took) = timed(|| batch(None, &at("file")))?;
    show("batch over the file", &file, &took);
    let (replayed, took) = timed(|| batch(Some(at("log")), &at("replayed")))?;
    show("batch over the log", &replayed, &took);
    let (panes, took) = timed(|| streaming(&at, lines))?;
    let streamed = match final_panes(&panes) {
        Ok(streamed) => streamed,
        Err(wrong) => return Ok(Some(format!("streaming: {wrong}"))),
    };
    show("streaming over the log", &streamed, &took);
    let corrections = panes.len() - streamed.len();
    println!(
        "  and {corrections} panes before those, corrected as late lines came; each is there once"
    );

    busiest(&file, 5);
    for (run, found) in [("batch over the log", &replayed), ("streaming", &streamed)] {
        if let Some(difference) = difference(&file, found) {
            return Ok(Some(format!("{run}: {difference}")));
        }
    }
    Ok(None)
}

fn feed(log: PathBuf) -> Result<u64> {
    let feed = Feed {
        into: Destination::log(log),
        input: files(&[]),
        partitions: 4,
        disorder: Some(2010),
        rate: None,
        passes: 1,
    };
    feed.run()
}

fn batch(log: Option<PathBuf>, output: &Path) -> Result<Vec<Revenue>> {
    let options = Options {
        input: Vec::new(),
        log,
        from: None,
        output: output.to_owned(),
        systems: Systems::default(),
        allowed_lateness: hours(6),
        late: None,
    };
    let p = Pipeline::new();
    build(&p, &options)?;
    BatchRunner::new().until_end(true).run(&p)?;
    rows(output)
}

/// Lives until the log is read to the end. All panes that were ever made visible.
fn streaming(at: &dyn Fn(&str) -> PathBuf, lines: u64) -> Result<Vec<Revenue>> {
    let job = Job {
        program: std::env::current_exe()
            .map_err(|e| Error::unavailable("where this program lies is not known").caused_by(e))?,
        log: Some(at("log")),
        checkpoints: at("checkpoints"),
        output: at("streamed"),
        rate: RATE,
        interval: "100ms",
        until_end: true,
        options: Vec::new(),
    };
    for (n, workers) in (0..).zip(WORKERS) {
        let after = Span::from_millis(20 + 30 * n);
        let kill = Kill { commits: 3, after };
        let is_last = n + 1 == WORKERS.len() as u64;
        let life = job.live(workers, Some(kill).filter(|_| !is_last))?;
        if life.killed.is_some() {
            tell_death(&job, workers, &life, lines)?;
        }
    }
    rows(&job.output)
}

fn tell_death(job: &Job, workers: usize, life: &Life, lines: u64) -> Result<()> {
    let workers = match workers {
        1 => "1 worker".to_owned(),
        n => format!("{n} workers"),
    };
    let Some(kept) = job.newest()? else {
        println!("  {workers}, killed before a checkpoint");
        return Ok(());
    };
    let (epoch, read) = (kept.epoch, kept.lines.unwrap_or_default());
    print!("  {workers}, killed after checkpoint {epoch} at line {read} of {lines}: ");
    println!("at most {} lines were read again", job.read_again(life));
    Ok(())
}

fn timed<T>(act: impl FnOnce() -> Result<T>) -> Result<(T, String)> {
    #[expect(
        clippy::disallowed_methods,
        reason = "what it took is part of the answer"
    )]
    let began = Instant::now();
    let done = act()?;
    Ok((done, format!("{:.2} s", began.elapsed().as_secs_f64())))
}

fn show(run: &str, rows: &[Revenue], took: &str) {
    let cents: i64 = rows.iter().map(|row| row.cents).sum();
    println!("{run}: {} rows, {cents} cents, in {took}", rows.len());
}

fn busiest(rows: &[Revenue], n: usize) {
    let mut minutes = BTreeMap::<&str, i64>::new();
    for row in rows {
        *minutes.entry(&row.minute).or_default() += row.cents;
    }
    let mut minutes: Vec<_> = minutes.into_iter().collect();
    minutes.sort_by_key(|(minute, cents)| (-cents, *minute));
    println!("\nThe busiest minutes:");
    for (minute, cents) in minutes.into_iter().take(n) {
        println!("  {minute}  {:>12.2} GBP", cents as f64 / 100.0);
    }
}
