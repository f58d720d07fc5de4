//! What a sink says and stages without any server.

use super::column::{Column, Form, Layout};
use super::*;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::SinkWriter;

#[derive(Clone, Serialize, Deserialize)]
struct Revenue {
    country: String,
    minute: Timestamp,
    cents: Option<i64>,
}

const URL: &str = "postgres://ann:s3cret%40@db.example:5433/shop?application_name=x";

fn upsert() -> PostgresSink<Revenue> {
    PostgresSink::upsert(URL, "facts", ["country", "minute"])
}

#[test]
fn nothing_shows_the_password() {
    let sink = upsert().password("0ther-s3cret");
    let server = sink.server().unwrap();
    let shown = format!(
        "{sink:?} {} {server:?} {server} {:?}",
        sink.describe(),
        sink.wanted()
    );
    assert!(!shown.contains("s3cret"), "{shown}");
    assert_eq!(
        sink.describe(),
        "rows put into table facts of PostgreSQL at db.example:5433/shop"
    );
    let unreadable = PostgresSink::<Revenue>::append("postgres://ann:s3cret:x@y:z/", "facts");
    let e = unreadable.recover().unwrap_err();
    let shown = format!("{e} {e:?} {unreadable:?} {}", unreadable.describe());
    assert!(
        !shown.contains("s3cret") && shown.contains("cannot be read"),
        "{shown}"
    );
}

#[test]
fn tables_are_made_as_the_fields_say() {
    assert_eq!(
        upsert().wanted().unwrap().create_sql(),
        "CREATE TABLE IF NOT EXISTS \"facts\" (\"country\" text NOT NULL, \
         \"minute\" timestamp with time zone NOT NULL, \"cents\" bigint, \
         PRIMARY KEY (\"country\", \"minute\"))"
    );
    let pairs = PostgresSink::<(String, u16)>::append(URL, "s.t").columns(["a\"b", "n"]);
    assert_eq!(
        pairs.wanted().unwrap().create_sql(),
        "CREATE TABLE IF NOT EXISTS \"s\".\"t\" (\"a\"\"b\" text NOT NULL, \"n\" integer NOT NULL)"
    );
}

#[test]
fn rows_without_columns_are_refused_before_a_server_is_asked() {
    let refused = |e: Result<Wanted>, why: &str| {
        let e = e.unwrap_err().to_string();
        assert!(e.contains(why), "{e}");
    };
    refused(
        PostgresSink::<i64>::append(URL, "t").wanted(),
        "have no columns",
    );
    refused(
        PostgresSink::<(i64, i64)>::append(URL, "t").wanted(),
        "name the columns of a tuple",
    );
    let one_name = PostgresSink::<(i64, i64)>::append(URL, "t").columns(["a"]);
    refused(one_name.wanted(), "1 columns are named");
    refused(
        PostgresSink::<Revenue>::upsert(URL, "t", ["id"]).wanted(),
        "they have: country, minute, cents",
    );
    refused(
        PostgresSink::<Revenue>::append(URL, "a.b.c").wanted(),
        "name of a table",
    );
    refused(
        upsert()
            .columns(["a", "b", "x".repeat(64).as_str()])
            .wanted(),
        "name of a column",
    );
}

#[test]
fn chunks_are_about_a_megabyte_and_keep_the_order() {
    let layout = Layout {
        columns: vec![Column {
            name: "text".into(),
            form: Form::Text(None),
            sql: "text".into(),
            is_required: true,
        }],
        is_by_order: true,
    };
    let shard = Shard { index: 3, of: 4 };
    let mut writer = PostgresWriter::<(String,)>::new(layout, 7, shard);
    let rows: Vec<(String,)> = (0..3_000).map(|i| (format!("{i:0>1000}"),)).collect();
    writer.write(&Batch::of(rows)).unwrap();
    assert!(writer.pending() > 3_000_000);
    let staged = writer.stage(Epoch(1)).unwrap();
    assert_eq!(writer.pending(), 0);
    assert_eq!(
        staged.iter().map(|part| part.part).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(staged.iter().map(|part| part.rows).sum::<u64>(), 3_000);
    for part in &staged {
        assert!(
            part.bytes.len() <= (1 << 20) + 1_006,
            "{}",
            part.bytes.len()
        );
        assert_eq!((part.writer, part.shard), (7, 3));
    }
    assert!(staged[1].bytes.starts_with(b"\0\x01\0\0\x03\xe8000"));
    // Nothing was written since.
    assert_eq!(writer.stage(Epoch(2)).unwrap(), []);
}

#[test]
fn callers_may_be_inside_a_runtime_of_their_own() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port.local_addr().unwrap().port();
    let url = format!("postgres://ann@127.0.0.1:{port}/shop");
    let sink = PostgresSink::<Revenue>::append(&url, "facts").patience(Duration::ZERO);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let e = runtime.block_on(async { sink.recover().unwrap_err() });
    assert!(e.to_string().contains("does not answer"), "{e}");
}
