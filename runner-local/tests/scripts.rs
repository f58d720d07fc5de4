//! Test streams on the local runner: what arrives when, and what comes of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use whitebeam_runner_local::{LocalRun, LocalRunner, Options};
use whitebeam_sdk::graph::{Graph, NodeId};
use whitebeam_sdk::time::seconds;
use whitebeam_sdk::window::FixedWindows;
use whitebeam_sdk::{PCollection, Pipeline, Timestamp, Window};
use whitebeam_testkit::{Collect, Expect, TestStream, TestStreams, test_pipeline};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn window(start: i64, end: i64) -> Window {
    Window::new(at(start), at(end))
}

/// All numbers of each ten seconds, in order.
fn tens(numbers: PCollection<i64>) -> PCollection<Vec<i64>> {
    numbers
        .window(FixedWindows::of(seconds(10)))
        .map(|n| ((), n))
        .group_by_key()
        .map(|((), mut all)| {
            all.sort();
            all
        })
}

#[test]
fn elements_before_the_watermark_are_on_time_while_their_window_is_open() {
    test_pipeline(|p| {
        let numbers = p.test_stream("9@9 10@10 | wm 9 | 5@5 | wm 10 | 8@9 | wm 20");
        tens(numbers)
            .expect()
            .on_time([vec![5, 9], vec![10]])
            .in_window(window(0, 10))
            .singleton(vec![5, 9])
            .in_window(window(10, 20))
            .singleton(vec![10]);
    })
    .unwrap();
}

#[test]
fn what_comes_too_late_is_dropped_and_reported() {
    let p = Pipeline::new();
    let recorded = tens(p.test_stream("9@9 | wm 10 | 5@5 6@6 | 11@11")).collect();
    let report = LocalRunner::new().run(&p).unwrap();
    assert_eq!(recorded.sorted(), [vec![9], vec![11]]);
    let step = report.step("GroupByKey").unwrap();
    assert_eq!((step.elements, step.dropped.late), (4, 2));
    assert_eq!(step.output_watermark, Timestamp::MAX);
    assert!(
        report.to_string().contains("2 dropped (too late)"),
        "{report}"
    );
}

#[test]
fn scripts_take_turns_in_the_order_of_their_sources() {
    test_pipeline(|p| {
        // The second stream's watermark holds the first one's window open until its own turn.
        let first = p.test_stream("1@1 | wm 10 | | 2@2 | wm inf");
        let second = p.test_stream("3@3 | wm 9 | | | wm inf");
        let both = p.flatten([first, second]);
        tens(both).expect().on_time([vec![1, 2, 3]]);
    })
    .unwrap();
}

#[test]
fn an_empty_turn_is_played_like_any_other() {
    let p = Pipeline::new();
    let first = p.test_stream::<i64>(" | | 1@1").named("First");
    let second = p.test_stream::<i64>("2@2 | | | 3@3").named("Second");
    let recorded = p.flatten([first, second]).collect();
    let mut run = LocalRun::new(&p.graph(), Options::default()).unwrap();
    let mut seen = Vec::new();
    while run.play().unwrap() {
        let report = run.report();
        seen.push(["First", "Second"].map(|path| report.step(path).unwrap().elements));
    }
    assert_eq!(seen, [[0, 1], [0, 1], [1, 1], [1, 2]]);
    run.run_to_end().unwrap();
    run.commit().unwrap();
    assert_eq!(recorded.sorted(), [1, 2, 3]);
}

#[test]
fn the_seed_shuffles_a_scripted_bundle_and_no_two_bundles() {
    let orders: BTreeSet<Vec<i64>> = (0..64)
        .map(|seed| {
            let p = Pipeline::new();
            let stream = p.test_stream("1@1 2@1 3@1 4@1 5@1 6@1 | 7@1 8@1");
            let recorded = stream.collect();
            LocalRunner::new().seed(seed).run(&p).unwrap();
            recorded.values()
        })
        .collect();
    assert!(orders.len() > 8, "{orders:?}");
    assert!(orders.contains(&vec![1, 2, 3, 4, 5, 6, 7, 8]), "{orders:?}");
    for order in &orders {
        assert!(order[..6].iter().all(|n| *n <= 6), "{order:?}");
        assert!(order[6..].iter().all(|n| *n > 6), "{order:?}");
    }
}

