//! Expectations that hold, that do not, and that nobody judged.

use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use whitebeam_runner_local::LocalRunner;
use whitebeam_sdk::time::seconds;
use whitebeam_sdk::window::FixedWindows;
use whitebeam_sdk::{Pipeline, Timestamp};

fn window(start: i64) -> Window {
    let start = Timestamp::from_secs(start);
    Window::new(start, start + seconds(10))
}

fn judged(expect: impl FnOnce(Expectations<i64>) -> Expectations<i64>) -> Result<()> {
    let p = Pipeline::new();
    let numbers = p.create_timestamped([3, 5, 12].map(|n| (n, Timestamp::from_secs(n))));
    let windowed = numbers.window(FixedWindows::of(seconds(10)));
    let _ = expect(windowed.expect());
    LocalRunner::new().run(&p).map(drop)
}

#[test]
fn expectations_that_hold_pass() {
    judged(|e| {
        e.contains_in_any_order([12, 5, 3])
            .in_window(window(0))
            .contains_in_any_order([3, 5])
            .in_window(window(10))
            .singleton(12)
            .in_window(window(20))
            .is_empty()
            .anywhere()
            .early([])
            .on_time([])
            .late([])
            .final_panes([3, 5, 12])
            .satisfies(|rows| match rows.len() {
                3 => Ok(()),
                n => Err(format!("{n} rows")),
            })
    })
    .unwrap();
}

#[test]
fn each_expectation_can_fail_and_says_how() {
    type Expected = fn(Expectations<i64>) -> Expectations<i64>;
    let cases: [(Expected, &str); 8] = [
        (|e| e.contains_in_any_order([3, 5]), "unexpected  12"),
        (
            |e| e.contains_in_any_order([3, 5, 12, 12]),
            "missing     12",
        ),
        (|e| e.is_empty(), "is_empty"),
        (|e| e.singleton(3), "singleton"),
        (
            |e| e.in_window(window(10)).contains_in_any_order([3]),
            "missing     3",
        ),
        (|e| e.on_time([3]), "on_time"),
        (|e| e.final_panes([]), "final_panes"),
        (|e| e.satisfies(|_| Err("just so".to_string())), "just so"),
    ];
    for (expected, text) in cases {
        let e = judged(expected).unwrap_err();
        assert_eq!(e.code(), "T001");
        assert!(e.to_string().contains(text), "{e}");
        assert!(e.to_string().contains("expect/tests.rs"), "{e}");
    }
    let e = judged(|e| e).unwrap_err();
    assert!(e.message().contains("without an expectation"), "{e}");
}

#[test]
fn all_expectations_that_fail_are_reported() {
    let e = judged(|e| e.is_empty().singleton(1)).unwrap_err();
    assert_eq!(e.related().len(), 1);
}

#[test]
fn an_expectation_that_no_run_judged_fails_with_its_line() {
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let p = Pipeline::new();
        let _ = p.create([1]).expect().singleton(1);
    }));
    let message = *panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.contains("never judged") && message.contains("expect/tests.rs"),
        "{message}"
    );
}

#[test]
fn a_run_that_fails_otherwise_is_not_blamed_on_the_expectation() {
    let p = Pipeline::new();
    let refuse = |n: i64| if n > 0 { panic!("no") } else { n };
    let _ = p.create([1]).map(refuse).expect().singleton(1);
    let e = LocalRunner::new().run(&p).unwrap_err();
    assert!(e.message().contains("panicked"), "{e}");
    drop(p);
}

#[test]
fn a_pipeline_that_runs_twice_is_judged_twice() {
    let p = Pipeline::new();
    let _ = p.create([1]).expect().singleton(1);
    LocalRunner::new().run(&p).unwrap();
    LocalRunner::new().seed(3).run(&p).unwrap();
}
