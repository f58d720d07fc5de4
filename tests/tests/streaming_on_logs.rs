//! A streaming run from a log to another log and to files, on a simulated machine: source, runner,
//! checkpoints and both sinks share one disk that loses what was not synced. Whatever crashes when,
//! everything comes out once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;
use whitebeam::io::file::TextSink;
use whitebeam::io::log::{Log, LogSink, LogSource, Message};
use whitebeam::prelude::*;
use whitebeam::sink::{Epoch, Shard, Sink, SinkWriter};
use whitebeam::source::{Poll, ReadOptions};
use whitebeam::{Result, batch::Batch};
use whitebeam_env::Env;
use whitebeam_runner_streaming::{Limits, POINTS, PolledRun, Settings, Stop, checkpoint, keep_in};
use whitebeam_sdk::ErrorKind;
use whitebeam_sdk::graph::Graph;
use whitebeam_testkit::sim::{Class, How, Machine, SimEnv, Strike};
use whitebeam_tests::streaming::life::{CHECKPOINTS, Left, live};

const NUMBERS: u32 = 240;
const PARTITIONS: u32 = 3;
const KEYS: u32 = 5;

const OF_CONNECTORS: [&str; 14] = [
    "log.segment_written",
    "log.segment_created",
    "log.staged",
    "log.frame_written",
    "log.frame_synced",
    "log.mark_written",
    "log.mark_synced",
    "log.committed",
    "file.staged",
    "file.prepared",
    "file.linked",
    "file.shown",
    "file.marked",
    "file.tidied",
];

/// Numbers 0 to 240, each at the second of its name.
fn fill(log: &Log) {
    log.create_topic("in", PARTITIONS).unwrap();
    let mut writer = log.writer("in").unwrap().segment_bytes(2_000);
    for number in 0..NUMBERS {
        let at = Timestamp::from_secs(i64::from(number));
        let value = number.to_string();
        let message = Message::of(value.as_bytes()).at(at);
        writer.push(message.to(number * 7 % PARTITIONS)).unwrap();
        if number % 20 == 0 {
            writer.flush().unwrap();
        }
    }
    writer.flush().unwrap();
}

/// What lies in the files of a run before this one, which it is to replace.
fn another_run(env: &SimEnv) {
    let sink = TextSink::new("/files").on(env);
    let mut writer = Sink::<String>::open(&sink, Shard { index: 0, of: 1 }).unwrap();
    writer
        .write(&Batch::of(vec!["of another run".to_owned()]))
        .unwrap();
    let staged = SinkWriter::<String>::stage(&mut writer, Epoch(3)).unwrap();
    Sink::<String>::commit(&sink, Epoch(3), staged).unwrap();
}

/// Every number goes to the log `out`; of every key and minute, the count goes to files.
fn graph(env: &SimEnv) -> Graph {
    let log = Log::on(env, "/log");
    let p = Pipeline::new();
    let numbers = LogSource::<u32>::json(&log, "in").record_time().ordered();
    let numbers = p.read(numbers).named("Numbers");
    let out = LogSink::json(&log, "out")
        .create(2)
        .key_by(|n: &u32| n % KEYS);
    numbers.clone().write(out).named("Log");
    numbers
        .window(FixedWindows::of(minutes(1)))
        .map(|n| n % KEYS)
        .count_per_element()
        .named("Counts")
        .map_with(|(key, n), at| format!("{} {key} {n}", at.window().start()))
        .write(TextSink::new("/files").on(env).overwrite())
        .named("Files");
    p.finish().unwrap()
}

fn draw_settings(env: &SimEnv) -> Settings {
    let limits = Limits {
        exchange_bytes: 1 << env.choose(12),
        send_bytes: 1 << env.choose(9),
        poll: Some(1 + env.choose(12)),
        attempts: 1_000,
        ..Limits::default()
    };
    Settings {
        parallelism: 1 + env.choose(4),
        interval: Duration::from_micros(200 + env.choose(2_500) as u64),
        align_timeout: Duration::from_millis(50),
        until_end: true,
        limits,
        ..Settings::default()
    }
}

/// What can happen to a machine. Not both: a folder whose sync has failed may lose names in a power
/// cut that a process which begins in between sees and takes for durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weather {
    PowerCuts,
    FailingSyncs,
}

