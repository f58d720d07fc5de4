//! Revenue from a real broker into a real PostgreSQL, each pane once: the run is killed, stopped past
//! its lease while another takes over, and loses its server; the table says in the end what batch says.
//!
//! With `WHITEBEAM_KAFKA_YEAR` or `WHITEBEAM_FULL` set, also the whole year, with more of everything.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "a server is away for a while by the clock on the wall"
)]

mod revenue_job;

use revenue_job::market::Market;
use revenue_job::per_minute::Revenue;
use revenue_job::rows::{difference, final_panes};
use revenue_job::storm::Storm;
use revenue_job::topics::EventType;
use revenue_job::{DECEMBER, YEAR, december, refusals, whole_if_asked};
use std::process::Command;
use whitebeam_tests::services::Postgres;

const TABLE: &str = "\
    COPY (SELECT country, to_char(minute AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS minute, \
    cents, pane_index, pane_timing FROM fact_revenue_1m) TO STDOUT (FORMAT csv, HEADER)";

/// Between a checkpoint and its commit, and after the commit was asked for.
const STANDSTILLS: &[&str] = &["epoch.written", "sink.begin"];

/// What the table holds, sorted.
fn table(postgres: &Postgres) -> Vec<Revenue> {
    let text = postgres.sql(TABLE);
    let mut read = csv::Reader::from_reader(text.as_bytes());
    let mut rows: Vec<Revenue> = read.deserialize().map(Result::unwrap).collect();
    rows.sort();
    rows
}

fn is_in_the_table_once(storm: &Storm, market: &Market, (rate, interval): (u32, &'static str)) {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let job = market.job(["--to-postgres", postgres.url()], rate, interval);
    storm.over(&job, &postgres);
    let panes = table(&postgres);
    let found = final_panes(&panes).unwrap();
    assert_eq!(difference(&market.expected, &found), None);
    let (told, rows) = (storm.told(), market.expected.len());
    eprintln!("{told}: {} panes of {rows} rows, each once", panes.len());
}

#[test]
fn december_is_in_the_table_once_whatever_is_killed() {
    let storm = Storm {
        kills: 4,
        takeovers: 1,
        breakdowns: 2,
        calm: 20_000,
        standstills: STANDSTILLS,
    };
    let Some(market) = Market::open(&december()) else {
        return;
    };
    assert_eq!(market.total(), DECEMBER);
    is_in_the_table_once(&storm, &market, (1_500, "100ms"));
}

#[test]
fn a_second_process_and_an_older_checkpoint_are_refused() {
    let (Some(postgres), Some(market)) = (Postgres::start(), Market::open(&december())) else {
        return;
    };
    let job = market.job(["--to-postgres", postgres.url()], 1_200, "100ms");
    refusals::a_second_process(&job);
    refusals::an_older_checkpoint(&job);
}

/// The short example, as it is shipped.
#[test]
fn large_orders_go_from_a_topic_into_a_table() {
    let (Some(postgres), Some(market)) = (Postgres::start(), Market::open(&december())) else {
        return;
    };
    let ran = Command::new(env!("CARGO_BIN_EXE_kafka_to_postgres"))
        .args(["run", "--runner", "streaming", "--until-end"])
        .args(["--brokers", market.kafka.address()])
        .args(["--database", postgres.url()])
        .arg("--checkpoints")
        .arg(market.at("checkpoints"))
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let events = market.events().into_iter();
    let large = events.filter(|event| event.event_type == EventType::Paid && event.cents >= 10_000);
    let large: Vec<i64> = large.map(|event| event.cents).collect();
    assert!(large.len() > 100);
    let found = postgres.sql("SELECT count(*), sum(cents) FROM large_orders");
    assert_eq!(
        found,
        format!("{}|{}", large.len(), large.iter().sum::<i64>())
    );
}

#[test]
fn the_whole_year_is_in_the_table_once_whatever_is_killed() {
    let test = "the_whole_year_is_in_the_table_once_whatever_is_killed";
    let Some(input) = whole_if_asked(test) else {
        return;
    };
    let storm = Storm {
        kills: 10,
        takeovers: 2,
        breakdowns: 3,
        calm: 60_000,
        standstills: STANDSTILLS,
    };
    let Some(market) = Market::open(&input) else {
        return;
    };
    assert_eq!(market.total(), YEAR);
    is_in_the_table_once(&storm, &market, (4_000, "300ms"));
}