#[test]
fn ordinary_inputs_are_read_before_a_script_begins() {
    test_pipeline(|p| {
        let read = p.create_timestamped([(4, at(4))]);
        let played = p.test_stream("1@1 | wm 10 | wm inf");
        tens(p.flatten([read, played]))
            .expect()
            .on_time([vec![1, 4]]);
    })
    .unwrap();
}

#[test]
fn a_watermark_that_moves_back_fails_the_run() {
    let p = Pipeline::new();
    let _ = p.test_stream::<i64>("wm 10 | wm 9").collect();
    let e = LocalRunner::new().run(&p).unwrap_err();
    assert_eq!(e.step(), Some("Read"));
    assert!(e.message().contains("cannot move back"), "{e}");
}

fn node(graph: &Graph, path: &str) -> NodeId {
    graph.nodes().iter().find(|n| n.path == path).unwrap().id
}

#[test]
fn a_run_goes_on_in_another_run_with_other_copies_after_every_event() {
    let events = "1@1 11@11 | wm 5 | 2@2 | wm 10 | 3@3 12@12 | wm 20 | 21@21 | wm inf";
    let keyed = |p: &Pipeline| {
        let stream: TestStream<i64> = events.parse().unwrap();
        p.read(stream)
            .window(FixedWindows::of(seconds(10)))
            .map(|n| (n % 3, n))
            .group_by_key()
            .map(|(key, mut all)| {
                all.sort();
                (key, all)
            })
            .collect()
    };
    let expected = {
        let p = Pipeline::new();
        let recorded = keyed(&p);
        LocalRunner::new().run(&p).unwrap();
        recorded.sorted()
    };
    assert_eq!(expected.len(), 5);
    for crash_after in 0..8 {
        for (before, after) in [(1, 1), (1, 3), (2, 5), (4, 1)] {
            let p = Pipeline::new();
            let recorded = keyed(&p);
            let graph = p.graph();
            let options = |copies, seed| Options {
                copies,
                seed,
                ..Options::default()
            };
            let mut run = LocalRun::new(&graph, options(before, 1)).unwrap();
            for _ in 0..crash_after {
                run.play().unwrap();
            }
            let snapshot = run.snapshot().unwrap();
            // What happens between the snapshot and the crash must leave no trace.
            run.play().unwrap();
            drop(run);
            let mut run = LocalRun::restore(&graph, options(after, 2), &snapshot).unwrap();
            run.run_to_end().unwrap();
            run.commit().unwrap();
            assert_eq!(
                recorded.sorted(),
                expected,
                "{crash_after} {before} {after}"
            );
        }
    }
}

#[test]
fn a_run_can_be_looked_at_after_each_event() {
    let p = Pipeline::new();
    let _ = tens(p.test_stream("5@5 | wm 8 | wm 12 | 3@3")).collect();
    let graph = p.graph();
    let group = node(&graph, "GroupByKey");
    let mut run = LocalRun::new(&graph, Options::default()).unwrap();
    let mut seen = Vec::new();
    while run.play().unwrap() {
        let watermark = run.output_watermark(group).unwrap();
        seen.push((watermark, run.dropped(group).late));
    }
    let min = Timestamp::MIN;
    assert_eq!(seen, [(min, 0), (at(8), 0), (at(12), 0), (at(12), 1)]);
    run.advance(seconds(3)).unwrap();
    assert_eq!(run.now(), Timestamp::from_micros(0) + seconds(3));
    run.abort();
}
