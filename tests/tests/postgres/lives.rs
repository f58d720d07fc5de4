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
use whitebeam_runner_streaming::{
    End, Limits, POINTS, PolledRun, Settings, Turn, checkpoint, keep_in,
};
use whitebeam_testkit::sim::{How, Machine, SimEnv, Strike};

const NUMBERS: u32 = 240;
const TURNS: usize = 200_000;

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

/// One life of the run; true if it came to its end.
fn live(machine: &Machine, draws: &SimEnv, url: &str, tables: &str) -> Result<bool> {
    let env = machine.start();
    let settings = settings(draws);
    let started = machine.step(|| {
        let graph = pipeline(&Log::on(&env, "/log"), None, url, tables).finish()?;
        let keeper = keep_in(env.clone(), Path::new("/checkpoints"), &graph, &settings)?;
        PolledRun::new(&graph, env.clone(), settings, Some(keeper))
    });
    let mut run = match started {
        Err(_) => return Ok(false),
        Ok(Err(_)) if !env.is_alive() => return Ok(false),
        Ok(Err(e)) if e.code() == "R208" => return Ok(true),
        // After a power cut nobody knows that the one before is dead until its lease has ended.
        Ok(Err(e)) if e.code() == "R201" => {
            machine.kill(&env);
            machine.advance(Duration::from_secs(4));
            return Ok(false);
        }
        Ok(run) => run.inspect_err(|_| machine.kill(&env))?,
    };
    for _ in 0..TURNS {
        let did = machine.step(|| run.turn());
        let Some(did) = did.ok().filter(|_| env.is_alive()) else {
            let _ = machine.step(|| drop(run));
            return Ok(false);
        };
        match did {
            Turn::Worked => machine.advance(Duration::from_micros(draws.choose(30) as u64)),
            Turn::Idle(Some(pause)) => machine.advance(pause),
            Turn::Idle(None) => panic!("stuck: {run:?}"),
            Turn::Over => {
                let outcome = run.outcome();
                let _ = machine.step(|| drop(run));
                machine.kill(&env);
                return Ok(outcome?.end == End::Drained);
            }
        }
    }
    panic!("still running after {TURNS} turns: {run:?}")
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
        let lived = live(&machine, &draws, url, tables);
        if lived.unwrap_or_else(|e| panic!("seed {seed}, life {life}: {e}")) {
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
