//! Revenue over a log: whatever the order of arrival and the number of partitions, the answer is
//! that of the file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod revenue_job;

use revenue_job::feed::{Destination, Feed};
use revenue_job::invoice::{TOPIC, invoices, logged};
use revenue_job::per_minute::{Revenue, revenue_per_minute};
use revenue_job::rows::{difference, final_panes, rows};
use revenue_job::{december, program};
use std::path::Path;
use std::sync::OnceLock;
use whitebeam::Timestamp;
use whitebeam::io::file::CsvSink;
use whitebeam::io::log::{Log, LogPlace};
use whitebeam::prelude::*;

/// Feeds December into a log below `folder`.
fn feed(folder: &Path, partitions: u32, disorder: Option<u64>) {
    let feed = Feed {
        into: Destination::log(folder),
        input: vec![december()],
        partitions,
        disorder,
        rate: None,
        passes: 1,
    };
    assert_eq!(feed.run().unwrap(), 42_481);
}

fn answer(
    p: &Pipeline,
    lines: PCollection<revenue_job::invoice::InvoiceLine>,
    lateness: Duration,
    run: impl FnOnce(&Pipeline),
) -> Vec<Revenue> {
    let folder = tempfile::tempdir().unwrap();
    let (revenue, late) = revenue_per_minute(lines, lateness);
    revenue.write(CsvSink::new(folder.path().join("revenue")));
    late.write(CsvSink::new(folder.path().join("late")));
    run(p);
    let late = folder.path().join("late");
    assert!(!late.exists() || rows(&late).unwrap().is_empty());
    rows(&folder.path().join("revenue")).unwrap()
}

/// What batch finds in the file.
fn expected() -> &'static [Revenue] {
    static EXPECTED: OnceLock<Vec<Revenue>> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        let p = Pipeline::new();
        let lines = p.read(invoices(vec![december()]));
        let rows = answer(&p, lines, Duration::ZERO, |p| {
            BatchRunner::new().run(p).unwrap();
        });
        let total: i64 = rows.iter().map(|row| row.cents).sum();
        assert_eq!((rows.len(), total), (1_446, 82_374_614));
        rows
    })
}

fn from_log(folder: &Path, lateness: Duration, run: impl FnOnce(&Pipeline)) -> Vec<Revenue> {
    let p = Pipeline::new();
    let lines = p.read(logged(folder, LogPlace::Earliest));
    answer(&p, lines, lateness, run)
}

#[test]
fn batch_over_a_log_is_batch_over_the_file_in_any_order_of_arrival() {
    for (partitions, disorder) in [
        (1, None),
        (1, Some(1)),
        (3, None),
        (4, Some(2)),
        (4, Some(3)),
        (16, Some(4)),
    ] {
        let log = tempfile::tempdir().unwrap();
        feed(log.path(), partitions, disorder);
        for (workers, lateness) in [
            (1, Duration::ZERO),
            (1, hours(6)),
            (2, hours(6)),
            (5, hours(6)),
        ] {
            let found = from_log(log.path(), lateness, |p| {
                let runner = BatchRunner::new().parallelism(workers).until_end(true);
                runner.run(p).unwrap();
            });
            let differs = difference(expected(), &found);
            assert_eq!(
                differs, None,
                "{partitions} {disorder:?} {workers} {lateness}"
            );
        }
    }
}

#[test]
fn each_pass_of_a_feed_is_the_same_month_later() {
    let log = tempfile::tempdir().unwrap();
    let feed = Feed {
        into: Destination::log(log.path()),
        input: vec![december()],
        partitions: 2,
        disorder: Some(5),
        rate: None,
        passes: 3,
    };
    assert_eq!(feed.run().unwrap(), 3 * 42_481);
    let found = from_log(log.path(), hours(6), |p| {
        BatchRunner::new().until_end(true).run(p).unwrap();
    });
    // From the first to the 23rd of December: 23 days begin in between.
    let later = |row: &Revenue, pass: i64| {
        let minute: Timestamp = row.minute.parse().unwrap();
        Revenue {
            minute: (minute + days(23) * pass).to_string(),
            ..row.clone()
        }
    };
    let passes = (0..3).flat_map(|pass| expected().iter().map(move |row| later(row, pass)));
    let mut expected: Vec<Revenue> = passes.collect();
    expected.sort();
    assert_eq!(difference(&expected, &found), None);
}

