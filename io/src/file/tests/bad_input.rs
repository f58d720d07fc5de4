//! Every wrong input ends in an error that names the place and a remedy.

use super::driver::{Act, read, write};
use crate::file::{Compression, CsvSource, FileSplit, JsonLinesSource, TextSource};
use serde::{Deserialize, Serialize};
use std::path::Path;
use whitebeam_sdk::source::Source;
use whitebeam_sdk::{Error, ErrorKind};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Row {
    name: String,
    n: i32,
}

fn error_of<S: Source<Split = FileSplit>>(source: &S, acts: &[Act]) -> Error {
    match read(source, 4, acts) {
        Ok(values) => panic!("{} elements were read", values.len()),
        Err(e) => e,
    }
}

fn expect(error: &Error, kind: ErrorKind, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts.iter().chain(&["help: "]) {
        assert!(text.contains(part), "`{part}` in:\n{text}");
    }
}

#[test]
fn malformed_csv_is_named_by_file_line_and_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    let cases: [(&[u8], &[&str]); 6] = [
        (
            b"name,n\na,1\nb\n",
            &[
                "a record has 1 fields, and the header has 2",
                "orders.csv line 3 (byte 11)",
            ],
        ),
        (
            b"name,n\r\n\r\na,1\r\n\"b\r\nc\",2,3\r\n",
            &["a record has 3 fields", "orders.csv line 4 (byte 15)"],
        ),
        (
            b"name,n\na,x\n",
            &[
                "column `n` holds \"x\": invalid digit",
                "orders.csv line 2 (byte 7)",
            ],
        ),
        (
            b"name,n\na\xff,1\n",
            &[
                "column `name` holds \"a\u{fffd}\"",
                "invalid utf-8 sequence",
                "line 2 (byte 7)",
            ],
        ),
        (
            b"name,m\na,1\n",
            &["missing field `n`", "The header has name, m.", "line 2"],
        ),
        (
            b"name,n\n\"a,1\nb,2\n",
            &["a record has 1 fields", "line 2 (byte 7)"],
        ),
    ];
    for (text, parts) in cases {
        std::fs::write(&path, text).unwrap();
        let source = CsvSource::<Row>::files(path.clone()).min_range(1);
        expect(&error_of(&source, &[]), ErrorKind::Data, parts);
        let parts = [parts, &[".keep_undecodable()"]].concat();
        let acts = [Act::Poll, Act::Reopen(1), Act::Split(0.5)];
        expect(&error_of(&source, &acts), ErrorKind::Data, &parts);
    }
}

#[test]
fn columns_that_are_not_there_or_do_not_parse_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "name,n\na,x\n").unwrap();
    let source = CsvSource::with_columns(path.clone(), ["n"], |r| r.parse::<i32>(0));
    let parts = ["column `n` holds \"x\": invalid digit", "line 2 (byte 7)"];
    expect(&error_of(&source, &[]), ErrorKind::Data, &parts);

    let source = CsvSource::with_columns(path.clone(), ["m"], |r| r.parse::<i32>(0));
    let error = error_of(&source, &[]).help("");
    let parts = [
        "there is no column `m`",
        "The header has name, n.",
        "a.csv line 1",
    ];
    expect(&error, ErrorKind::Data, &parts);

    let source = CsvSource::with_columns(path.clone(), ["n"], |r| r.parse::<i32>(1));
    let parts = ["column 1 is asked for, and 1 are named"];
    expect(&error_of(&source, &[]), ErrorKind::UserCode, &parts);

    let source = CsvSource::with_columns(path, ["n"], |r| r.parse::<i32>(0)).no_header();
    let parts = ["columns are read by name", "leave out .no_header()"];
    expect(&error_of(&source, &[]), ErrorKind::InvalidPipeline, &parts);
}

#[test]
fn lines_that_are_not_utf8_are_named_in_any_range() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let mut text = "line\n".repeat(20).into_bytes();
    text.extend_from_slice(b"ok\nd\xe9j\xe0\n");
    std::fs::write(&path, text).unwrap();
    let source = TextSource::files(path).min_range(1);
    let parts = ["a line is not UTF-8", "a.txt line 22 (byte 104)", "iconv"];
    expect(&error_of(&source, &[]), ErrorKind::Data, &parts);
}

#[test]
fn json_of_another_type_is_named_by_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(
        &path,
        "{\"name\":\"a\",\"n\":1}\n\n{\"name\":\"a\",\"n\":\"b\"}\n",
    )
    .unwrap();
    let source = JsonLinesSource::<Row>::files(path);
    let parts = [
        "expected i32 (column 19)",
        "a.jsonl line 3 (byte 20)",
        ".keep_undecodable()",
    ];
    expect(&error_of(&source, &[]), ErrorKind::Data, &parts);
}

#[test]
fn compressed_files_that_end_early_are_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..2_000).map(|i| format!("name{i},{i}\n")).collect();
    let text = format!("name,n\n{text}");
    for name in ["a.csv.gz", "a.csv.zst"] {
        let path = folder.path().join(name);
        write(&path, Compression::of_path(name), text.as_bytes(), &[9_000]);
        let whole = std::fs::read(&path).unwrap();
        for keep in [1, 5, whole.len() / 3, whole.len() - 9, whole.len() - 1] {
            std::fs::write(&path, &whole[..keep]).unwrap();
            let parts = [name, "is truncated"];
            let csv = CsvSource::<Row>::files(path.clone());
            expect(
                &error_of(&csv, &[Act::Poll, Act::Reopen(3)]),
                ErrorKind::Data,
                &parts,
            );
            expect(
                &error_of(&TextSource::files(path.clone()), &[]),
                ErrorKind::Data,
                &parts,
            );
        }
    }
}

#[test]
fn files_that_are_not_what_their_ending_says_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.gz", "a.zst"] {
        let path = folder.path().join(name);
        std::fs::write(&path, "plain text, and more of it\n".repeat(9)).unwrap();
        let parts = [
            name,
            "damaged, or not compressed as expected",
            "Compression::Plain",
        ];
        expect(
            &error_of(&TextSource::files(path.clone()), &[]),
            ErrorKind::Data,
            &parts,
        );
        let plain = TextSource::files(path).compression(Compression::Plain);
        assert_eq!(read(&plain, 1, &[]).unwrap().len(), 9);
    }
}

#[test]
fn files_that_are_missing_or_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.csv");
    let error = error_of(&TextSource::files(missing), &[]);
    let parts = ["missing.csv: there is no such file"];
    expect(&error, ErrorKind::Unavailable, &parts);
    let error = error_of(&TextSource::files(folder.path()), &[]);
    let parts = ["is a directory, not a file", "name the files in it: '"];
    expect(&error, ErrorKind::Unavailable, &parts);
}

fn shrinking<S: Source<Split = FileSplit>>(path: &Path, source: &S) {
    std::fs::write(path, "a,b\n".repeat(40)).unwrap();
    let splits = source.discover(&[], 1).unwrap();
    std::fs::write(path, "a,b\n".repeat(20)).unwrap();
    let mut reader = source
        .open(splits[0].clone(), None, &Default::default())
        .unwrap();
    let error = reader.poll(&mut Default::default()).unwrap_err();
    let parts = ["a.csv changed while it was read: it had 160 bytes and now ends after 80"];
    expect(&error, ErrorKind::Data, &parts);
}

#[test]
fn files_that_shrink_while_they_are_read_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    shrinking(&path, &TextSource::files(path.clone()));
    shrinking(&path, &CsvSource::<(String, String)>::files(path.clone()));
}
