//! Test streams through the streaming runner as users start it, against the local runner.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_runner_local::LocalRunner;
use whitebeam_runner_streaming::{End, StreamingRunner};
use whitebeam_sdk::prelude::*;
use whitebeam_sdk::transform::Reified;
use whitebeam_testkit::{Recorded, TestStreams};

const SCRIPTS: [&str; 5] = [
    "",
    "1@1 2@5 3@61 | wm 60 | 4@7 | +5s | wm inf",
    "1@1 | +10s | 2@2 | +11s | 3@3 | wm 59 | 4@4 | wm 100 | 5@5 | wm 1h | 6@6",
    "+1h | 1@1",
    "1@1 1@100 | wm 130 | 1@2 | wm 140 | 1@3 | wm inf",
];

type Panes = Recorded<(i64, Vec<i64>)>;

fn pipeline(script: &str) -> (Pipeline, Panes) {
    let p = Pipeline::new();
    let windows = FixedWindows::of(minutes(1))
        .trigger(
            AfterWatermark::past_end_of_window()
                .early(AfterProcessingTime::past_first_element().plus(seconds(10)))
                .late(AfterPane::element_count(1)),
        )
        .allowed_lateness(minutes(1))
        .discarding();
    let numbers = p.test_stream::<i64>(script).map(|n| (n % 2, n));
    let lists = numbers.window(windows).group_by_key();
    let panes = whitebeam_testkit::Collect::collect(lists);
    (p, panes)
}

fn sorted(panes: &Panes) -> Vec<String> {
    let mut rows: Vec<String> = panes
        .rows()
        .into_iter()
        .map(|mut row: Reified<(i64, Vec<i64>)>| {
            row.value.1.sort_unstable();
            format!("{row:?}")
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn a_script_gives_the_same_panes_as_on_the_local_runner() {
    for script in SCRIPTS {
        let (p, expected) = pipeline(script);
        LocalRunner::new().run(&p).unwrap();
        for workers in [1, 3] {
            let (p, seen) = pipeline(script);
            let report = StreamingRunner::new().parallelism(workers).run(&p).unwrap();
            assert_eq!(report.end, End::Drained);
            assert_eq!(sorted(&seen), sorted(&expected), "`{script}`");
        }
    }
}

#[test]
fn a_script_that_means_nothing_is_an_error_of_its_step() {
    for (script, says) in [
        ("wm 10 | wm 5", "cannot move back"),
        ("+0s", "cannot move on by"),
    ] {
        let (p, _) = pipeline(script);
        let error = StreamingRunner::new().run(&p).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}
