//! The revenue example, as tests of it share it: its parts, its program, its data.
#![allow(dead_code, reason = "each test uses a part")]

#[path = "../../../examples/revenue/again.rs"]
pub(crate) mod again;
pub(crate) mod disk;
#[path = "../../../examples/revenue/feed.rs"]
pub(crate) mod feed;
#[path = "../../../examples/revenue/invoice.rs"]
pub(crate) mod invoice;
#[path = "../../../examples/revenue/job.rs"]
pub(crate) mod job;
#[path = "../../../examples/revenue/life.rs"]
pub(crate) mod life;
pub(crate) mod market;
#[path = "../../../examples/revenue/per_minute.rs"]
pub(crate) mod per_minute;
pub(crate) mod refusals;
#[path = "../../../examples/revenue/rows.rs"]
pub(crate) mod rows;
pub(crate) mod shop;
pub(crate) mod storm;
#[path = "../../../examples/revenue/topics.rs"]
pub(crate) mod topics;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use whitebeam_tests::skip::skip;

/// The three ways in which the program runs a pipeline.
pub(crate) const RUNNERS: [&[&str]; 3] = [
    &["--runner", "batch", "--parallelism", "1"],
    &["--runner", "batch", "--parallelism", "4"],
    &["--runner", "local"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// December 2010, as shipped.
pub(crate) fn december() -> PathBuf {
    root().join("examples/data/online_retail_2010_12.csv.gz")
}

/// The whole data set, where somebody has put it beside the project.
pub(crate) fn whole() -> Option<PathBuf> {
    let path = root().join("../shared/data/online_retail.csv.gz");
    path.exists().then_some(path)
}

/// How many rows its revenue has in the end, and how many cents they are.
pub(crate) const DECEMBER: (usize, i64) = (1_446, 82_374_614);

/// The same of the whole data set.
pub(crate) const YEAR: (usize, i64) = (18_733, 1_066_668_454);

/// The whole data set for a test that runs on request; `None` when it is skipped, which has been said.
pub(crate) fn whole_if_asked(test: &str) -> Option<PathBuf> {
    let asked = ["WHITEBEAM_KAFKA_YEAR", "WHITEBEAM_FULL"].map(std::env::var_os);
    if asked == [None, None] {
        skip(test, "not asked for by WHITEBEAM_KAFKA_YEAR=1");
        return None;
    }
    let found = whole();
    if found.is_none() {
        skip(
            test,
            "shared data absent: ../shared/data/online_retail.csv.gz",
        );
    }
    found
}

/// The program: as it was built with the tests, or the build that `WHITEBEAM_REVENUE` names, such as
/// an optimized one.
pub(crate) fn program() -> Command {
    let other = std::env::var_os("WHITEBEAM_REVENUE");
    Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_revenue").into()))
}

/// Runs it over `input` into `output`.
pub(crate) fn run(runner: &[&str], input: &Path, output: &Path) -> Output {
    let run = program()
        .arg("run")
        .args(runner)
        .args([OsStr::new("--input"), input.as_ref()])
        .args([OsStr::new("--output"), output.as_ref()])
        .output();
    run.expect("the program is built with the tests")
}
