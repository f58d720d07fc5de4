//! A shop whose orders stand in a log, and the program that runs over it.

use super::feed::{Destination, Feed};
use super::per_minute::Revenue;
use super::rows::rows;
use super::{december, program};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A log with December in it, and room for what is made of it.
pub(crate) struct Shop(tempfile::TempDir);

impl Shop {
    pub(crate) fn new() -> Self {
        let shop = Shop(tempfile::tempdir().unwrap());
        let feed = Feed {
            into: Destination::log(shop.at("log")),
            input: vec![december()],
            partitions: 4,
            disorder: Some(7),
            rate: None,
            passes: 1,
        };
        feed.run().unwrap();
        shop
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `run` over the log, with these words.
    pub(crate) fn run(&self, output: &str, words: &str) -> Command {
        let mut command = program();
        command
            .arg("run")
            .args(words.split_whitespace())
            .arg("--log")
            .arg(self.at("log"))
            .arg("--output")
            .arg(self.at(output))
            .stdout(Stdio::piped());
        command
    }

    pub(crate) fn streaming(&self, words: &str) -> Command {
        let mut command = self.run(
            "out",
            "--runner streaming --json --checkpoint-interval 50ms",
        );
        command
            .arg("--checkpoints")
            .arg(self.at("kept"))
            .args(words.split_whitespace())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn batch(&self) -> Vec<Revenue> {
        let done = self.run("expected", "--runner batch").output().unwrap();
        assert!(done.status.success());
        rows(&self.at("expected")).unwrap()
    }

    pub(crate) fn listed(&self) -> Vec<Value> {
        let mut list = program();
        list.args(["checkpoints", "list", "--json", "--checkpoints"]);
        let listed = list.arg(self.at("kept")).output().unwrap();
        assert!(listed.status.success());
        let text = String::from_utf8(listed.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub(crate) fn events(child: &mut Child) -> impl Iterator<Item = Value> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

pub(crate) fn terminate(child: &Child) {
    signal(child, "TERM");
}

/// Sends a signal, by its name.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The last event that a run has told.
pub(crate) fn last_said(ran: &Output) -> Value {
    let text = std::str::from_utf8(&ran.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// Runs what must end with this error; what it says to people.
pub(crate) fn refused(mut command: Command, code: &str) -> String {
    let ran = command.output().unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("error[{code}]")), "{told}");
    assert!(told.contains("help: "), "{told}");
    told
}

/// Listens until so many epochs have become visible.
pub(crate) fn commits(heard: &mut impl Iterator<Item = Value>, n: usize) {
    let committed = heard.filter(|event| event["event"] == "committed");
    assert_eq!(committed.take(n).count(), n, "it ended too early");
}

/// Runs until a few epochs are committed, then asks to stop; all that was said.
pub(crate) fn suspended(mut command: Command) -> Vec<Value> {
    let mut child = command.spawn().unwrap();
    let mut said = Vec::new();
    let mut commits = 0;
    for event in events(&mut child) {
        commits += usize::from(event["event"] == "committed");
        if commits == 3 && event["event"] == "committed" {
            terminate(&child);
        }
        said.push(event);
    }
    assert!(child.wait().unwrap().success(), "{said:?}");
    said
}

pub(crate) fn parts(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut parts: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "csv"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    parts.sort();
    parts
}

/// What is said last of each country and minute. Panes are there once, and none is missing.
pub(crate) fn last_panes(rows: &[Revenue]) -> BTreeMap<(String, String), i64> {
    let mut panes: BTreeMap<(String, String), BTreeMap<u32, i64>> = BTreeMap::new();
    for row in rows {
        let of = panes.entry((row.country.to_string(), row.minute.clone()));
        let before = of.or_default().insert(row.pane_index, row.cents);
        assert_eq!(before, None, "{row:?} is there twice");
    }
    let last = |(at, panes): ((String, String), BTreeMap<u32, i64>)| {
        let indices: Vec<u32> = panes.keys().copied().collect();
        let all: Vec<u32> = (0..panes.len() as u32).collect();
        assert_eq!(indices, all, "{at:?}");
        (at, panes[&indices[indices.len() - 1]])
    };
    panes.into_iter().map(last).collect()
}
