//! `cargo xtask services`: a real Apache Kafka or PostgreSQL on this machine.
//!
//! Only the way to the scripts in `xtask/services`, which do the work: tests run them without cargo.

use std::path::Path;
use std::process::Command;

use clap::{Args, Subcommand};

use crate::error::{Error, Result};
use crate::process::run as run_process;

const KAFKA: &str = "kafka.sh";
const POSTGRES: &str = "postgres.sh";

/// Which server.
#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Apache Kafka: `start DIR [PORT]` prints HOST:PORT; `help` lists everything else.
    Kafka(Words),
    /// PostgreSQL: `start DIR [PORT]` prints a URL; `help` lists everything else.
    Postgres(Words),
    /// Fetches what both need, once; with CI=true, installs the packages that are missing.
    Prepare,
}

/// What the script is told.
#[derive(Debug, Args)]
pub(crate) struct Words {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Runs the script with these words.
pub(crate) fn run(root: &Path, service: &Service) -> Result<()> {
    match service {
        Service::Kafka(words) => run_process(script(root, KAFKA).args(&words.words)),
        Service::Postgres(words) => run_process(script(root, POSTGRES).args(&words.words)),
        Service::Prepare => {
            let failed = prepare(root);
            if failed.is_empty() {
                return Ok(());
            }
            Err(Error::Verdict(format!("not ready: {}", failed.join(", "))))
        }
    }
}

/// Makes both ready; gives the scripts that could not, which have said why.
pub(crate) fn prepare(root: &Path) -> Vec<&'static str> {
    let ready = |name| run_process(script(root, name).arg("prepare"));
    let mut failed = vec![KAFKA, POSTGRES];
    failed.retain(|name| ready(name).is_err());
    failed
}

/// The script of Kafka, still to be told what to do.
pub(crate) fn kafka(root: &Path) -> Command {
    script(root, KAFKA)
}

fn script(root: &Path, name: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(root.join("xtask/services").join(name));
    command
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        service: Service,
    }

    #[test]
    fn options_of_the_script_are_left_to_the_script() {
        for line in [
            "start DIR 9092 --secure",
            "start --owner 7 DIR",
            "tool TopicCommand --list --bootstrap-server HOST:PORT",
            "help",
            "",
        ] {
            let words: Vec<&str> = line.split_whitespace().collect();
            let typed = ["xtask", "kafka"].iter().chain(&words);
            let Ok(Line { service }) = Line::try_parse_from(typed) else {
                panic!("`{line}` is not understood");
            };
            let Service::Kafka(told) = service else {
                panic!("`{line}` went elsewhere");
            };
            assert_eq!(told.words, words, "{line}");
        }
    }
}
