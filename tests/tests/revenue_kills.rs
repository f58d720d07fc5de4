//! Revenue from a log as a run without end, killed at random: whatever dies when, and with however
//! many workers it goes on, the answer is that of batch, and each pane is there once.
//!
//! Two runs of each input, or as many as `WHITEBEAM_KILL_RUNS` says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod revenue_job;

use revenue_job::feed::{Destination, Feed, read_all};
use revenue_job::invoice::{InvoiceLine, Kind, TOPIC, invoices};
use revenue_job::job::Job;
use revenue_job::life::{Kill, Life};
use revenue_job::per_minute::{LateLine, Revenue, revenue_per_minute};
use revenue_job::rows::{difference, final_panes, rows};
use revenue_job::{december, program, whole};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use whitebeam::io::file::CsvSink;
use whitebeam::io::log::{Log, LogPlace};
use whitebeam::prelude::{BatchRunner, Pipeline};
use whitebeam_tests::skip::skip;

/// Kills of one run that count, at least.
const KILLS: usize = 3;

fn runs() -> u64 {
    let given = std::env::var("WHITEBEAM_KILL_RUNS").ok();
    given.map_or(2, |n| n.parse().unwrap())
}

/// A log with all lines of a file, out of order, and what batch makes of the file.
struct Shop {
    folder: tempfile::TempDir,
    lines: u64,
    expected: Vec<Revenue>,
}

impl Shop {
    fn new(input: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let feed = Feed {
            into: Destination::log(folder.path().join("log")),
            input: vec![input.to_owned()],
            partitions: 4,
            disorder: Some(11),
            rate: None,
            passes: 1,
        };
        let lines = feed.run().unwrap();
        let batch = folder.path().join("batch");
        let mut program = program();
        program.args(["run", "--runner", "batch", "--allowed-lateness", "0s"]);
        program.args(["--input".as_ref(), input.as_os_str()]);
        program.args(["--output".as_ref(), batch.as_os_str()]);
        assert!(program.output().unwrap().status.success());
        let expected = rows(&batch).unwrap();
        Shop {
            folder,
            lines,
            expected,
        }
    }

    fn job(&self, run: u64, rate: u32, interval: &'static str) -> Job {
        let folder = self.folder.path().join(format!("run-{run}-{rate}"));
        std::fs::create_dir(&folder).unwrap();
        Job {
            program: PathBuf::from(program().get_program()),
            log: Some(self.folder.path().join("log")),
            checkpoints: folder.join("checkpoints"),
            output: folder.join("revenue"),
            rate,
            interval,
            until_end: true,
            options: Vec::new(),
        }
    }

    /// One run through its kills, as slow as it has to be to be killed often enough.
    fn run(&self, run: u64, rate: u32, interval: &'static str) -> Survived {
        let mut rates = (0..4).map(|halved| rate >> halved);
        let survived = rates.find_map(|rate| {
            let job = self.job(run, rate, interval);
            let survived = self.survive(&job, &mut fastrand::Rng::with_seed(run));
            (survived.kills >= KILLS).then_some(survived)
        });
        survived.unwrap_or_else(|| panic!("run {run} ends before it can be killed {KILLS} times"))
    }

    fn survive(&self, job: &Job, random: &mut fastrand::Rng) -> Survived {
        let mut survived = Survived::default();
        let mut before = BTreeMap::new();
        let mut kept = None;
        let planned = KILLS + random.usize(0..3);
        loop {
            let kill = Kill {
                commits: random.u32(1..4),
                after: Duration::from_millis(random.u64(0..120)),
            };
            let workers = random.usize(1..=8);
            let kill = (survived.kills < planned).then_some(kill);
            let life = job.live(workers, kill).unwrap();
            survived.workers.push(workers);
            // It goes on from the newest checkpoint: what is read again came after that.
            assert_eq!(life.resumed_from, kept);
            let after = parts(&job.output);
            for (part, content) in &before {
                assert!(after.get(part) == Some(content), "{part} was changed");
            }
            before = after;
            if life.killed.is_none() {
                self.check(job, &life);
                return survived;
            }
            let newest = job.newest().unwrap().unwrap();
            // It may have been killed as soon as it had made visible what the life before had left.
            let last = life.last.map(|(epoch, _)| epoch);
            assert!(
                Some(newest.epoch) >= last.max(kept),
                "checkpoint {last:?} was completed, or {kept:?} kept, and is gone"
            );
            kept = Some(newest.epoch);
            // One of its partitions may have been read to its end.
            let is_left = newest.lines.is_some_and(|lines| lines < self.lines);
            if last.is_some() && is_left {
                survived.kills += 1;
                survived.read_again += job.read_again(&life);
            }
        }
    }

    /// At the end of the log.
    fn check(&self, job: &Job, life: &Life) {
        // What was counted up to the checkpoint, and what was read since: no line more or less.
        let steps = &life.end["steps"];
        assert_eq!(steps[0]["elements"], self.lines, "{steps}");
        let found = final_panes(&rows(&job.output).unwrap()).unwrap();
        assert_eq!(difference(&self.expected, &found), None);
    }

    fn survives(&self, rate: u32, interval: &'static str) {
        for run in 0..runs() {
            let Survived {
                workers,
                kills,
                read_again,
            } = self.run(run, rate, interval);
            let lines = self.lines;
            eprintln!(
                "run {run}: {kills} kills, workers {workers:?}, at most {read_again} of {lines} lines read again"
            );
        }
    }
}

