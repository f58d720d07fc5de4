//! User code that fails, on every runner: the error names the step, its line and the element that
//! was refused, by its exact place in the input, and nothing is half-visible.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod error_form;

use error_form::{expect_form, expect_nothing_in};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use whitebeam::io::file::{CsvSink, TextSource};
use whitebeam::prelude::*;
use whitebeam_testkit::{TestStream, TestStreams};

type Run = fn(&Pipeline) -> whitebeam::Result<()>;

const RUNNERS: [Run; 4] = [
    |p| BatchRunner::new().parallelism(1).run(p).map(drop),
    |p| BatchRunner::new().parallelism(4).run(p).map(drop),
    |p| LocalRunner::new().run(p).map(drop),
    |p| LocalRunner::new().seed(7).copies(3).run(p).map(drop),
];

/// Builds and runs a pipeline that must fail, on every runner, into a folder that must stay empty.
fn expect_refused_by_runners(code: &str, parts: &[&str], build: impl Fn(&Pipeline, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    for run in RUNNERS {
        let p = Pipeline::new();
        let output = folder.path().join("output");
        build(&p, &output);
        let error = run(&p).expect_err("the run fails");
        expect_form(&error.to_string(), code, parts);
        expect_nothing_in(&output);
    }
}

#[test]
fn a_panic_names_the_line_of_the_file_that_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("lines.txt");
    let lines: Vec<String> = (1..=30_000).map(|n| format!("customer {n}")).collect();
    fs::write(&input, lines.join("\n")).unwrap();
    // Far into a bundle, and at both ends of the file.
    for bad in [1_usize, 17_123, 30_000] {
        let byte: usize = lines[..bad - 1].iter().map(|line| line.len() + 1).sum();
        let place = format!("line {bad} (byte {byte})");
        let parts = [
            "user code panicked: no such customer",
            "step  Customers",
            "bad_code.rs:",
            "lines.txt",
            &place,
        ];
        expect_refused_by_runners("U001", &parts, |p, output| {
            let name = lines[bad - 1].clone();
            p.read(TextSource::files(input.clone()).min_range(1_000))
                .filter(|line| !line.as_str().is_empty())
                .map(move |line| {
                    assert!(line.as_str() != name, "no such customer");
                    (line.as_str().len() as u64, 1)
                })
                .named("Customers")
                .sum_per_key()
                .write(CsvSink::new(output).no_header());
        });
    }
}

#[test]
fn user_code_that_refuses_an_element_is_named_with_a_remedy() {
    #[derive(Clone)]
    struct Refuses;
    impl DoFn<i64> for Refuses {
        type Out = i64;
        fn process(&mut self, n: i64, cx: &mut ProcessContext<'_, i64>) -> DoFnResult {
            if n == 7 {
                return Err("seven is too many".into());
            }
            cx.emit(n);
            Ok(())
        }
    }
    type Step = fn(PCollection<i64>) -> PCollection<i64>;
    let steps: [(Step, &str); 3] = [
        (|c| c.par_do(Refuses).named("Refuses"), "seven is too many"),
        (
            |c| {
                c.partition(6, |n| (n - 1) as usize)
                    .remove(0)
                    .named("Refuses")
            },
            "sent to part 6 of 6",
        ),
        (
            |c| {
                c.with_timestamps(|n| Timestamp::from_micros(if *n == 7 { -1 } else { 1 }))
                    .named("Refuses")
                    .map_with(|n, at| n + at.timestamp().micros())
            },
            "moved back",
        ),
    ];
    for (step, says) in steps {
        // The seventh, counted from nought.
        let parts = ["step  Refuses", "bad_code.rs:", says, "record 6"];
        expect_refused_by_runners("U001", &parts, |p, output| {
            let numbers = p.create_timestamped((1..8).map(|n| (n, Timestamp::from_micros(0))));
            step(numbers).write(CsvSink::new(output).no_header());
        });
    }
}

/// Its sums refuse the number 7.
#[derive(Clone, Copy)]
struct NoSeven;

impl CombineFn<i64> for NoSeven {
    type Acc = i64;
    type Output = i64;
    fn create(&self) -> i64 {
        0
    }
    fn add(&self, acc: &mut i64, n: i64) {
        assert!(n != 7, "seven cannot be added");
        *acc += n;
    }
    fn merge(&self, into: &mut i64, from: i64) {
        *into += from;
    }
    fn extract(&self, acc: i64) -> i64 {
        acc
    }
}

#[test]
fn a_combiner_that_refuses_an_element_names_it() {
    let parts = ["step  Add", "bad_code.rs:", "seven cannot", "record 6"];
    expect_refused_by_runners("U001", &parts, |p, output| {
        p.create((1..9).map(|n| (n % 2, n)))
            .combine_per_key(NoSeven)
            .named("Add")
            .write(CsvSink::new(output).no_header());
    });
}

