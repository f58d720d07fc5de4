//! A streaming run from a log into PostgreSQL, on a simulated machine that crashes: checkpoints and
//! log are lost as far as they were not synced, what the server has committed is not.

use super::Database;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use whitebeam::Result;
use whitebeam::io::log::{Log, LogPlace, LogSource, Message};
use whitebeam::io::postgres::PostgresSink;
use whitebeam::prelude::*;
use whitebeam_env::Env;
use whitebeam_runner_streaming::{Limits, POINTS, PolledRun, Settings, checkpoint, keep_in};
use whitebeam_testkit::sim::{How, Machine, SimEnv, Strike};
use whitebeam_tests::streaming::life::{CHECKPOINTS, Left, live};

const NUMBERS: u32 = 240;

#[derive(Clone, Serialize, Deserialize)]
struct Count {
    minute: Timestamp,
    key: u32,
    numbers: u64,
}

/// Numbers 0 to 240, each at the second of its name.
fn fill(log: &Log) {
    log.create_topic("in", 3).unwrap();
    let mut writer = log.writer("in").unwrap();
    for number in 0..NUMBERS {
        let at = Timestamp::from_secs(number.into());
        let value = number.to_string();
        let message = Message::of(value.as_bytes()).at(at);
        writer.push(message.to(number * 7 % 3)).unwrap();
    }
    writer.flush().unwrap();
}

/// Every number is added to one table; of every key and minute, the count is put into another.
fn pipeline(log: &Log, until: Option<LogPlace>, url: &str, tables: &str) -> Pipeline {
    let p = Pipeline::new();
    let numbers = LogSource::<u32>::json(log, "in").record_time().ordered();
    let numbers = match until {
        Some(until) => numbers.until(until),
        None => numbers,
    };
    let numbers = p.read(numbers).named("Numbers");
    let all = PostgresSink::append(url, format!("{tables}_numbers")).columns(["n"]);
    numbers
        .clone()
        .map(|n| (n,))
        .write(all.create_table())
        .named("All");
    let counts = PostgresSink::upsert(url, format!("{tables}_counts"), ["key", "minute"]);
    numbers
        .window(FixedWindows::of(minutes(1)))
        .map(|n| n % 5)
        .count_per_element()
        .named("Counts")
        .map_with(|(key, numbers), at| Count {
            minute: at.window().start(),
            key,
            numbers,
        })
        .write(counts.create_table())
        .named("Counts to PostgreSQL");
    p
}

fn settings(draws: &SimEnv) -> Settings {
    Settings {
        parallelism: 1 + draws.choose(3),
        interval: Duration::from_micros(300 + draws.choose(2_500) as u64),
        align_timeout: Duration::from_millis(50),
        until_end: true,
        limits: Limits {
            poll: Some(1 + draws.choose(12)),
            attempts: 1_000,
            ..Limits::default()
        },
        ..Settings::default()
    }
}

/// One life of the run.
fn incarnation(machine: &Machine, draws: &SimEnv, url: &str, tables: &str) -> Result<Left> {
    let env = machine.start();
    let settings = settings(draws);
    let begin = || {
        let graph = pipeline(&Log::on(&env, "/log"), None, url, tables).finish()?;
        let keeper = keep_in(env.clone(), Path::new(CHECKPOINTS), &graph, &settings)?;
        PolledRun::new(&graph, env.clone(), settings, Some(keeper))
    };
    live(&env, draws, begin, |_, _| {})
}

/// Lives until everything has come out. How many lives there were.
fn survive(seed: u64, url: &str, tables: &str) -> usize {
    let machine = Machine::new(seed);
    let draws = machine.start();
    fill(&Log::on(&draws, "/log"));
    for life in 1.. {
        assert!(life < 60, "seed {seed}: it does not come to an end");
        machine.heal();
        if life <= 5 {
            let of_commits = ["sink.begin", "sink.committed", "sink.commit_acked"];
            let points: Vec<_> = POINTS.iter().chain(checkpoint::POINTS).collect();
            let label = match draws.choose(2) {
                0 => of_commits[draws.choose(3)],
                _ => points[draws.choose(points.len())],
            };
            let nth = 1 + draws.choose(5) as u64;
            let how = [How::Kill, How::Power][draws.choose(2)];
            machine.strike([Strike::Point { label, nth, how }]);
        }
        let left = incarnation(&machine, &draws, url, tables);
        let left = left.unwrap_or_else(|e| panic!("seed {seed}, life {life}: {e}"));
        if left == Left::Drained {
            return life;
        }
    }
    unreachable!()
}

#[test]
fn everything_is_there_once_whatever_crashes() {
    let Some(db) = Database::new("lives") else {
        return;
    };
    let machine = Machine::new(0);
    let log = Log::on(&machine.start(), "/log");
    fill(&log);
    let batch = pipeline(&log, Some(LogPlace::Latest), &db.url, "batch");
    BatchRunner::new().run(&batch).unwrap();
    let numbers = |tables: &str| {
        db.sql(&format!(
            "SELECT string_agg(n::text, ' ' ORDER BY n) FROM {tables}_numbers"
        ))
    };
    let counts = |tables: &str| db.sql(&format!("SELECT * FROM {tables}_counts ORDER BY 1, 2"));
    let all: Vec<String> = (0..NUMBERS).map(|n| n.to_string()).collect();
    assert_eq!(numbers("batch"), all.join(" "));
    assert_eq!(counts("batch").lines().count(), 20);
    let mut lives = 0;
    for seed in 1..=6 {
        let tables = format!("seed{seed}");
        lives += survive(seed, &db.url, &tables);
        assert_eq!(numbers(&tables), numbers("batch"), "seed {seed}");
        assert_eq!(counts(&tables), counts("batch"), "seed {seed}");
    }
    assert!(lives > 12, "{lives}");
}
