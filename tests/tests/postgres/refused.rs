//! What a run is refused for before it begins, and what ends it later.

use super::{Database, staged, write};
use serde::{Deserialize, Serialize};
use std::net::TcpListener;
use std::time::Duration;
use whitebeam::io::postgres::PostgresSink;
use whitebeam::sink::{Epoch, Shard, Sink};
use whitebeam::{Element, Error, Str};
use whitebeam_sdk::ErrorKind;
use whitebeam_tests::services::Postgres;

#[derive(Clone, Serialize, Deserialize)]
struct Fact {
    country: Str,
    cents: i64,
}

fn facts(url: &str, table: &str) -> PostgresSink<Fact> {
    PostgresSink::upsert(url, table, ["country"])
}

/// The error of a run that begins, with everything that is wrong.
#[track_caller]
fn refused<T: Element>(sink: &PostgresSink<T>, words: &[&str]) -> Error {
    let e = sink.open(Shard { index: 0, of: 1 }).unwrap_err();
    let text = e.to_string();
    for word in words {
        assert!(text.contains(word), "no `{word}` in {text}");
    }
    assert!(text.contains("help:"), "{text}");
    let again = sink.recover().unwrap_err();
    assert_eq!(again.to_string(), text);
    e
}

#[test]
fn tables_that_do_not_take_the_rows() {
    let Some(db) = Database::new("misfits") else {
        return;
    };
    db.sql(
        "CREATE TABLE narrow (country text PRIMARY KEY, cents integer); \
         CREATE TABLE other (country bigint PRIMARY KEY, total bigint); \
         CREATE TABLE keyless (country text, cents bigint); CREATE INDEX ON keyless (country); \
         CREATE UNIQUE INDEX ON keyless (country) WHERE cents > 0; \
         CREATE UNIQUE INDEX ON keyless (country, cents); \
         CREATE TABLE more (country text PRIMARY KEY, cents bigint, day date NOT NULL); \
         CREATE TABLE made (country text PRIMARY KEY, cents bigint GENERATED ALWAYS AS (1) STORED); \
         CREATE TABLE point (country text PRIMARY KEY, cents point); \
         CREATE VIEW view AS SELECT * FROM keyless",
    );
    let url = &db.url;
    refused(
        &facts(url, "absent"),
        &[
            "no table \"absent\"",
            ".create_table()",
            "\"cents\" bigint NOT NULL, PRIMARY KEY (\"country\")",
        ],
    );
    // Names are taken as they are.
    refused(&facts(url, "Narrow"), &["no table \"Narrow\""]);
    refused(
        &facts(url, "absent.narrow"),
        &["no table \"absent\".\"narrow\""],
    );
    let narrow = [
        "table \"narrow\", column \"cents\": it is integer, and the field is i64",
        "TYPE bigint",
    ];
    assert_eq!(refused(&facts(url, "narrow"), &narrow).code(), "Q001");
    // Everything that is wrong at once.
    let other = [
        "column \"country\": it is bigint",
        "no column \"cents\"",
        "ADD COLUMN \"cents\" bigint",
    ];
    refused(&facts(url, "other"), &other);
    refused(
        &facts(url, "keyless"),
        &["no unique key stands on (\"country\")", "ADD PRIMARY KEY"],
    );
    refused(
        &facts(url, "more"),
        &["column \"day\": it must have a value"],
    );
    refused(
        &facts(url, "made"),
        &["column \"cents\": PostgreSQL generates it"],
    );
    refused(&facts(url, "point"), &["it is point, and the field is i64"]);
    refused(&facts(url, "view"), &["\"view\" is not a table"]);
    // Without a key none is needed; and a unique index over just the key is enough.
    PostgresSink::<Fact>::append(url, "keyless")
        .recover()
        .unwrap();
    db.sql("CREATE UNIQUE INDEX ON keyless (country) INCLUDE (cents)");
    facts(url, "keyless").recover().unwrap();
    assert_eq!(db.sql("SELECT to_regclass('absent') IS NULL"), "t");
}