/// What a run went through.
#[derive(Debug, Default)]
struct Survived {
    /// Of each life.
    workers: Vec<usize>,
    /// Those after a checkpoint of the same life, with input left.
    kills: usize,
    read_again: u64,
}

/// All visible parts, by name.
fn parts(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "csv"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect()
}

fn totals(rows: &[Revenue]) -> (usize, i64) {
    (rows.len(), rows.iter().map(|row| row.cents).sum())
}

#[test]
fn december_survives_being_killed() {
    let shop = Shop::new(&december());
    assert_eq!(totals(&shop.expected), (1_446, 82_374_614));
    shop.survives(20_000, "50ms");
}

#[test]
fn the_whole_file_survives_being_killed() {
    let Some(input) = whole() else {
        return skip(
            "the_whole_file_survives_being_killed",
            "shared data absent: ../shared/data/online_retail.csv.gz",
        );
    };
    let shop = Shop::new(&input);
    assert_eq!(totals(&shop.expected), (18_733, 1_066_668_454));
    shop.survives(120_000, "200ms");
}

/// What batch makes of the input without the lines that a streaming run has dropped.
fn batch_without(input: &Path, late: &[LateLine], output: &Path) -> Vec<Revenue> {
    let mut lines: Vec<InvoiceLine> = read_all(&invoices(vec![input.to_owned()])).unwrap();
    for late in late {
        let is_it = |line: &InvoiceLine| {
            line.kind == Kind::Paid
                && (&line.country, line.cents) == (&late.country, late.cents)
                && line.at.to_string() == late.time
        };
        let dropped = lines.iter().position(is_it);
        lines.swap_remove(dropped.unwrap_or_else(|| panic!("{late:?} is not in the input")));
    }
    let p = Pipeline::new();
    let (revenue, _) = revenue_per_minute(p.create(lines), whitebeam::Duration::ZERO);
    revenue.write(CsvSink::new(output));
    BatchRunner::new().run(&p).unwrap();
    rows(output).unwrap()
}

#[test]
fn what_is_dropped_as_late_is_captured_once_and_is_all_that_is_missing() {
    let shop = Shop::new(&december());
    let mut job = shop.job(0, 20_000, "50ms");
    let folder = job.output.with_file_name("late");
    job.options = ["--allowed-lateness", "1m", "--late"]
        .map(Into::into)
        .to_vec();
    job.options.push(folder.clone().into());
    for workers in [3, 1] {
        let (commits, after) = (4, Duration::from_millis(30));
        let life = job.live(workers, Some(Kill { commits, after })).unwrap();
        assert!(life.killed.is_some());
    }
    let end = job.live(2, None).unwrap().end;
    let late: Vec<LateLine> = parts(&folder)
        .values()
        .flat_map(|part| csv::Reader::from_reader(part.as_slice()).into_deserialize())
        .map(Result::unwrap)
        .collect();
    let steps = end["steps"].as_array().unwrap();
    let dropped = steps.iter().map(|step| &step["dropped"]["late"]);
    let dropped: u64 = dropped.map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(late.len() as u64, dropped);
    assert!((100..2_000).contains(&dropped), "{dropped}");
    let found = final_panes(&rows(&job.output).unwrap()).unwrap();
    let expected = batch_without(&december(), &late, &job.output.with_file_name("without"));
    assert_eq!(difference(&expected, &found), None);
    assert!(difference(&shop.expected, &found).is_some());
}

/// One process writes the log, others read it meanwhile: batch to its present end, and a run without
/// end that is killed again and again.
#[test]
fn a_log_that_grows_is_read_while_it_is_written() {
    let shop = Shop::new(&december());
    let mut job = shop.job(0, 100_000, "50ms");
    let log = shop.folder.path().join("growing");
    job.log = Some(log.clone());
    let mut feed = program();
    feed.args(["feed", "--disorder", "5", "--rate", "10000", "--input"]);
    feed.arg(december()).arg("--log");
    let mut feed = feed.arg(&log).stdout(Stdio::null()).spawn().unwrap();
    while !matches!(Log::at(&log).offsets(TOPIC, &LogPlace::Latest), Ok(ends) if ends[0] > 100) {
        assert!(
            feed.try_wait().unwrap().is_none(),
            "it has something to write"
        );
        #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut batch = program();
    batch.args(["run", "--log"]).arg(&log).arg("--output");
    let present = job.output.with_file_name("present");
    assert!(batch.arg(&present).output().unwrap().status.success());
    let found = rows(&present).unwrap();
    assert!(!found.is_empty() && totals(&found).1 < totals(&shop.expected).1);

    job.until_end = false;
    let mut lives = 0;
    while feed.try_wait().unwrap().is_none() {
        lives += 1;
        let (commits, after) = (4, Duration::from_millis(20 * lives));
        let life = job.live(1 + lives as usize % 4, Some(Kill { commits, after }));
        assert!(life.unwrap().killed.is_some(), "it waits for more");
    }
    assert!(lives > 0, "it was killed while the log grew");
    assert!(feed.wait().unwrap().success());
    job.until_end = true;
    let life = job.live(3, None).unwrap();
    shop.check(&job, &life);
}
