//! Any splits of any file yield the records of the file.

use super::driver::{acts, compressions, read, write};
use crate::file::{Compression, CsvSource, JsonLinesSource, TextSource};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::{Line, Str};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Row {
    name: String,
    n: i32,
    note: Option<String>,
}

fn texts() -> impl Strategy<Value = String> {
    let line = "[a-cä€😀 ,\"]{0,24}";
    let lines = prop::collection::vec((line, prop_oneof!["\n", "\r\n", "\n\n", "\r\r\n"]), 0..12);
    (lines, line).prop_map(|(lines, last)| {
        let mut text: String = lines.into_iter().map(|(line, end)| line + &end).collect();
        text.push_str(&last);
        text
    })
}

/// CSV with a header, quotes, line breaks of all kinds and empty lines; and its rows.
fn csvs(field: &'static str) -> impl Strategy<Value = (String, Vec<Row>)> {
    let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let row = (field, any::<i32>(), prop::option::of("[a-z]{1,5}"));
    let ends = prop_oneof![
        Just("\n"),
        Just("\r\n"),
        Just("\n\n"),
        Just("\r\n\r\n"),
        Just("\r")
    ];
    let rows = prop::collection::vec((row, ends.clone()), 0..10);
    (rows, ends, any::<bool>()).prop_map(move |(rows, end, cut_last)| {
        let mut text = format!("name,n,note{end}");
        let mut wanted = Vec::new();
        for ((name, n, note), end) in rows {
            let shown = note.clone().unwrap_or_default();
            text.push_str(&format!("{},{n},{shown}{end}", quote(&name)));
            wanted.push(Row { name, n, note });
        }
        if cut_last {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        (text, wanted)
    })
}

proptest! {
    #[test]
    fn lines_are_those_of_the_whole_file(
        text in texts(), compression in compressions(), cuts in prop::collection::vec(0usize..999, 0..3),
        desired in 1usize..9, acts in acts(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, compression, text.as_bytes(), &cuts);
        let source = TextSource::files(path).compression(compression).min_range(1);
        let lines: Vec<Line> = read(&source, desired, &acts).unwrap();
        prop_assert_eq!(lines, text.lines().collect::<Vec<_>>());
    }

    #[test]
    fn csv_rows_are_those_that_were_written(
        (text, rows) in csvs("[a-cä€ ,\"\r\n]{0,9}"), compression in compressions(),
        cuts in prop::collection::vec(0usize..999, 0..3), acts in acts(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write(&path, compression, text.as_bytes(), &cuts);
        let source = CsvSource::<Row>::files(path).compression(compression).min_range(1);
        prop_assert_eq!(read(&source, 9, &acts).unwrap(), rows);
    }

    #[test]
    fn csv_without_line_breaks_in_fields_can_be_cut_anywhere(
        (text, rows) in csvs("[a-cä€ ,\"]{0,9}"), desired in 1usize..20, acts in acts(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write(&path, Compression::Plain, text.as_bytes(), &[]);
        let source = CsvSource::<Row>::files(path.clone()).splittable().min_range(1);
        prop_assert_eq!(read(&source, desired, &acts).unwrap(), rows.clone());

        let columns = CsvSource::with_columns(path, ["n", "name"], |record| {
            Ok((record.parse::<i32>(0)?, Str::from(record.text(1)?)))
        });
        let wanted: Vec<_> = rows.into_iter().map(|r| (r.n, Str::from(r.name))).collect();
        prop_assert_eq!(read(&columns.splittable().min_range(1), desired, &acts).unwrap(), wanted);
    }

    #[test]
    fn json_values_are_those_that_were_written(
        rows in prop::collection::vec((any::<i32>(), "[a-cä€\"\r\n]{0,5}"), 0..9),
        blank in prop_oneof![Just(""), Just("\n"), Just(" \r\n")], compression in compressions(),
        desired in 1usize..9, acts in acts(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let text: String = rows
            .iter()
            .map(|row| format!("{}\n{blank}", serde_json::to_string(row).unwrap()))
            .collect();
        write(&path, compression, text.as_bytes(), &[]);
        let source = JsonLinesSource::<(i32, String)>::files(path).compression(compression).min_range(1);
        prop_assert_eq!(read(&source, desired, &acts).unwrap(), rows);
    }
}
