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
use revenue_job::market::Market;
use revenue_job::storm::Storm;
use revenue_job::{DECEMBER, YEAR, december, refusals, whole_if_asked};

/// Within its transaction, at the end of it, and between a checkpoint and its commit.
const STANDSTILLS: &[&str] = &["sink.half", "sink.marker_sent", "epoch.written"];

const TO: &str = "fact_revenue_1m";

fn comes_out_once(storm: &Storm, market: &Market, job: &Job) {
    storm.over(job, &market.kafka);
    let panes = market.judge(TO).unwrap();
    market.batch_agrees();
    let (told, rows) = (storm.told(), market.expected.len());
    eprintln!("{told}: {panes} panes of {rows} rows, each once");
}

#[test]
fn december_comes_out_once_whatever_is_killed() {
    let storm = Storm {
        kills: 5,
        takeovers: 1,
        breakdowns: 1,
        calm: 20_000,
        standstills: STANDSTILLS,
    };
    let Some(market) = Market::open(&december()) else {
        return;
    };
    assert_eq!(market.total(), DECEMBER);
    let job = market.job(["--to-topic", TO], 1_200, "200ms");
    comes_out_once(&storm, &market, &job);
}

#[test]
fn a_second_process_and_an_older_checkpoint_are_refused() {
    let Some(market) = Market::open(&december()) else {
        return;
    };
    let job = market.job(["--to-topic", TO], 1_200, "100ms");
    refusals::a_second_process(&job);
    refusals::an_older_checkpoint(&job);
}

#[test]
fn the_whole_year_comes_out_once_whatever_is_killed() {
    let test = "the_whole_year_comes_out_once_whatever_is_killed";
    let Some(input) = whole_if_asked(test) else {
        return;
    };
    let storm = Storm {
        kills: 12,
        takeovers: 3,
        breakdowns: 3,
        calm: 60_000,
        standstills: STANDSTILLS,
    };
    let Some(market) = Market::open(&input) else {
        return;
    };
    assert_eq!(market.total(), YEAR);
    let job = market.job(["--to-topic", TO], 4_000, "300ms");
    comes_out_once(&storm, &market, &job);
}
