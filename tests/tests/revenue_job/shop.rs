//! A shop whose orders stand in a log, and the program that runs over it.

use super::feed::Feed;
use super::per_minute::Revenue;
use super::rows::rows;
use super::{december, program};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A log with December in it, and room for what is made of it.
pub(crate) struct Shop(tempfile::TempDir);

impl Shop {
    pub(crate) fn new() -> Self {
        let shop = Shop(tempfile::tempdir().unwrap());
        let feed = Feed {
            log: shop.at("log"),
            input: vec![december()],
            partitions: 4,
            disorder: Some(7),
            rate: None,
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
    let sent = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}