#[test]
fn users_who_may_not() {
    let Some(db) = Database::new("users") else {
        return;
    };
    db.sql("CREATE TABLE facts (country text PRIMARY KEY, cents bigint)");
    db.sql(
        "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    );
    db.sql("GRANT SELECT ON facts TO reader");
    let url = db.url.replace("postgres@", "reader@");
    refused(
        &facts(&url, "facts"),
        &["the user may not INSERT", "GRANT INSERT ON \"facts\""],
    );
    db.sql("GRANT INSERT, UPDATE ON facts TO reader");
    // Nor make the table of epochs beside it.
    refused(
        &facts(&url, "facts"),
        &["permission denied for schema public", "SQLSTATE 42501"],
    );
    let url = db.url.replace("users", "no_such_database");
    refused(
        &facts(&url, "facts"),
        &["no_such_database", "SQLSTATE 3D000"],
    );
}

#[test]
fn servers_that_are_not_there() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let url = format!("postgres://ann:s3cret@127.0.0.1:{port}/shop");
    let sink = facts(&url, "facts").patience(Duration::from_millis(200));
    let e = sink.recover().unwrap_err();
    let text = format!("{e} {e:?}");
    let place = format!("PostgreSQL at 127.0.0.1:{port}/shop does not answer");
    assert!(
        text.contains(&place) && text.contains("Connection refused"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!(e.kind(), ErrorKind::Unavailable);
}

#[test]
fn passwords_and_certificates_are_checked() {
    let Some(server) = Postgres::secure() else {
        return;
    };
    let credentials = server.credentials().unwrap();
    let (_, rest) = server.url().split_once('@').unwrap();
    let url = format!("postgres://{}@{rest}?sslmode=require", credentials.user);
    let table = |url: &str| {
        facts(url, "facts")
            .create_table()
            .patience(Duration::from_millis(200))
    };

    let trusting = |url: &str| table(url).trusting(&credentials.ca);
    let right = trusting(&url).password(&credentials.password);
    write(&right, 1, vec![fact("F", 1)]).unwrap();
    assert_eq!(server.sql("SELECT * FROM facts"), "F|1");

    let wrong = trusting(&url).password("wr0ng");
    let e = refused(
        &wrong,
        &["password authentication failed", "check user, password"],
    );
    assert!(!format!("{e} {e:?}").contains("wr0ng"));
    refused(
        &trusting(&url),
        &["cannot be talked to", "password missing"],
    );
    let unknown = table(&url).password(&credentials.password);
    refused(&unknown, &["certificate"]);
    let no_roots = table(&url).trusting("/no/such.pem");
    refused(&no_roots, &["/no/such.pem: holds no certificates"]);
}

fn fact(country: &str, cents: i64) -> Fact {
    Fact {
        country: country.into(),
        cents,
    }
}

#[test]
fn rows_that_the_table_refuses_leave_nothing_of_their_epoch() {
    let Some(db) = Database::new("checks") else {
        return;
    };
    db.sql("CREATE TABLE facts (country text PRIMARY KEY, cents bigint CHECK (cents < 100))");
    let sink = facts(&db.url, "facts");
    sink.recover().unwrap();
    write(&sink, 1, vec![fact("A", 1)]).unwrap();
    let e = write(&sink, 2, vec![fact("B", 2), fact("C", 100)]).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Data, "{e}");
    assert!(e.to_string().contains("facts_cents_check"), "{e}");
    assert_eq!(db.sql("SELECT string_agg(country, '') FROM facts"), "A");
    // The connection that failed is not used again.
    write(&sink, 2, vec![fact("D", 4)]).unwrap();
    assert_eq!(
        db.sql("SELECT string_agg(country, '' ORDER BY 1) FROM facts"),
        "AD"
    );
}

#[test]
fn table_that_changes_while_it_is_written() {
    let Some(db) = Database::new("changes") else {
        return;
    };
    db.sql("CREATE TABLE facts (country varchar(9) PRIMARY KEY, cents bigint)");
    let sink = facts(&db.url, "facts");
    sink.recover().unwrap();
    let before = staged(&sink, 1, vec![fact("A", 1)]);
    // What was encoded for the table as it was goes into the table as it is.
    db.sql("ALTER TABLE facts ALTER cents TYPE numeric, ALTER country TYPE text");
    sink.commit(Epoch(1), before).unwrap();
    assert_eq!(db.sql("SELECT * FROM facts"), "A|1");
    let before = staged(&sink, 2, vec![fact("B", 2)]);
    db.sql("ALTER TABLE facts RENAME TO gone");
    let e = sink.commit(Epoch(2), before.clone()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
    assert!(e.to_string().contains("was the table changed"), "{e}");
    db.sql("ALTER TABLE gone RENAME TO facts");
    sink.commit(Epoch(2), before).unwrap();
    assert_eq!(db.sql("SELECT count(*) FROM facts"), "2");
    db.sql("DROP TABLE whitebeam_epochs; CREATE TABLE whitebeam_epochs (sink text, generation bigint, epoch bigint, token bigint, lone_token bigint)");
    let e = write(&sink, 3, vec![fact("C", 3)]).unwrap_err();
    assert!(e.to_string().contains("has no row of the sink"), "{e}");
}
