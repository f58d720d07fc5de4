//! Revenue into a real PostgreSQL, each pane once: the run is killed, the server is killed, and the
//! table says in the end what batch says.
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

use revenue_job::feed::{Destination, Feed};
use revenue_job::job::Job;
use revenue_job::life::Kill;
use revenue_job::per_minute::Revenue;
use revenue_job::rows::{difference, final_panes, rows};
use revenue_job::{december, program};
use std::time::Duration;
use whitebeam_tests::services::Postgres;

const TABLE: &str = "\
    COPY (SELECT country, to_char(minute AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS minute, \
    cents, pane_index, pane_timing FROM fact_revenue_1m) TO STDOUT (FORMAT csv, HEADER)";

/// What the table holds, sorted.
fn table(postgres: &Postgres) -> Vec<Revenue> {
    let text = postgres.sql(TABLE);
    let mut read = csv::Reader::from_reader(text.as_bytes());
    let mut rows: Vec<Revenue> = read.deserialize().map(Result::unwrap).collect();
    rows.sort();
    rows
}

#[test]
fn december_is_in_the_table_once_whatever_is_killed() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let feed = Feed {
        into: Destination::log(at("log")),
        input: vec![december()],
        partitions: 4,
        disorder: Some(11),
        rate: None,
        passes: 1,
    };
    feed.run().unwrap();
    let mut batch = program();
    batch.args([
        "run",
        "--runner",
        "batch",
        "--allowed-lateness",
        "0s",
        "--input",
    ]);
    let ran = batch
        .arg(december())
        .arg("--output")
        .arg(at("batch"))
        .output();
    assert!(ran.unwrap().status.success());
    let expected = rows(&at("batch")).unwrap();
    let mut job = Job {
        program: program().get_program().into(),
        log: Some(at("log")),
        checkpoints: at("checkpoints"),
        output: at("nothing"),
        rate: 2_500,
        interval: "100ms",
        until_end: true,
        options: ["--to-postgres", postgres.url()].map(Into::into).to_vec(),
    };
    let mut random = fastrand::Rng::with_seed(1210);
    for life in 0..7 {
        let kill = Kill {
            commits: random.u32(2..8),
            after: Duration::from_millis(random.u64(0..150)),
        };
        let (before, away) = (random.u64(300..900), random.u64(0..500));
        let lived = std::thread::scope(|scope| {
            // Every third life loses its server on the way.
            (life % 3 == 2).then(|| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(before));
                    postgres.kill();
                    std::thread::sleep(Duration::from_millis(away));
                    postgres.restart();
                })
            });
            job.live(random.usize(1..=4), Some(kill)).unwrap()
        });
        assert!(lived.killed.is_some(), "life {life} ended too early");
    }
    job.rate = 60_000;
    let life = job.live(2, None).unwrap();
    assert_eq!(life.end["event"], "done", "{}", life.end);
    let panes = table(&postgres);
    let found = final_panes(&panes).unwrap();
    assert_eq!(difference(&expected, &found), None);
    assert_eq!(found.iter().map(|row| row.cents).sum::<i64>(), 82_374_614);
    eprintln!(
        "{} panes of {} rows, each once",
        panes.len(),
        expected.len()
    );
}
