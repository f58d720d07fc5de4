//! Revenue per minute of a real shop: every runner, at any parallelism, against a plain loop.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod revenue_job;

use revenue_job::invoice::{InvoiceLine, Kind, cents, invoices};
use revenue_job::per_minute::{LateLine, Revenue, revenue_per_minute};
use revenue_job::rows::{difference, final_panes, rows};
use revenue_job::{RUNNERS, december, program, run, whole};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use whitebeam::io::file::CsvSink;
use whitebeam::prelude::*;
use whitebeam_testkit::{Expect, TestStream, test_pipeline};
use whitebeam_tests::skip::skip;

/// What a reader of the file would compute: no windows, no decimals, no engine.
fn plain_loop(input: &Path) -> Vec<Revenue> {
    // Thousandths, exactly: the data has no finer prices.
    fn thousandths(text: &str) -> i64 {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        format!("{whole}{fraction:0<3}").parse().unwrap()
    }
    let text = flate2::read::GzDecoder::new(File::open(input).unwrap());
    let mut sums = BTreeMap::<(String, String), i64>::new();
    for record in csv::Reader::from_reader(text).into_records() {
        let record = record.unwrap();
        let (quantity, price) = (thousandths(&record[3]), thousandths(&record[5]));
        if record[0].starts_with('C') || quantity <= 0 || price <= 0 {
            continue;
        }
        let (day, time) = record[4].split_once(' ').unwrap();
        let minute = format!("{day}T{}:00Z", &time[..5]);
        let cents = (quantity * price + 5_000) / 10_000;
        *sums.entry((record[7].to_owned(), minute)).or_default() += cents;
    }
    let row = |((country, minute), cents): ((String, String), i64)| Revenue {
        country: country.into(),
        minute,
        cents,
        pane_index: 0,
        pane_timing: "on_time".into(),
    };
    sums.into_iter().map(row).collect()
}

fn answer(input: &Path, run: impl FnOnce(&Pipeline)) -> Vec<Revenue> {
    let folder = tempfile::tempdir().unwrap();
    let p = Pipeline::new();
    let lines = p.read(invoices(vec![input.to_owned()]));
    let (revenue, late) = revenue_per_minute(lines, Duration::ZERO);
    revenue.write(CsvSink::new(folder.path().join("revenue")));
    late.write(CsvSink::new(folder.path().join("late")));
    run(&p);
    let late = folder.path().join("late");
    assert!(!late.exists() || rows(&late).unwrap().is_empty());
    rows(&folder.path().join("revenue")).unwrap()
}

fn expect_everywhere(input: &Path, n: usize, cents: i64, seeds: std::ops::Range<u64>) {
    let expected = plain_loop(input);
    let total: i64 = expected.iter().map(|row| row.cents).sum();
    assert_eq!((expected.len(), total), (n, cents));
    for workers in [1, 2, 4, 8] {
        let batch = answer(input, |p| {
            BatchRunner::new().parallelism(workers).run(p).unwrap();
        });
        assert_eq!(difference(&batch, &expected), None, "{workers} workers");
    }
    for seed in seeds {
        let local = answer(input, |p| {
            LocalRunner::new().seed(seed).run(p).unwrap();
        });
        assert_eq!(difference(&expected, &local), None, "seed {seed}");
    }
}

#[test]
fn december_is_the_same_on_both_runners_at_any_parallelism() {
    expect_everywhere(&december(), 1_446, 82_374_614, 0..3);
}

#[test]
fn the_whole_file_is_the_same_on_both_runners_at_any_parallelism() {
    match whole() {
        Some(input) => expect_everywhere(&input, 18_733, 1_066_668_454, 0..1),
        None => skip(
            "the_whole_file_is_the_same_on_both_runners_at_any_parallelism",
            "shared data absent: online_retail.csv.gz",
        ),
    }
}

#[test]
fn cents_are_rounded_half_up_per_line() {
    for (quantity, price, expected) in [
        ("6.0", "2.55", Some(1_530)),
        ("1", "0.004", Some(0)),
        ("1", "0.005", Some(1)),
        ("3", "0.145", Some(44)),
        ("1", "0.0049999", Some(0)),
        ("7", "1.115", Some(781)),
        ("80995.0", "2.08", Some(16_846_960)),
        ("99999999999999", "99999999999999", None),
    ] {
        let found = cents(quantity.parse().unwrap(), price.parse().unwrap());
        assert_eq!(found, expected, "{quantity} x {price}");
    }
}

#[test]
fn only_lines_that_somebody_pays_for_count() {
    let input = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
        536365,1,A,2.0,2010-12-01 08:26:00,2.50,1.0,Norway\n\
        C36366,1,A,-1.0,2010-12-01 08:26:00,2.50,1.0,Norway\n\
        C36367,1,A,1.0,2010-12-01 08:26:00,2.50,1.0,Norway\n\
        536368,1,A,-5.0,2010-12-01 08:26:00,2.50,,Norway\n\
        536369,1,A,5.0,2010-12-01 08:26:00,0.0,,Norway\n\
        536365,1,A,2.0,2010-12-01 08:26:00,2.50,1.0,Norway\n\
        536370,1,\"A, \"\"B\"\"\",1.0,2010-12-01 08:26:59,1.00,1.0,\"Korea, South\"\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.csv");
    std::fs::write(&file, input).unwrap();
    for runner in RUNNERS {
        let output = folder.path().join("revenue");
        let ran = run(runner, &file, &output);
        assert!(ran.status.success(), "{ran:?}");
        let found = rows(&output).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|r| (r.country.as_str(), r.minute.as_str(), r.cents))
            .collect();
        let minute = "2010-12-01T08:26:00Z";
        let expected = [("Korea, South", minute, 100), ("Norway", minute, 1_000)];
        assert_eq!(found, expected, "{runner:?}");
    }
}

