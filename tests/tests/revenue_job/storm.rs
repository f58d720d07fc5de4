//! `Storm`: what happens to a run before it may come to its end.
//!
//! Owns kills, takeovers of processes that stand still, and breakdowns of a server. Does not own the
//! judge of what came out.
#![allow(
    clippy::disallowed_methods,
    reason = "processes and servers are waited for by the clock on the wall"
)]

use super::job::Job;
use super::life::Kill;
use super::shop::{commits, events, signal};
use std::process::Child;
use std::time::{Duration, Instant};
use whitebeam_tests::services::Server;

/// After so long without a sign of life others take over.
const LEASE: &str = "1s";
/// After so long the broker ends a transaction.
const TRANSACTION: &str = "2s";
/// Both are over.
const PAST_BOTH: Duration = Duration::from_millis(3_500);
/// For what takes a moment on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to a run.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// `kill -9`, at any time.
    Kill,
    /// It stands still at this point, another takes over, and then it goes on.
    TakeOver(&'static str),
    /// A server is killed and comes back.
    Breakdown,
}

/// Everything that happens to a run.
pub(crate) struct Storm {
    pub(crate) kills: usize,
    pub(crate) takeovers: usize,
    pub(crate) breakdowns: usize,
    /// How fast it reads afterwards.
    pub(crate) calm: u32,
    /// Where a process stands still.
    pub(crate) standstills: &'static [&'static str],
}

impl Storm {
    /// In an order that is drawn.
    fn acts(&self, random: &mut fastrand::Rng) -> Vec<Act> {
        let kills = std::iter::repeat_n(Act::Kill, self.kills);
        let points = self.standstills.iter().copied().cycle();
        let takeovers = points.take(self.takeovers);
        let breakdowns = std::iter::repeat_n(Act::Breakdown, self.breakdowns);
        let acts = kills.chain(takeovers.map(Act::TakeOver)).chain(breakdowns);
        let mut acts: Vec<Act> = acts.collect();
        random.shuffle(&mut acts);
        acts
    }

    /// Goes over a job whose server breaks down, and lets it come to its end.
    pub(crate) fn over(&self, job: &Job, server: &Server) {
        let mut job = job.clone();
        let more = ["--lease", LEASE, "--transaction-timeout", TRANSACTION];
        job.options.extend(more.map(Into::into));
        let mut random = fastrand::Rng::with_seed(2010);
        let began = Instant::now();
        for act in self.acts(&mut random) {
            eprintln!("{:6.1} s: {act:?}", began.elapsed().as_secs_f64());
            match act {
                Act::Kill => kill(&job, &mut random),
                Act::TakeOver(point) => take_over(&job, point, &mut random),
                Act::Breakdown => break_down(&job, server, &mut random),
            }
        }
        job.rate = self.calm;
        let life = job.live(2, None).unwrap();
        eprintln!("{:6.1} s: over", began.elapsed().as_secs_f64());
        assert_eq!(life.end["event"], "done", "{}", life.end);
    }

    /// What happened, in words.
    pub(crate) fn told(&self) -> String {
        let (takeovers, breakdowns) = (self.takeovers, self.breakdowns);
        let kills = self.kills + takeovers;
        format!("{kills} kills, {takeovers} takeovers, {breakdowns} kills of a server")
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

/// A life whose server is killed and comes back: it does not die of that.
fn break_down(job: &Job, server: &Server, random: &mut fastrand::Rng) {
    let mut moment = |most| Duration::from_millis(random.u64(0..most));
    let (before, away, after) = (moment(1_500), moment(1_500), moment(400));
    let workers = workers(random);
    let life = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500) + before);
            server.kill();
            std::thread::sleep(away);
            server.restart();
        });
        job.live(workers, Some(Kill { commits: 16, after }))
    });
    assert!(life.unwrap().killed.is_some(), "it ended too early");
}