/// Draws the end of a life: a point, an operation on files, or the turn that is returned.
fn plan(machine: &Machine, draws: &SimEnv, weather: Weather) -> Option<usize> {
    let how = match weather {
        Weather::PowerCuts => [How::Kill, How::Power][draws.choose(2)],
        Weather::FailingSyncs => How::Kill,
    };
    match draws.choose(5) {
        0 => {
            let of_runner = POINTS.iter().chain(checkpoint::POINTS);
            let points: Vec<_> = of_runner.chain(&OF_CONNECTORS).collect();
            let label = points[draws.choose(points.len())];
            let nth = 1 + draws.choose(6) as u64;
            machine.strike([Strike::Point { label, nth, how }]);
            None
        }
        1 => {
            let label = OF_CONNECTORS[draws.choose(OF_CONNECTORS.len())];
            let nth = 1 + draws.choose(3) as u64;
            machine.strike([Strike::Point { label, nth, how }]);
            None
        }
        2 => {
            let nth = 1 + draws.choose(250) as u64;
            machine.strike([Strike::Operation { nth, how }]);
            None
        }
        3 => {
            let classes = [Class::Write, Class::Read, Class::Remove, Class::Sync];
            let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::Other];
            let fail = 3 + usize::from(weather == Weather::FailingSyncs);
            let class = classes[draws.choose(fail)];
            machine.fail(class, 1 + draws.choose(40) as u64, kinds[draws.choose(2)]);
            Some(draws.choose(1 << (4 + draws.choose(6))))
        }
        _ => Some(draws.choose(1 << (4 + draws.choose(5)))),
    }
}

/// One life of the run.
fn incarnation(
    machine: &Machine,
    draws: &SimEnv,
    weather: Weather,
    ends_at: Option<usize>,
) -> Result<Left> {
    let env = machine.start();
    let settings = draw_settings(draws);
    let suspends = draws.choose(4) == 0;
    let begin = || {
        let graph = graph(&env);
        let keeper = keep_in(env.clone(), Path::new(CHECKPOINTS), &graph, &settings)?;
        PolledRun::new(&graph, env.clone(), settings, Some(keeper))
    };
    live(&env, draws, begin, |turn, run| {
        if Some(turn) == ends_at {
            match (suspends, weather) {
                (true, _) => run.stop_handle().stop(Stop::Suspend),
                (_, Weather::PowerCuts) if draws.choose(2) == 0 => machine.lose_power(),
                _ => machine.kill(&env),
            }
        }
    })
}

fn read_out(log: &Log) -> Vec<u32> {
    let source = LogSource::<u32>::json(log, "out");
    let splits = source.end_now(source.discover(&[], 1).unwrap()).unwrap();
    let mut all = Vec::new();
    for split in splits {
        let mut reader = source.open(split, None, &ReadOptions::default()).unwrap();
        loop {
            let mut batch = Batch::default();
            let poll = reader.poll(&mut batch).unwrap();
            all.append(&mut batch.take_values());
            if poll == Poll::End {
                break;
            }
        }
    }
    all.sort_unstable();
    all
}

fn read_files(machine: &Machine) -> Vec<String> {
    let (files, folder) = (machine.observer(), Path::new("/files"));
    let mut lines = Vec::new();
    for entry in files.list(folder).unwrap() {
        if !entry.name.starts_with('.') {
            let text = files.read_all(&folder.join(entry.name), 1 << 20).unwrap();
            let text = String::from_utf8(text).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines.sort();
    lines
}

fn expected_lines() -> Vec<String> {
    let mut counts = BTreeMap::<(u32, u32), u32>::new();
    for number in 0..NUMBERS {
        *counts.entry((number / 60, number % KEYS)).or_default() += 1;
    }
    let line = |((minute, key), n): ((u32, u32), u32)| {
        format!("{} {key} {n}", Timestamp::from_secs(i64::from(minute) * 60))
    };
    let mut lines: Vec<String> = counts.into_iter().map(line).collect();
    lines.sort();
    lines
}

/// Lives until everything has come out. How many lives there were.
fn survive(seed: u64) -> usize {
    let machine = Machine::new(seed);
    let draws = machine.start();
    fill(&Log::on(&draws, "/log"));
    if draws.choose(3) == 0 {
        another_run(&draws);
    }
    let weather = [Weather::PowerCuts, Weather::FailingSyncs][draws.choose(2)];
    let planned = 4 + draws.choose(5);
    for life in 1.. {
        assert!(life < 60, "seed {seed}: it does not come to an end");
        machine.heal();
        let ends_at = (life <= planned)
            .then(|| plan(&machine, &draws, weather))
            .flatten();
        let left = match incarnation(&machine, &draws, weather, ends_at) {
            // A disk that refuses ends a run; never when none was planned.
            Err(e) if life <= planned && e.kind() == ErrorKind::Unavailable => continue,
            left => left.unwrap_or_else(|e| panic!("seed {seed}, life {life}: {e}")),
        };
        if left == Left::Drained {
            machine.heal();
            let log = Log::on(&machine.start(), "/log");
            let all: Vec<u32> = (0..NUMBERS).collect();
            assert_eq!(read_out(&log), all, "seed {seed}");
            assert_eq!(read_files(&machine), expected_lines(), "seed {seed}");
            return life;
        }
    }
    unreachable!()
}

#[test]
fn everything_comes_out_once_whatever_crashes() {
    let lives: usize = (0..2_000).map(survive).sum();
    assert!(lives > 6_000, "{lives}");
}