#[test]
fn the_local_runner_corrects_its_panes_to_the_same_answer() {
    let log = tempfile::tempdir().unwrap();
    feed(log.path(), 3, Some(9));
    let mut corrected = 0;
    for seed in 0..3 {
        let found = from_log(log.path(), hours(6), |p| {
            LocalRunner::new()
                .seed(seed)
                .until_end(true)
                .run(p)
                .unwrap();
        });
        corrected += found
            .iter()
            .filter(|row| row.pane_timing.as_str() == "late")
            .count();
        assert_eq!(
            difference(expected(), &final_panes(&found).unwrap()),
            None,
            "seed {seed}"
        );
    }
    assert!(corrected > 0, "the log holds lines that are late");
}

#[test]
fn disorder_is_what_the_seed_says_and_no_more_than_six_hours() {
    let times = |disorder| {
        let folder = tempfile::tempdir().unwrap();
        feed(folder.path(), 1, disorder);
        let log = Log::at(folder.path());
        let source = logged(folder.path(), LogPlace::Earliest);
        let splits = source.discover(&[], 1).unwrap();
        let splits = source.end_now(splits).unwrap();
        let mut reader = source
            .open(splits[0].clone(), None, &Default::default())
            .unwrap();
        let mut times = Vec::new();
        loop {
            let mut batch = Default::default();
            let poll = reader.poll(&mut batch).unwrap();
            times.extend(batch.values().iter().map(|line| line.at));
            if poll == whitebeam::source::Poll::End {
                assert_eq!(log.offsets(TOPIC, &LogPlace::Latest).unwrap(), [42_481]);
                return times;
            }
        }
    };
    let in_order = times(None);
    assert!(in_order.is_sorted());
    let (first, again, other) = (times(Some(1)), times(Some(1)), times(Some(2)));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let mut latest = Timestamp::MIN;
    let mut behind = Vec::new();
    for time in first {
        latest = latest.max(time);
        behind.push(latest - time);
    }
    let share = |bound| behind.iter().filter(|d| **d > bound).count() as f64 / behind.len() as f64;
    assert_eq!(share(hours(6)), 0.0);
    assert!(share(minutes(10)) > 0.004, "{}", share(minutes(10)));
    assert!(share(minutes(10)) < 0.012, "{}", share(minutes(10)));
    assert!(share(seconds(30)) < 0.11, "{}", share(seconds(30)));
}

fn ran(arguments: &[&str]) -> std::process::Output {
    program().args(arguments).output().unwrap()
}

#[test]
fn the_program_feeds_a_log_and_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let (log, output) = (folder.path().join("log"), folder.path().join("revenue"));
    let (log, output) = (log.to_str().unwrap(), output.to_str().unwrap());
    let input = december();
    let input = input.to_str().unwrap();
    let fed = ran(&[
        "feed",
        "--log",
        log,
        "--input",
        input,
        "--partitions",
        "2",
        "--disorder",
        "5",
    ]);
    assert!(fed.status.success(), "{fed:?}");
    let said = String::from_utf8(fed.stdout).unwrap();
    assert!(said.contains("42481 invoice lines"), "{said}");
    for runner in ["batch", "local"] {
        let run = ran(&["run", "--runner", runner, "--log", log, "--output", output]);
        assert!(run.status.success(), "{run:?}");
        let found = rows(Path::new(output)).unwrap();
        assert_eq!(
            difference(expected(), &final_panes(&found).unwrap()),
            None,
            "{runner}"
        );
    }
    for (from, expected) in [
        ("latest", 0),
        ("2011-01-01T00:00:00Z", 0),
        ("earliest", 1_446),
    ] {
        let run = ran(&["run", "--log", log, "--from", from, "--output", output]);
        assert!(run.status.success(), "{run:?}");
        assert_eq!(rows(Path::new(output)).unwrap().len(), expected, "{from}");
    }
    let some = ran(&["run", "--log", log, "--from", "20000", "--output", output]);
    assert!(some.status.success(), "{some:?}");
    let some = rows(Path::new(output)).unwrap().len();
    assert!((1..1_446).contains(&some), "{some}");
}

#[test]
fn what_cannot_be_read_or_fed_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    feed(folder.path(), 2, None);
    let log = folder.path().to_str().unwrap();
    for (arguments, code, says) in [
        (
            vec!["run", "--log", nowhere],
            1,
            "there is no topic `invoices`",
        ),
        (vec!["run", "--log", log, "--from", "soon"], 2, "--from"),
        (vec!["run", "--from", "latest"], 2, "--log"),
        (
            vec!["run", "--log", log, "--input", "x"],
            2,
            "cannot be used with",
        ),
        (vec!["feed"], 2, "--log"),
        (
            vec!["feed", "--log", log, "--partitions", "3"],
            1,
            "has 2 partitions, not 3",
        ),
        (vec!["feed", "--log", log, "--rate", "0"], 2, "--rate"),
    ] {
        let ran = ran(&arguments);
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}
