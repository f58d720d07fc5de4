//! Each epoch is there once and whole while the server is killed, hangs and ends connections.
#![allow(
    clippy::disallowed_methods,
    reason = "a server is away for a while by the clock on the wall"
)]

use super::{Database, staged, write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;
use whitebeam::io::postgres::PostgresSink;
use whitebeam::sink::{Committed, Epoch, Sink};
use whitebeam_sdk::ErrorKind;
use whitebeam_tests::services::Postgres;

const ROWS: u64 = 3_000;

type Row = (i64, i64);

fn append(url: &str) -> PostgresSink<Row> {
    PostgresSink::append(url, "t")
        .columns(["epoch", "n"])
        .create_table()
}

fn rows(epoch: u64) -> Vec<Row> {
    let epoch = i64::try_from(epoch).unwrap();
    (0..ROWS.cast_signed()).map(|n| (epoch, n)).collect()
}

/// Epochs that are visible, each as often as its rows.
const SEEN: &str = "SELECT count(*), count(DISTINCT (epoch, n)), coalesce(max(epoch), 0) FROM t";

fn whole(epochs: u64) -> String {
    format!("{0}|{0}|{epochs}", epochs * ROWS)
}

/// Commits epochs while `trouble` happens, which is told how far it is; and each a second time.
fn commit_all(url: &str, epochs: u64, trouble: impl FnOnce(&AtomicU64)) {
    let done = AtomicU64::new(0);
    scope(|scope| {
        scope.spawn(|| {
            let sink = append(url);
            sink.recover().unwrap();
            for epoch in 1..=epochs {
                let rows = staged(&sink, epoch, rows(epoch));
                sink.commit(Epoch(epoch), rows.clone()).unwrap();
                let again = sink.commit(Epoch(epoch), rows).unwrap();
                assert_eq!(again, Committed::Before);
                done.store(epoch, Ordering::SeqCst);
            }
        });
        trouble(&done);
    });
}

fn wait_for(done: &AtomicU64, epoch: u64) {
    for _ in 0..60_000 {
        if done.load(Ordering::SeqCst) >= epoch {
            return;
        }
        sleep(Duration::from_millis(1));
    }
    panic!("it does not go on");
}

#[test]
fn killed_server_keeps_whole_epochs_and_gets_the_rest_once() {
    let Some(server) = Postgres::start() else {
        return;
    };
    // What the database leaves to chance by default, the sink does not.
    server.sql("ALTER SYSTEM SET synchronous_commit = off");
    server.sql("SELECT pg_reload_conf()");
    let epochs = 24;
    commit_all(server.url(), epochs, |done| {
        for kill in 1..=4 {
            wait_for(done, kill * 5);
            // Somewhere within the commits that follow.
            sleep(Duration::from_millis(kill * 3));
            server.kill();
            let told = done.load(Ordering::SeqCst);
            server.restart();
            let seen = server.sql(SEEN);
            let newest: u64 = seen.rsplit('|').next().unwrap().parse().unwrap();
            assert_eq!(seen, whole(newest));
            assert!(
                newest >= told,
                "epoch {told} was told to be there, {newest} is"
            );
        }
    });
    assert_eq!(server.sql(SEEN), whole(epochs));
}

#[test]
fn connections_that_are_ended_are_replaced() {
    let Some(db) = Database::new("ended") else {
        return;
    };
    let epochs = 60;
    commit_all(&db.url, epochs, |done| {
        while done.load(Ordering::SeqCst) < epochs {
            let ended = db.sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE application_name = 'whitebeam' AND datname = current_database()",
            );
            assert!(ended.parse::<u64>().unwrap() <= 1);
        }
    });
    assert_eq!(db.sql(SEEN), whole(epochs));
}

#[test]
fn server_that_hangs_is_not_waited_for_for_ever() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let sink = append(server.url()).patience(Duration::from_millis(500));
    sink.recover().unwrap();
    write(&sink, 1, rows(1)).unwrap();
    let second = staged(&sink, 2, rows(2));
    server.pause();
    let e = sink.commit(Epoch(2), second.clone()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
    assert!(
        e.to_string().contains("to commit epoch 2 of sink `t`"),
        "{e}"
    );
    server.resume();
    sink.commit(Epoch(2), second.clone()).unwrap();
    assert_eq!(sink.commit(Epoch(2), second).unwrap(), Committed::Before);
    assert_eq!(server.sql(SEEN), whole(2));
}
