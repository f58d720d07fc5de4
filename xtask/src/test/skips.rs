//! Tests that cannot run here say so by name, and are never counted as passed.
//!
//! The convention: a test that finds its surroundings missing appends one line
//! `SKIPPED <test>: <why>` to the file named by `WHITEBEAM_SKIP_FILE`, if that is
//! set, and returns. In CI only the reasons below excuse.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Where tests find the path of the file.
pub(super) const VARIABLE: &str = "WHITEBEAM_SKIP_FILE";

/// How a reason may begin in CI, each with what it means.
const EXCUSES: [(&str, &str); 3] = [
    ("shared data absent", "a data set too large to ship"),
    (
        "no privilege",
        "another user or a mount of its own is needed",
    ),
    ("not asked for", "it takes longer than CI has"),
];

/// The file that tests append to.
#[derive(Debug)]
pub(super) struct Skips {
    folder: tempfile::TempDir,
}

/// What the file says in the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) count: usize,
    /// Those among them without an excuse, where one is needed.
    pub(super) forbidden: usize,
}

impl Skips {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
        Ok(Self { folder })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("skipped")
    }

    /// Prints every skipped test.
    pub(super) fn report(&self) -> Result<Skipped> {
        let text = read(&self.path())?;
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        let (lines, skipped) = judge(&text, in_ci);
        for line in lines {
            println!("{line}");
        }
        Ok(skipped)
    }
}

fn read(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        other => other.map_err(Error::file(path)),
    }
}

/// A test that says twice that it is skipped is one test.
fn judge(text: &str, in_ci: bool) -> (Vec<String>, Skipped) {
    let mut by_test: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line = line.strip_prefix("SKIPPED ").unwrap_or(line);
        let (test, why) = line.split_once(": ").unwrap_or((line, "no reason given"));
        by_test.insert(test, why);
    }
    let mut forbidden = 0;
    let lines = by_test
        .iter()
        .map(|(test, why)| {
            let excused = EXCUSES.iter().any(|(excuse, _)| why.starts_with(excuse));
            if excused || !in_ci {
                format!("SKIPPED {test}: {why}")
            } else {
                forbidden += 1;
                format!("FAILED {test}: skipped without an excuse that counts in CI: {why}")
            }
        })
        .collect();
    let count = by_test.len() - forbidden;
    (lines, Skipped { count, forbidden })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "SKIPPED whole_file: shared data absent: online_retail.csv.gz\n\
                        SKIPPED full_disk: felt like it\n\
                        SKIPPED full_disk: felt like it\n\
                        bare\n";

    #[test]
    fn skipped_tests_are_named_once_each() {
        let (lines, skipped) = judge(TEXT, false);
        assert_eq!(
            lines,
            [
                "SKIPPED bare: no reason given",
                "SKIPPED full_disk: felt like it",
                "SKIPPED whole_file: shared data absent: online_retail.csv.gz",
            ]
        );
        let expected = Skipped {
            count: 3,
            forbidden: 0,
        };
        assert_eq!(skipped, expected);
    }

    #[test]
    fn in_ci_only_an_excuse_excuses() {
        let (_, skipped) = judge(TEXT, true);
        let expected = Skipped {
            count: 1,
            forbidden: 2,
        };
        assert_eq!(skipped, expected);
    }

    #[test]
    fn no_file_means_nothing_was_skipped() {
        let skips = Skips::new().expect("a temporary directory can be made");
        let nothing = Skipped {
            count: 0,
            forbidden: 0,
        };
        assert_eq!(skips.report().ok(), Some(nothing));
    }
}
