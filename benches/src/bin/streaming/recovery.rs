//! From a kill to the first output of the next process.
//!
//! Owns the two processes: one that runs without end, and the same again after it was killed.

use crate::clock::wall;
use crate::input::{Pattern, Updates};
use crate::runs::Contender;
use crate::watch::{Gaps, Tally};
use crate::{Options, Result, child};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration as Span;
use whitebeam::prelude::*;
use whitebeam::runners::{StreamingObserver, StreamingRunner};
use whitebeam::sink::Epoch;

const KEYS: u64 = 1_000_000;
/// Elements a second, so that there is time for everything else.
const RATE: f64 = 2_000_000.0;

struct Said;

impl StreamingObserver for Said {
    fn committed(&self, epoch: Epoch) {
        let _ = writeln!(std::io::stdout(), "{}", epoch.0);
    }
}

/// A million keys and an output that goes on, until it is killed.
pub(crate) fn endless(folder: &Path) -> Result<()> {
    let p = Pipeline::new();
    let source = Updates {
        pattern: Pattern::Growing(KEYS),
        count: None,
        gaps: Arc::new(Gaps::default()),
    };
    let updates = p.read(source);
    updates.clone().write(Tally::default());
    updates
        .window(FixedWindows::of(hours(1_000)))
        .sum_per_key()
        .write(Tally::default());
    StreamingRunner::new()
        .parallelism(1)
        .checkpoints(folder.join("killed"))
        .interval(Span::from_millis(200))
        .max_rate(RATE)
        .observe(Arc::new(Said))
        .run(&p)?;
    Ok(())
}

/// Seconds from the kill of a process whose state holds all keys to the first output of the next.
pub(crate) fn killed_to_first_output(options: &Options, folder: &Path) -> Result<f64> {
    let kept = folder.join("killed");
    let mut first = start(options, folder)?;
    // By then every key was seen.
    let enough = 5 + (KEYS as f64 / RATE * 5.0) as usize;
    commits(&mut first, enough)?;
    let killed = wall();
    first.kill()?;
    // Until it is gone, the directory is still its own.
    first.wait()?;
    let mut second = start(options, folder)?;
    commits(&mut second, 1)?;
    let seconds = wall() - killed;
    second.kill()?;
    second.wait()?;
    std::fs::remove_dir_all(kept)?;
    Ok(seconds)
}

fn start(options: &Options, folder: &Path) -> Result<Child> {
    let mut command = child(Contender::Endless, options, folder)?;
    Ok(command.stdout(Stdio::piped()).spawn()?)
}

/// Waits until so many epochs are committed.
fn commits(child: &mut Child, n: usize) -> Result<()> {
    let out = child.stdout.take().ok_or("a child without output")?;
    let mut lines = BufReader::new(out);
    let mut line = String::new();
    for _ in 0..n {
        if lines.read_line(&mut line)? == 0 {
            return Err("it ended before its time".into());
        }
    }
    Ok(())
}
