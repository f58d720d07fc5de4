//! Values arrive as what they are, in tables that were made by the sink and in others.

use super::{Database, write};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use whitebeam::io::postgres::PostgresSink;
use whitebeam::sink::Committed;
use whitebeam::{Str, Timestamp};

#[derive(Clone, Serialize, Deserialize)]
enum Color {
    Red,
}

#[derive(Clone, Serialize, Deserialize)]
struct Forms {
    id: i32,
    flag: bool,
    small: i16,
    tiny: u8,
    large: i64,
    unsigned: u64,
    single: f32,
    double: f64,
    text: Str,
    letter: char,
    color: Color,
    at: Timestamp,
    raw: Vec<u8>,
    fixed: [u8; 2],
    maybe: Option<String>,
    nothing: Option<i64>,
    tags: Vec<String>,
    map: BTreeMap<String, i64>,
}

fn forms(id: i32) -> Forms {
    Forms {
        id,
        flag: true,
        small: i16::MIN,
        tiny: 255,
        large: i64::MIN,
        unsigned: 1 << 62,
        single: 0.5,
        double: -1e300,
        text: "Grün; \"x\"\\N\t\u{1F600}".into(),
        letter: 'é',
        color: Color::Red,
        at: Timestamp::from_micros(1_291_190_400_000_001),
        raw: vec![0, 1, 255],
        fixed: [7, 8],
        maybe: Some(String::new()),
        nothing: None,
        tags: vec!["a".into(), "b\"".into()],
        map: BTreeMap::from([("k".into(), 1)]),
    }
}

const EXPECTED: &str = "1|t|-32768|255|-9223372036854775808|4611686018427387904|0.5|-1e+300|\
    Grün; \"x\"\\N\t\u{1F600}|é|Red|2010-12-01 08:00:00.000001+00|\\x0001ff|\\x0708|||[\"a\", \"b\\\"\"]|{\"k\": 1}";

#[test]
fn every_type_arrives_as_it_is() {
    let Some(db) = Database::new("forms") else {
        return;
    };
    let sink = PostgresSink::upsert(&db.url, "forms", ["id"]).create_table();
    assert_eq!(write(&sink, 1, vec![forms(1)]).unwrap(), Committed::Now);
    let found = db.sql("SET timezone = 'UTC'; SELECT * FROM forms");
    assert_eq!(found.lines().last().unwrap(), EXPECTED);
    let types = db.sql(
        "SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attnum) FROM pg_attribute \
         WHERE attrelid = 'forms'::regclass AND attnum > 0",
    );
    assert_eq!(
        types,
        "integer,boolean,smallint,smallint,bigint,bigint,real,double precision,text,text,text,\
         timestamp with time zone,bytea,bytea,text,bigint,jsonb,jsonb"
    );
    assert_eq!(
        db.sql("SELECT nothing IS NULL, maybe IS NULL FROM forms"),
        "t|f"
    );
}

#[test]
fn columns_of_wider_and_of_other_types_take_what_fits() {
    let Some(db) = Database::new("wider") else {
        return;
    };
    db.sql(
        "CREATE DOMAIN code AS varchar(3) CHECK (VALUE <> 'bad'); CREATE SCHEMA shop; \
         CREATE TABLE shop.wide (extra serial, name code, n bigint, amount numeric(10, 2), doc json, \
         at timestamp, note text DEFAULT 'none')",
    );
    let sink = PostgresSink::<(Str, i16, Str, Str, Timestamp)>::append(&db.url, "shop.wide")
        .columns(["name", "n", "amount", "doc", "at"]);
    let row =
        |name: &str, amount: &str, at| (name.into(), 7, amount.into(), "{\"b\":  1}".into(), at);
    let rows = vec![
        row("abc", "-12.5", Timestamp::from_secs(0)),
        row("ä€x", "12345678.999", Timestamp::MIN),
        row("", "0", Timestamp::END_OF_GLOBAL_WINDOW),
    ];
    write(&sink, 0, rows).unwrap();
    assert_eq!(
        db.sql("SELECT name, n, amount, doc, at, note FROM shop.wide ORDER BY extra"),
        "abc|7|-12.50|{\"b\":  1}|1970-01-01 00:00:00|none\n\
         ä€x|7|12345679.00|{\"b\":  1}|-infinity|none\n\
         |7|0.00|{\"b\":  1}|infinity|none"
    );
    assert_eq!(db.sql("SELECT count(*) FROM shop.whitebeam_epochs"), "1");
}

#[test]
fn names_mean_exactly_themselves() {
    let Some(db) = Database::new("names") else {
        return;
    };
    let table = "x'; DROP TABLE \"kept\"; --";
    db.sql("CREATE TABLE kept (a int); CREATE SCHEMA \"Sch.\"\"ema\"");
    let name = format!("\"Sch.\"\"ema\".\"{}\"", table.replace('"', "\"\""));
    let columns = ["select \"*\"", "$1", "a.b; \\"];
    let sink =
        PostgresSink::<(i64, Str, Option<i64>)>::upsert(&db.url, &name, ["select \"*\"", "$1"])
            .columns(columns)
            .name("sink'\"; DROP TABLE kept")
            .create_table();
    write(
        &sink,
        1,
        vec![(1, "'; --".into(), Some(1)), (1, "'; --".into(), None)],
    )
    .unwrap();
    write(&sink, 2, vec![(2, "x".into(), Some(2))]).unwrap();
    let sql = format!("SELECT \"select \"\"*\"\"\", \"$1\", \"a.b; \\\" FROM {name} ORDER BY 1");
    assert_eq!(db.sql(&sql), "1|'; --|\n2|x|2");
    let epochs = "SELECT sink FROM \"Sch.\"\"ema\".whitebeam_epochs";
    assert_eq!(db.sql(epochs), "sink'\"; DROP TABLE kept");
    assert_eq!(db.sql("SELECT count(*) FROM kept"), "0");
}