#[test]
fn an_element_of_one_of_several_inputs_is_found_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("numbers.txt");
    fs::write(&input, "10\n20\n7\n30\n").unwrap();
    let parts = [
        "step  Refuse",
        "bad_code.rs:",
        "numbers.txt",
        "line 3 (byte 6)",
    ];
    expect_refused_by_runners("U001", &parts, |p, output| {
        let created = p.create([1_i64, 2, 3]);
        let read = p
            .read(TextSource::files(input.clone()))
            .map(|line| line.as_str().parse().unwrap_or(0));
        p.flatten([created, read])
            .map(|n| if n == 7 { panic!("seven") } else { n })
            .named("Refuse")
            .write(CsvSink::new(output).no_header());
    });
}

#[test]
fn an_element_of_a_script_is_named_by_its_event() {
    let p = Pipeline::new();
    let _ = p
        .test_stream::<i64>("1@1 2@2 | wm 5 | 5@5 6@6 7@7 8@8 | 7@9")
        .map(|n| if n == 7 { panic!("seven") } else { n })
        .named("Refuse");
    let error = LocalRunner::new().run(&p).expect_err("the run fails");
    expect_form(
        &error.to_string(),
        "U001",
        &["event 3, element 3", "step  Refuse"],
    );
}

#[test]
fn a_failure_that_depends_on_more_than_the_element_says_so() {
    let parts = [
        "step  Count",
        "bad_code.rs:",
        "the step did not fail: it depends",
    ];
    expect_refused_by_runners("U001", &parts, |p, output| {
        let calls = Arc::new(AtomicU64::new(0));
        p.create(1..50_i64)
            .map(move |n| {
                assert!(calls.fetch_add(1, Ordering::Relaxed) != 20, "tired");
                n
            })
            .named("Count")
            .write(CsvSink::new(output).no_header());
    });
}

#[test]
fn a_failure_behind_a_grouping_blames_no_element() {
    for run in RUNNERS {
        let p = Pipeline::new();
        let sums = p.create((1..9).map(|n| (n % 2, n))).sum_per_key();
        let _ = sums
            .map(|(_, sum): (i64, i64)| if sum > 16 { panic!("too much") } else { sum })
            .named("Refuse");
        let error = run(&p).expect_err("the run fails").to_string();
        expect_form(&error, "U001", &["step  Refuse", "bad_code.rs:"]);
        assert!(!error.contains("did not fail"), "{error}");
        assert!(!error.contains("record"), "{error}");
    }
}

#[test]
fn an_element_that_csv_cannot_hold_is_named_with_a_remedy() {
    let parts = ["step  Write", "bad_code.rs:", "cannot be written as CSV"];
    expect_refused_by_runners("U001", &parts, |p, output| {
        p.create([std::collections::BTreeMap::from([("a".to_string(), 1_i64)])])
            .write(CsvSink::new(output).no_header());
    });
}

/// The second folder is taken while the elements of both are on their way.
#[test]
fn a_second_sink_that_cannot_commit_keeps_the_first_one_from_it() {
    for run in RUNNERS {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let p = Pipeline::new();
        let foreign = second.join("part-00000-00000.csv");
        let numbers = p.create(0..100_i64).map(move |n| {
            fs::write(&foreign, "taken").unwrap();
            n
        });
        let write = |to| CsvSink::new(to).no_header();
        numbers.clone().write(write(&first));
        numbers.write(write(&second)).named("Second");
        let error = run(&p).expect_err("a name is taken");
        expect_form(
            &error.to_string(),
            "A001",
            &["of another run", "step  Second"],
        );
        expect_nothing_in(&first);
        let left: Vec<_> = fs::read_dir(&second).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

#[test]
fn a_folder_with_parts_of_another_run_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("revenue");
    let pipeline = || {
        let p = Pipeline::new();
        p.create([1_i64]).write(CsvSink::new(&output).no_header());
        p
    };
    BatchRunner::new().run(&pipeline()).unwrap();
    let before = fs::read_dir(&output).unwrap().count();
    type Run = fn(&Pipeline) -> whitebeam::Result<()>;
    let runners: [Run; 2] = [
        |p| BatchRunner::new().run(p).map(drop),
        |p| LocalRunner::new().run(p).map(drop),
    ];
    for run in runners {
        let e = run(&pipeline()).expect_err("the folder is occupied");
        expect_form(&e.to_string(), "A001", &["of another run", "bad_code.rs:"]);
        assert_eq!(fs::read_dir(&output).unwrap().count(), before);
    }
}

#[test]
fn grouping_without_end_needs_a_window() {
    let parts = ["step  Sum", "bad_code.rs:", "needs a window", "unbounded"];
    expect_refused_by_runners("P007", &parts, |p, output| {
        p.read(TestStream::<(i64, i64)>::new().to_infinity())
            .sum_per_key()
            .named("Sum")
            .write(CsvSink::new(output).no_header());
    });
}
