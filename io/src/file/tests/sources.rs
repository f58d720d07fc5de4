//! Options and promises of the sources, case by case.

use super::driver::{Act, read, write};
use crate::file::{Compression, CsvSource, Decoded, JsonLinesSource, TextSource, Undecodable};
use serde::{Deserialize, Serialize};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::source::{Boundedness, Poll, Position, ReadOptions, Source};
use whitebeam_sdk::time::rfc3339;
use whitebeam_sdk::{ErrorKind, Timestamp, Window};

#[test]
fn endings_name_the_codec() {
    for (path, compression) in [
        ("a.csv", Compression::Plain),
        ("a.csv.gz", Compression::Gzip),
        ("A.CSV.GZ", Compression::Gzip),
        ("a.gz/b.txt.zst", Compression::Zstd),
        ("a", Compression::Plain),
    ] {
        assert_eq!(Compression::of_path(path), compression, "{path}");
    }
}

#[test]
fn csv_dialects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "\u{feff}a;1\nb;2\n").unwrap();
    let source = CsvSource::<(String, u8)>::files(path)
        .no_header()
        .delimiter(b';');
    let rows = read(&source, 1, &[]).unwrap();
    assert_eq!(rows, [("a".into(), 1), ("b".into(), 2)]);
}

#[test]
fn instants_are_numbers_or_where_a_field_says_so_text() {
    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    struct Visit {
        since: Timestamp,
        #[serde(with = "rfc3339")]
        at: Timestamp,
    }
    let folder = tempfile::tempdir().unwrap();
    let [csv, json] = ["a.csv", "a.jsonl"].map(|name| folder.path().join(name));
    std::fs::write(&csv, "since,at\n7,1970-01-01T01:00:03+01:00\n").unwrap();
    std::fs::write(&json, r#"{"since":7,"at":"1970-01-01T00:00:03Z"}"#).unwrap();
    let visit = Visit {
        since: Timestamp::from_micros(7),
        at: Timestamp::from_secs(3),
    };
    let of_csv = read(&CsvSource::<Visit>::files(&csv), 1, &[]).unwrap();
    let of_json = read(&JsonLinesSource::<Visit>::files(&json), 1, &[]).unwrap();
    assert_eq!((&of_csv, &of_json), (&vec![visit.clone()], &vec![visit]));
    std::fs::write(&csv, "since,at\n7,yesterday\n").unwrap();
    let refused = read(&CsvSource::<Visit>::files(&csv), 1, &[]).unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("`yesterday` is no instant"), "{refused}");
}

#[test]
fn csv_is_cut_only_on_a_promise_and_compressed_files_never() {
    let folder = tempfile::tempdir().unwrap();
    let text = "a\n".repeat(50);
    for (name, splittable, splits) in [
        ("a.csv", true, 4),
        ("a.csv", false, 1),
        ("a.csv.gz", true, 1),
        ("a.csv.zst", false, 1),
    ] {
        let path = folder.path().join(name);
        write(&path, Compression::of_path(name), text.as_bytes(), &[]);
        let mut source = CsvSource::<(String,)>::files(path).min_range(25);
        if splittable {
            source = source.splittable();
        }
        let found = source.discover(&[], 10).unwrap();
        assert_eq!(found.len(), splits, "{name} {splittable}");
        let more = source.discover(&found, 10).unwrap();
        assert!(more.is_empty(), "what is known is not found again");
    }
}

#[test]
fn small_files_are_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "a\n".repeat(1000)).unwrap();
    assert_eq!(TextSource::files(path).discover(&[], 8).unwrap().len(), 1);
}

#[test]
fn elements_stand_before_all_time_until_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "a\nb\nc\n").unwrap();
    let source = TextSource::files(path);
    assert_eq!(source.boundedness(), Boundedness::Bounded);
    let split = source.discover(&[], 1).unwrap().remove(0);
    let options = ReadOptions {
        max_elements: Some(2),
        ..ReadOptions::default()
    };
    let mut reader = source.open(split, None, &options).unwrap();
    let mut batch = Batch::default();
    assert_eq!(reader.poll(&mut batch).unwrap(), Poll::More);
    assert_eq!(batch.len(), 2);
    assert_eq!(reader.progress().done, 4);
    assert_eq!(reader.progress().total, Some(6));
    assert_eq!(reader.describe_position(), "line 3 (byte 4)");
    // Appended to what is there already.
    assert_eq!(reader.poll(&mut batch).unwrap(), Poll::End);
    assert_eq!(batch.values(), ["a", "b", "c"]);
    assert_eq!(batch.meta.bounds, (Timestamp::MIN, Timestamp::MIN));
    assert_eq!(batch.meta.windows.uniform(), Some(Window::GLOBAL));
    assert_eq!(reader.watermark(), Timestamp::MIN);
    assert_eq!(reader.progress().done, 6);
}

