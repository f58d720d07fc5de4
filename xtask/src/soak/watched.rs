//! `Watched`: what a process needs, as Linux says it, and what it says of itself.
//!
//! Owns the reading of `/proc`, of the folder with its checkpoints, and of the events that it prints.
//! Judges nothing.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::error::{Error, Result};

const MIB: f64 = 1024.0 * 1024.0;

/// What was seen at one time.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Sample {
    /// Since the beginning.
    pub(super) seconds: f64,
    /// In MiB.
    pub(super) memory: f64,
    pub(super) files: f64,
    pub(super) threads: f64,
    /// In MiB.
    pub(super) checkpoints: f64,
    /// Records since the beginning.
    pub(super) read: u64,
    /// Records that are there and were not read.
    pub(super) unread: u64,
    /// The last that is visible.
    pub(super) epoch: u64,
    /// Checkpoints since the beginning that came to nothing.
    pub(super) failed: u64,
}

impl Sample {
    pub(super) const HEAD: &str =
        "  second   read/s   unread   epoch   memory MiB   files   threads   checkpoints MiB";

    /// A row of the table.
    pub(super) fn row(&self, before: Option<&Sample>) -> String {
        let before = before.copied().unwrap_or_default();
        let time = (self.seconds - before.seconds).max(f64::MIN_POSITIVE);
        let rate = self.read.saturating_sub(before.read) as f64 / time;
        format!(
            "{:8.0} {:8.0} {:8} {:7} {:12.1} {:7} {:9} {:18.1}",
            self.seconds,
            rate,
            self.unread,
            self.epoch,
            self.memory,
            self.files,
            self.threads,
            self.checkpoints
        )
    }
}

/// A process, and what was heard of it.
pub(super) struct Watched {
    id: u32,
    checkpoints: PathBuf,
    heard: Arc<Mutex<Sample>>,
}

impl Watched {
    /// Listens to a process whose standard output is piped.
    pub(super) fn new(child: &mut Child, checkpoints: PathBuf) -> Result<Self> {
        let heard = Arc::<Mutex<Sample>>::default();
        let said = child.stdout.take().into_iter();
        let hears = Arc::clone(&heard);
        #[expect(clippy::disallowed_methods, reason = "a chore's own listener")]
        thread::Builder::new()
            .spawn(move || {
                for line in said
                    .flat_map(|said| BufReader::new(said).lines())
                    .map_while(io::Result::ok)
                {
                    hear(
                        &mut hears.lock().unwrap_or_else(PoisonError::into_inner),
                        &line,
                    );
                }
            })
            .map_err(unseen)?;
        Ok(Watched {
            id: child.id(),
            checkpoints,
            heard,
        })
    }

    /// What it is now.
    pub(super) fn look(&self, seconds: f64) -> Result<Sample> {
        let process = PathBuf::from(format!("/proc/{}", self.id));
        let status = process.join("status");
        let text = std::fs::read_to_string(&status).map_err(Error::file(&status))?;
        let fds = process.join("fd");
        let files = std::fs::read_dir(&fds).map_err(Error::file(&fds))?.count();
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Sample {
            seconds,
            memory: field(&text, "VmRSS") / 1024.0,
            files: files as f64,
            threads: field(&text, "Threads"),
            checkpoints: size(&self.checkpoints) as f64 / MIB,
            ..heard
        })
    }
}

/// An error of a process that cannot be watched.
pub(super) fn unseen(source: io::Error) -> Error {
    Error::Start {
        command: "revenue run".to_owned(),
        source,
    }
}

/// A line that the process has printed.
fn hear(heard: &mut Sample, line: &str) {
    let event: Value = serde_json::from_str(line).unwrap_or_default();
    let number = |name: &str| event[name].as_u64();
    match event["event"].as_str() {
        Some("status") => {
            heard.read = number("read").unwrap_or(heard.read);
            heard.unread = number("unread").unwrap_or(0);
        }
        Some("committed") => heard.epoch = number("epoch").unwrap_or(heard.epoch),
        Some("checkpoint_failed") => heard.failed += 1,
        _ => {}
    }
}

/// The number behind a name in `/proc/PID/status`.
fn field(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// Bytes in the files below a folder. Files come and go meanwhile.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(of) if of.is_dir() => size(&entry.path()),
            Ok(of) => of.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_says_is_counted() {
        let mut heard = Sample::default();
        for line in [
            r#"{"event":"status","read":10,"unread":3}"#,
            r#"{"event":"committed","epoch":4}"#,
            r#"{"event":"checkpoint_failed","epoch":5}"#,
            r#"{"event":"status","read":12,"unread":null}"#,
            "no event",
        ] {
            hear(&mut heard, line);
        }
        let expected = Sample {
            read: 12,
            epoch: 4,
            failed: 1,
            ..Sample::default()
        };
        assert_eq!(heard, expected);
    }

    #[test]
    fn numbers_are_found_by_their_names() {
        let text = "Name:\tx\nVmRSSx:\t1 kB\nVmRSS:\t  20480 kB\nThreads:\t7\n";
        assert_eq!(field(text, "VmRSS"), 20480.0);
        assert_eq!(field(text, "Threads"), 7.0);
        assert_eq!(field(text, "none"), 0.0);
    }

    #[test]
    fn files_count_in_folders_of_folders() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).expect("writable");
        std::fs::write(inner.join("c"), [0; 5]).expect("writable");
        std::fs::write(folder.path().join("d"), [0; 2]).expect("writable");
        assert_eq!(size(folder.path()), 7);
        assert_eq!(size(&folder.path().join("none")), 0);
    }
}