fn paid(country: &str, cents: i64, second: i64) -> (InvoiceLine, Timestamp) {
    let at = Timestamp::from_secs(second);
    let line = InvoiceLine {
        kind: Kind::Paid,
        at,
        country: country.into(),
        cents,
    };
    (line, at)
}

fn row(cents: i64, pane_index: u32, pane_timing: &str) -> Revenue {
    Revenue {
        country: "Norway".into(),
        minute: "1970-01-01T00:00:00Z".to_owned(),
        cents,
        pane_index,
        pane_timing: pane_timing.into(),
    }
}

#[test]
fn late_lines_correct_their_minute_or_come_out_beside_it() {
    test_pipeline(|p| {
        let lines = TestStream::new()
            .elements([paid("Norway", 500, 5)])
            .watermark(Timestamp::from_secs(60))
            .elements([paid("Norway", 250, 59)])
            .watermark(Timestamp::from_secs(3_660))
            .elements([paid("Norway", 70, 30)])
            .to_infinity();
        let (revenue, late) = revenue_per_minute(p.read(lines), hours(1));
        revenue
            .expect()
            .contains_in_any_order([row(500, 0, "on_time"), row(750, 1, "late")]);
        late.expect().contains_in_any_order([LateLine {
            country: "Norway".into(),
            time: "1970-01-01T00:00:30Z".to_owned(),
            cents: 70,
        }]);
    })
    .unwrap();
}

#[test]
fn two_answers_are_told_apart_by_the_first_row_that_differs() {
    let (a, b) = (row(1, 0, "on_time"), row(2, 0, "on_time"));
    let says = |x: &[Revenue], y: &[Revenue]| difference(x, y).unwrap();
    assert_eq!(difference(&[], &[]), None);
    assert_eq!(
        difference(&[a.clone(), b.clone()], &[a.clone(), b.clone()]),
        None
    );
    let (a, b) = (&a, &b);
    let (missing, too_many) = ("this row is missing", "this row is one too many");
    for (expected, found, begins) in [
        (vec![a.clone(), b.clone()], vec![b.clone()], missing),
        (vec![b.clone()], vec![a.clone(), b.clone()], "instead of"),
        (vec![a.clone()], vec![], missing),
        (vec![], vec![a.clone()], too_many),
    ] {
        let said = says(&expected, &found);
        assert!(said.starts_with(begins), "{said}");
        assert!(said.contains("cents: 1"), "{said}");
    }
}

#[test]
fn of_several_panes_the_last_one_counts_and_each_is_there_once() {
    let pane = |cents, index| row(cents, index, if index == 0 { "on_time" } else { "late" });
    let last = final_panes(&[pane(1, 0), pane(5, 2), pane(3, 1)]);
    assert_eq!(last, Ok(vec![row(5, 0, "on_time")]));
    let twice = final_panes(&[pane(1, 0), pane(2, 0)]).unwrap_err();
    assert!(
        twice.contains("there twice") && twice.contains("cents: 2"),
        "{twice}"
    );
    let missing = final_panes(&[pane(1, 0), pane(5, 2)]).unwrap_err();
    assert!(missing.ends_with("pane 1 is missing"), "{missing}");
}

#[test]
fn the_program_reports_to_people_and_to_machines() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("revenue");
    for runner in RUNNERS {
        // Into the same folder: an earlier answer is replaced, never added to.
        let ran = run(&[runner, &["--json"]].concat(), &december(), &output);
        assert!(ran.status.success(), "{ran:?}");
        assert_eq!(rows(&output).unwrap().len(), 1_446);
        let said = String::from_utf8(ran.stdout).unwrap();
        let lines: Vec<serde_json::Value> = said
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let last = lines.last().unwrap();
        assert_eq!(
            (&last["event"], &last["runner"]),
            (&"done".into(), &runner[1].into())
        );
        let steps = last["steps"].as_array().unwrap();
        let paid = steps.iter().find(|step| step["step"] == "Revenue/Paid");
        assert_eq!(paid.unwrap()["elements"], 42_481, "{last}");
    }
    for part in std::fs::read_dir(&output).unwrap() {
        let part = part.unwrap().path();
        if part.extension().is_some_and(|ending| ending == "csv") {
            let text = std::fs::read_to_string(part).unwrap();
            assert!(
                text.starts_with("country,minute,cents,pane_index,pane_timing\n"),
                "{text}"
            );
        }
    }
}

#[test]
fn the_program_explains_and_lists_its_options() {
    for (arguments, parts) in [
        (vec!["explain"], vec!["Revenue/Sum", "Invoices", "CSV of"]),
        (vec!["explain", "--fused"], vec!["Revenue/Sum", "stage 2"]),
        (
            vec!["explain", "--format", "mermaid"],
            vec!["flowchart", "Revenue/Sum"],
        ),
        (
            vec!["explain", "--format", "dot"],
            vec!["digraph", "Revenue/Sum"],
        ),
        (
            vec!["--help"],
            vec![
                "--runner",
                "--parallelism",
                "--input",
                "--output",
                "--allowed-lateness",
                "--late",
            ],
        ),
    ] {
        let ran = program().args(&arguments).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let said = String::from_utf8(ran.stdout).unwrap();
        for part in parts {
            assert!(
                said.contains(part),
                "{arguments:?} says nothing of {part}: {said}"
            );
        }
    }
    for arguments in [
        vec!["run", "--runner", "abacus"],
        vec!["run", "--allowed-lateness", "soon"],
    ] {
        let ran = program().args(&arguments).output().unwrap();
        assert_eq!(ran.status.code(), Some(2), "{ran:?}");
    }
}
