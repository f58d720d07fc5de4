//! `Job`: the pipeline as a streaming run over a log or a topic, in a process of its own that can be
//! killed.
//!
//! Owns how the process is started and what is asked about its checkpoints. A job has many lives:
//! each goes on from the newest checkpoint, with as many workers as it likes.

use super::life::{Kill, Life};
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use whitebeam::Result;
use whitebeam::prelude::Error;

/// A streaming run, whichever process does it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// This example.
    pub(crate) program: PathBuf,
    /// The log it reads; none if its options name another input.
    pub(crate) log: Option<PathBuf>,
    pub(crate) checkpoints: PathBuf,
    pub(crate) output: PathBuf,
    /// Lines a second, so that a life lasts long enough to be ended.
    pub(crate) rate: u32,
    /// Between two checkpoints, such as `100ms`.
    pub(crate) interval: &'static str,
    /// Ends where the log ends when it is started, instead of waiting for more.
    pub(crate) until_end: bool,
    /// Further options of the pipeline.
    pub(crate) options: Vec<OsString>,
}

/// A checkpoint as `checkpoints list` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    pub(crate) epoch: u64,
    /// Lines that were read up to it; unknown when a partition has ended.
    pub(crate) lines: Option<u64>,
}

impl Job {
    /// Runs a process to its end, or to the one that is planned for it.
    pub(crate) fn live(&self, workers: usize, kill: Option<Kill>) -> Result<Life> {
        let mut child = self.command(workers).spawn().map_err(unusable)?;
        let life = Life::of(&mut child, kill).map_err(unusable)?;
        match life.killed.is_none() && life.end["event"] != "done" {
            true => Err(Error::unavailable(format!("it failed: {}", life.end))),
            false => Ok(life),
        }
    }

    /// How a process of it is started.
    pub(crate) fn command(&self, workers: usize) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["run", "--runner", "streaming", "--json"])
            .args(self.until_end.then_some("--until-end"))
            .args(["--parallelism", &workers.to_string()])
            .args(["--max-rate", &self.rate.to_string()])
            .args(["--checkpoint-interval", self.interval])
            .args(["--checkpoints".as_ref(), self.checkpoints.as_os_str()])
            .args(["--output".as_ref(), self.output.as_os_str()])
            .args(&self.options)
            .stdout(Stdio::piped());
        if let Some(log) = &self.log {
            command.arg("--log").arg(log);
        }
        command
    }

    /// The checkpoint that the next life goes on from.
    pub(crate) fn newest(&self) -> Result<Option<Kept>> {
        let mut command = Command::new(&self.program);
        command.args(["checkpoints", "list", "--json", "--checkpoints"]);
        let listed = command.arg(&self.checkpoints).output().map_err(unusable)?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let newest = text.lines().next().unwrap_or_default();
        let newest: Value = serde_json::from_str(newest).unwrap_or_default();
        let splits = newest["sources"][0]["splits"].as_array();
        let lines = splits.and_then(|s| s.iter().map(|split| offset(&split["position"])).sum());
        let epoch = newest["epoch"].as_u64();
        Ok(epoch.map(|epoch| Kept { epoch, lines }))
    }

    /// How many lines a life that was killed had read since its last checkpoint was begun, at the
    /// most: those that the next one reads again.
    pub(crate) fn read_again(&self, life: &Life) -> u64 {
        // The limiter lets a tenth of a second be made up for.
        let reading = life.since_last() + Duration::from_millis(100);
        (reading.as_secs_f64() * f64::from(self.rate)).ceil() as u64
    }
}

fn offset(position: &Value) -> Option<u64> {
    match position.as_str()? {
        "at its beginning" => Some(0),
        text => text.strip_prefix("offset ")?.parse().ok(),
    }
}

fn unusable(e: std::io::Error) -> Error {
    Error::unavailable("the program cannot be run as a child of its own").caused_by(e)
}