#[test]
fn progress_of_compressed_files_counts_compressed_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let path = folder.path().join("a");
        write(
            &path,
            compression,
            "line\n".repeat(10_000).as_bytes(),
            &[20_000, 40_000],
        );
        let size = std::fs::metadata(&path).unwrap().len();
        let source = TextSource::files(path).compression(compression);
        let split = source.discover(&[], 1).unwrap().remove(0);
        let mut reader = source.open(split, None, &ReadOptions::default()).unwrap();
        assert_eq!(reader.progress().total, Some(size));
        let mut last = 0;
        loop {
            let mut batch = Batch::default();
            let poll = reader.poll(&mut batch).unwrap();
            let done = reader.progress().done;
            assert!(last <= done && done <= size);
            last = done;
            if poll == Poll::End {
                break;
            }
        }
        assert_eq!(last, size, "{compression:?}");
    }
}

#[test]
fn an_empty_file_has_no_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    for text in ["", "n\n", "n"] {
        std::fs::write(&path, text).unwrap();
        let source = CsvSource::<(u8,)>::files(path.clone());
        assert_eq!(read(&source, 3, &[]).unwrap(), [], "{text:?}");
        let source = CsvSource::with_columns(path.clone(), ["n"], |r| r.parse::<u8>(0));
        assert_eq!(read(&source, 3, &[]).unwrap(), [0; 0], "{text:?}");
    }
    std::fs::write(&path, "").unwrap();
    let lines = read(
        &TextSource::files(path),
        3,
        &[Act::Split(0.0), Act::Split(0.5)],
    )
    .unwrap();
    assert!(lines.is_empty());
}

#[test]
fn undecodable_csv_records_can_be_elements() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let text = b"name,n\r\na,1\r\n\r\nb,x\r\n\"c\nd\",2,3\r\ne\xff,4\r\nf,5\r\n";
    for name in ["a.csv", "a.csv.gz"] {
        let path = path.with_file_name(name);
        write(&path, Compression::of_path(name), text, &[]);
        let file = path.to_str().unwrap().to_owned();
        let letter = |raw: &[u8], line, byte, error: &str| {
            Decoded::Undecodable(Undecodable {
                raw: raw.to_vec(),
                file: file.clone(),
                line,
                byte,
                error: error.to_owned(),
            })
        };
        let source = CsvSource::<(String, u8)>::files(path).keep_undecodable();
        let read = read(&source, 1, &[Act::Reopen(2), Act::Poll, Act::Split(0.0)]).unwrap();
        assert_eq!(
            read,
            [
                Decoded::Ok(("a".to_owned(), 1)),
                letter(
                    b"b,x",
                    4,
                    15,
                    "column `n` holds \"x\": invalid digit found in string"
                ),
                letter(
                    b"\"c\nd\",2,3",
                    5,
                    20,
                    "a record has 3 fields, and the header has 2"
                ),
                letter(
                    b"e\xff,4",
                    7,
                    31,
                    "column `name` holds \"e\u{fffd}\": invalid utf-8 sequence of 1 bytes from index 1"
                ),
                Decoded::Ok(("f".to_owned(), 5)),
            ]
        );
    }
}

#[test]
fn undecodable_json_lines_can_be_elements() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, "\u{feff}1\n\n3,\n\"x\"\n2").unwrap();
    let file = path.to_str().unwrap().to_owned();
    let source = JsonLinesSource::<u8>::files(path).keep_undecodable();
    let read = read(&source, 1, &[]).unwrap();
    let letter = |raw: &str, line, byte, error: &str| {
        Decoded::Undecodable(Undecodable {
            raw: raw.into(),
            file: file.clone(),
            line,
            byte,
            error: error.to_owned(),
        })
    };
    let broken = "a line is not JSON: trailing characters (column 2)";
    let other = "a line is JSON, but not of the type that is read: invalid type: string \"x\", expected u8 (column 3)";
    assert_eq!(
        read,
        [
            Decoded::Ok(1),
            letter("3,", 3, 6, broken),
            letter("\"x\"", 4, 9, other),
            Decoded::Ok(2),
        ]
    );
}

#[test]
fn a_foreign_position_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt.gz");
    write(&path, Compression::Gzip, b"a\nb\n", &[]);
    let source = TextSource::files(path);
    let split = source.discover(&[], 1).unwrap().remove(0);
    let far = crate::file::split::Place {
        next: 99,
        end: None,
    };
    for position in [Position(vec![]), far.position()] {
        let opened = source.open(split.clone(), Some(position), &ReadOptions::default());
        assert_eq!(
            opened.err().map(|e| e.kind()),
            Some(ErrorKind::Incompatible)
        );
    }
}
