//! Revenue over a real broker, exactly once: the run is killed, stopped past its lease and its
//! transaction while another takes over, and loses its broker; what readers of committed records see
//! is the answer of batch, each pane once.
//!
//! With `WHITEBEAM_KAFKA_YEAR` or `WHITEBEAM_FULL` set, also the whole year, with more of everything.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "processes and brokers are waited for by the clock on the wall"
)]

mod revenue_job;

use revenue_job::job::Job;
use revenue_job::life::Kill;
use revenue_job::market::Market;
use revenue_job::shop::{events, signal};
use revenue_job::{december, whole};
use serde_json::Value;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};
use whitebeam_tests::skip::skip;

/// After so long without a sign of life others take over.
const LEASE: &str = "1s";
/// After so long the broker ends a transaction.
const TRANSACTION: &str = "2s";
/// Both are over.
const PAST_BOTH: Duration = Duration::from_millis(3_500);
/// For what takes a moment on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a process stands still: within its transaction, at the end of it, and between a checkpoint
/// and its commit.
const STANDSTILLS: [&str; 3] = ["sink.half", "sink.marker_sent", "epoch.written"];

/// What happens to a run.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// `kill -9`, at any time.
    Kill,
    /// It stands still at this point, another takes over, and then it goes on.
    TakeOver(&'static str),
    /// The broker is killed and comes back.
    Breakdown,
}

/// Everything that happens to a run, and how fast it reads meanwhile.
struct Storm {
    kills: usize,
    takeovers: usize,
    breakdowns: usize,
    rate: u32,
    /// Afterwards.
    calm: u32,
    interval: &'static str,
}

impl Storm {
    /// In an order that is drawn.
    fn acts(&self, random: &mut fastrand::Rng) -> Vec<Act> {
        let kills = std::iter::repeat_n(Act::Kill, self.kills);
        let takeovers = STANDSTILLS.into_iter().cycle().take(self.takeovers);
        let breakdowns = std::iter::repeat_n(Act::Breakdown, self.breakdowns);
        let acts = kills.chain(takeovers.map(Act::TakeOver)).chain(breakdowns);
        let mut acts: Vec<Act> = acts.collect();
        random.shuffle(&mut acts);
        acts
    }

    fn over(&self, input: &Path, total: (usize, i64)) {
        let Some(market) = Market::open(input) else {
            return;
        };
        let cents = market.expected.iter().map(|row| row.cents).sum();
        assert_eq!((market.expected.len(), cents), total);
        let mut job = market.job("fact_revenue_1m", self.rate, self.interval);
        let more = ["--lease", LEASE, "--transaction-timeout", TRANSACTION];
        job.options.extend(more.map(Into::into));
        let mut random = fastrand::Rng::with_seed(2010);
        let began = Instant::now();
        for act in self.acts(&mut random) {
            eprintln!("{:6.1} s: {act:?}", began.elapsed().as_secs_f64());
            match act {
                Act::Kill => kill(&job, &mut random),
                Act::TakeOver(point) => take_over(&job, point, &mut random),
                Act::Breakdown => break_down(&job, &market, &mut random),
            }
        }
        job.rate = self.calm;
        let life = job.live(2, None).unwrap();
        eprintln!("{:6.1} s: over", began.elapsed().as_secs_f64());
        assert_eq!(life.end["event"], "done", "{}", life.end);
        let panes = market.judge("fact_revenue_1m").unwrap();
        market.batch_agrees();
        eprintln!(
            "{} kills, {} takeovers, {} broker kills: {panes} panes of {} rows, each once",
            self.kills + self.takeovers,
            self.takeovers,
            self.breakdowns,
            market.expected.len(),
        );
    }
}

fn workers(random: &mut fastrand::Rng) -> usize {
    random.usize(1..=4)
}

/// A life that is killed: while it starts, between two commits, or in one.
fn kill(job: &Job, random: &mut fastrand::Rng) {
    let kill = Kill {
        commits: random.u32(0..4),
        after: Duration::from_millis(random.u64(0..400)),
    };
    let life = job.live(workers(random), Some(kill)).unwrap();
    assert!(life.killed.is_some(), "it ended before it could be killed");
}

/// A life that stands still, is followed by another, and goes on beside that.
fn take_over(job: &Job, point: &str, random: &mut fastrand::Rng) {
    let told = job.output.with_extension("stderr");
    let mut first = job.command(workers(random));
    first.env("WHITEBEAM_STOP", format!("{point}:{}", random.u32(2..6)));
    first.stderr(std::fs::File::create(&told).unwrap());
    let mut first = first.spawn().unwrap();
    wait_until_stopped(&mut first);
    std::thread::sleep(PAST_BOTH);

    let mut second = job.command(workers(random)).spawn().unwrap();
    let mut heard = events(&mut second);
    commits(&mut heard, 3);
    signal(&first, "CONT");
    let said = events(&mut first).last();
    let ended = first.wait().unwrap();
    let told = std::fs::read_to_string(&told).unwrap();
    assert_eq!(ended.code(), Some(1), "{said:?} {told}");
    let is_told = ["R202", "K201"].map(|code| told.contains(&format!("error[{code}]")));
    assert!(is_told.contains(&true), "{told}");
    // Nobody else has noticed.
    commits(&mut heard, 2);
    second.kill().unwrap();
    second.wait().unwrap();
}

fn wait_until_stopped(child: &mut Child) {
    let status = format!("/proc/{}/status", child.id());
    let began = Instant::now();
    while !std::fs::read_to_string(&status).is_ok_and(|text| text.contains("State:\tT")) {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        assert!(
            began.elapsed() < PATIENCE,
            "it does not stop: is it built with `crash-points`?"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Listens until so many epochs have become visible.
fn commits(heard: &mut impl Iterator<Item = Value>, n: usize) {
    let committed = heard.filter(|event| event["event"] == "committed");
    assert_eq!(committed.take(n).count(), n, "it ended too early");
}

/// A life whose broker is killed and comes back: it does not die of that.
fn break_down(job: &Job, market: &Market, random: &mut fastrand::Rng) {
    let mut moment = |most| Duration::from_millis(random.u64(0..most));
    let (before, away, after) = (moment(1_500), moment(1_500), moment(400));
    let workers = workers(random);
    let life = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500) + before);
            market.kafka.kill();
            std::thread::sleep(away);
            market.kafka.restart();
        });
        job.live(workers, Some(Kill { commits: 16, after }))
    });
    assert!(life.unwrap().killed.is_some(), "it ended too early");
}

#[test]
fn december_comes_out_once_whatever_is_killed() {
    let storm = Storm {
        kills: 5,
        takeovers: 1,
        breakdowns: 1,
        rate: 1_200,
        calm: 20_000,
        interval: "200ms",
    };
    storm.over(&december(), (1_446, 82_374_614));
}

#[test]
fn the_whole_year_comes_out_once_whatever_is_killed() {
    let test = "the_whole_year_comes_out_once_whatever_is_killed";
    let asked = ["WHITEBEAM_KAFKA_YEAR", "WHITEBEAM_FULL"].map(std::env::var_os);
    if asked == [None, None] {
        return skip(test, "not asked for by WHITEBEAM_KAFKA_YEAR=1");
    }
    let Some(input) = whole() else {
        return skip(
            test,
            "shared data absent: ../shared/data/online_retail.csv.gz",
        );
    };
    let storm = Storm {
        kills: 12,
        takeovers: 3,
        breakdowns: 3,
        rate: 4_000,
        calm: 60_000,
        interval: "300ms",
    };
    storm.over(&input, (18_733, 1_066_668_454));
}
