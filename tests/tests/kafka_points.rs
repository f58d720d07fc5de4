//! Labelled crash points on a real broker: the run aborts there, aborts there again when it is gone
//! on with, and then comes to its end; its answer is that of batch, each pane once.
//!
//! Twelve of them, drawn by a fixed seed; all of them where `WHITEBEAM_FULL` is set.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod revenue_job;

use revenue_job::december;
use revenue_job::job::Job;
use revenue_job::market::Market;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use whitebeam_io::kafka::SINK_POINTS;
use whitebeam_runner_streaming::{POINTS, checkpoint};

/// A pin is set by a person, and a broker that is well loses no end of a transaction, so that nothing is
/// repaired. The models meet those.
const NOT_ON_THE_WAY: [&str; 5] = [
    "kafka.repair_announced",
    "kafka.repair_ended",
    "kafka.repair_taken_back",
    "kafka.repair_witnessed",
    "save.pinned",
];

/// Lines of the input.
const LINES: usize = 4_000;
/// Lines a second, in lives that are to meet their point.
const RATE: u32 = 1_000;
/// Points that are drawn.
const DRAWN: usize = 12;
/// `SIGABRT`
const ABORTED: i32 = 6;

/// The first lines of December.
fn input(folder: &Path) -> PathBuf {
    let file = std::fs::File::open(december()).unwrap();
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let lines: Result<Vec<String>, _> = lines.take(1 + LINES).collect();
    let path = folder.join("input.csv");
    std::fs::write(&path, lines.unwrap().join("\n")).unwrap();
    path
}

/// One life, with this in its surroundings; true if it came to its end, false if it aborted.
fn lives(job: &Job, variable: &str, value: &str) -> bool {
    let mut command = job.command(2);
    let ran = command.env(variable, value).stderr(Stdio::piped()).output();
    let ran = ran.unwrap();
    let told = String::from_utf8_lossy(&ran.stderr);
    let aborted = ran.status.signal() == Some(ABORTED);
    // Where it came to its end before the crash, there is nothing to go on with.
    let ended = ran.status.success() || told.contains("error[R208]");
    assert!(aborted || ended, "{}: {told}", ran.status);
    !aborted
}

/// How often each point is reached, by a run to its end that is gone on with once.
fn visits(market: &Market) -> BTreeMap<String, u64> {
    let noted = market.at("visits");
    let job = market.job(["--to-topic", "visited"], RATE, "100ms");
    assert!(!lives(&job, "WHITEBEAM_CRASH", "sink.commit_sent:2"));
    assert!(lives(&job, "WHITEBEAM_VISITS", noted.to_str().unwrap()));
    market.judge("visited").unwrap();
    let mut visits = BTreeMap::new();
    for label in std::fs::read_to_string(noted).unwrap().lines() {
        *visits.entry(label.to_owned()).or_default() += 1;
    }
    visits
}

/// Aborts at a point, again, and goes on to the end; false if it does not get there.
fn strike(market: &Market, label: &str, hit: u64) -> Result<bool, String> {
    let to = format!("out-{label}-{hit}");
    let mut job = market.job(["--to-topic", &to], RATE, "100ms");
    if lives(&job, "WHITEBEAM_CRASH", &format!("{label}:{hit}")) {
        return Ok(false);
    }
    job.rate = 20_000;
    let again = !lives(&job, "WHITEBEAM_CRASH", label);
    if again {
        lives(&job, "NOTHING", "");
    }
    let panes = market.judge(&to)?;
    eprintln!("{label}:{hit}, again: {again}; {panes} panes, each once");
    Ok(true)
}

#[test]
fn an_abort_at_any_point_changes_no_answer_and_every_point_is_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let Some(market) = Market::open(&input(folder.path())) else {
        return;
    };
    let visits = visits(&market);
    let all = POINTS.iter().chain(checkpoint::POINTS).chain(SINK_POINTS);
    let all: BTreeSet<&str> = all.copied().collect();
    let unmet: Vec<&str> = all
        .iter()
        .copied()
        .filter(|l| !visits.contains_key(*l))
        .collect();
    assert_eq!(unmet, NOT_ON_THE_WAY);

    let mut random = fastrand::Rng::with_seed(12);
    let mut drawn = Vec::new();
    for (label, visits) in visits.iter().filter(|(l, _)| all.contains(l.as_str())) {
        // Another run may visit rare points less often.
        drawn.push((label, random.u64(1..=(visits / 2).clamp(1, 3))));
    }
    random.shuffle(&mut drawn);
    if std::env::var_os("WHITEBEAM_FULL").is_none() {
        drawn.truncate(DRAWN);
    }
    for (label, hit) in drawn {
        // A slow machine ends fewer epochs.
        let struck = strike(&market, label, hit)
            .and_then(|struck| Ok(struck || strike(&market, label, 1)?))
            .unwrap_or_else(|e| panic!("WHITEBEAM_CRASH={label}:{hit}: {e}"));
        assert!(struck, "{label} is not on the way");
    }
}
