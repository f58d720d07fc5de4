//! Which rows an epoch leaves, and which epochs are taken.

use super::{Database, staged, write};
use whitebeam::batch::Batch;
use whitebeam::io::postgres::PostgresSink;
use whitebeam::sink::{Committed, Epoch, Shard, Sink, SinkWriter};

type Row = (i64, i64);

fn upsert(db: &Database) -> PostgresSink<Row> {
    PostgresSink::upsert(&db.url, "t", ["k"])
        .columns(["k", "v"])
        .create_table()
}

fn append(db: &Database) -> PostgresSink<Row> {
    PostgresSink::append(&db.url, "t")
        .columns(["k", "v"])
        .create_table()
}

/// Rows of one key as `k:v`, in the order of both.
fn rows(db: &Database) -> String {
    db.sql("SELECT coalesce(string_agg(k || ':' || v, ' ' ORDER BY k, v), '') FROM t")
}

#[test]
fn of_rows_with_one_key_the_last_one_stays() {
    let Some(db) = Database::new("upserts") else {
        return;
    };
    let sink = upsert(&db);
    // Over two shards and many chunks, each key again and again.
    let mut parts = Vec::new();
    for index in 0..2 {
        let mut writer = sink.open(Shard { index, of: 2 }).unwrap();
        let from = i64::from(index) * 100;
        for v in 0..60_000 {
            writer.write(&Batch::of(vec![(from + v % 3, v)])).unwrap();
        }
        parts.extend(writer.stage(Epoch(1)).unwrap());
    }
    assert!(parts.len() > 2, "{}", parts.len());
    assert_eq!(sink.commit(Epoch(1), parts).unwrap(), Committed::Now);
    assert_eq!(
        rows(&db),
        "0:59997 1:59998 2:59999 100:59997 101:59998 102:59999"
    );
    write(&sink, 2, vec![(1, 1), (3, 3), (1, 2)]).unwrap();
    assert_eq!(
        rows(&db),
        "0:59997 1:2 2:59999 3:3 100:59997 101:59998 102:59999"
    );
}

#[test]
fn rows_that_are_all_key_are_there_once() {
    let Some(db) = Database::new("keys") else {
        return;
    };
    let sink = PostgresSink::<Row>::upsert(&db.url, "t", ["v", "k"])
        .columns(["k", "v"])
        .create_table();
    write(&sink, 1, vec![(1, 1), (1, 2), (1, 1)]).unwrap();
    write(&sink, 2, vec![(1, 2), (2, 1)]).unwrap();
    assert_eq!(rows(&db), "1:1 1:2 2:1");
}

#[test]
fn epoch_that_is_visible_is_not_written_again() {
    let Some(db) = Database::new("again") else {
        return;
    };
    let sink = append(&db);
    assert_eq!(sink.recover().unwrap(), None);
    let first = staged(&sink, 1, vec![(1, 1)]);
    let second = staged(&sink, 2, vec![(2, 2), (2, 2)]);
    assert_eq!(
        sink.commit(Epoch(1), first.clone()).unwrap(),
        Committed::Now
    );
    assert_eq!(
        sink.commit(Epoch(1), first.clone()).unwrap(),
        Committed::Before
    );
    assert_eq!(
        sink.commit(Epoch(2), second.clone()).unwrap(),
        Committed::Now
    );
    // The next process knows nothing but the checkpoint.
    let sink = append(&db);
    assert_eq!(sink.recover().unwrap(), Some(Epoch(2)));
    assert_eq!(sink.commit(Epoch(1), first).unwrap(), Committed::Before);
    assert_eq!(sink.commit(Epoch(2), second).unwrap(), Committed::Before);
    assert_eq!(rows(&db), "1:1 2:2 2:2");
    // Nothing staged is nothing to do.
    assert_eq!(sink.commit(Epoch(3), Vec::new()).unwrap(), Committed::Now);
    assert_eq!(append(&db).recover().unwrap(), Some(Epoch(2)));
}

#[test]
fn same_epoch_staged_by_somebody_else_is_refused() {
    let Some(db) = Database::new("foreign") else {
        return;
    };
    let (mine, theirs) = (append(&db), append(&db));
    let lost = staged(&mine, 1, vec![(1, 1)]);
    let visible = staged(&theirs, 1, vec![(2, 2)]);
    theirs.recover().unwrap();
    theirs.commit(Epoch(1), visible).unwrap();
    mine.recover().unwrap();
    let e = mine.commit(Epoch(1), lost).unwrap_err();
    assert_eq!(e.code(), "Q003", "{e}");
    assert_eq!(rows(&db), "2:2");
}

#[test]
fn instance_that_was_replaced_writes_nothing_more() {
    let Some(db) = Database::new("replaced") else {
        return;
    };
    let old = append(&db);
    old.recover().unwrap();
    write(&old, 1, vec![(1, 1)]).unwrap();
    let new = append(&db);
    assert_eq!(new.recover().unwrap(), Some(Epoch(1)));
    let e = write(&old, 2, vec![(9, 9)]).unwrap_err();
    assert_eq!(e.code(), "Q002", "{e}");
    write(&new, 2, vec![(2, 2)]).unwrap();
    assert_eq!(rows(&db), "1:1 2:2");
    // Under another name it is another sink.
    let other = append(&db).name("other");
    assert_eq!(other.recover().unwrap(), None);
    write(&other, 1, vec![(3, 3)]).unwrap();
    write(&new, 3, vec![(4, 4)]).unwrap();
    assert_eq!(rows(&db), "1:1 2:2 3:3 4:4");
}

#[test]
fn runs_without_checkpoints_each_write_their_own() {
    let Some(db) = Database::new("lone") else {
        return;
    };
    let kept = append(&db);
    kept.recover().unwrap();
    write(&kept, 5, vec![(5, 5)]).unwrap();
    for n in 0..2 {
        let lone = append(&db);
        let rows = staged(&lone, 0, vec![(0, n)]);
        lone.prepare(Epoch(0), &rows).unwrap();
        assert_eq!(lone.commit(Epoch(0), rows.clone()).unwrap(), Committed::Now);
        assert_eq!(lone.commit(Epoch(0), rows).unwrap(), Committed::Before);
    }
    // One that opens its writers again stages anew.
    let lone = append(&db);
    write(&lone, 1, vec![(1, 1)]).unwrap();
    assert_eq!(write(&lone, 2, vec![(2, 2)]).unwrap(), Committed::Now);
    // The run with checkpoints is not disturbed.
    write(&kept, 6, vec![(6, 6)]).unwrap();
    assert_eq!(rows(&db), "0:0 0:1 1:1 2:2 5:5 6:6");
    assert_eq!(append(&db).recover().unwrap(), Some(Epoch(6)));
}
