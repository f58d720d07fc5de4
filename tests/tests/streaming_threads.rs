//! The streaming runner on real threads gives the model's answers, whatever the number of workers
//! and however little may be under way; so do batch and local, on the same cases.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_runner_batch::BatchRunner;
use whitebeam_runner_local::LocalRunner;
use whitebeam_runner_streaming::{End, Limits, Settings, StreamingRunner};
use whitebeam_sdk::graph::Graph;
use whitebeam_tests::random::{choices, seeds};
use whitebeam_tests::streaming::case::Case;
use whitebeam_tests::streaming::judge::difference;

fn settings(choose: &mut dyn FnMut(u64) -> u64) -> Settings {
    let tight = Limits {
        exchange_bytes: 1 << choose(14),
        send_bytes: 1 << choose(10),
        batches: 1 + choose(4) as usize,
        quanta: 1 + choose(3) as usize,
        poll: Some(1 + choose(5) as usize),
        ..Limits::default()
    };
    Settings {
        parallelism: 1 + choose(8) as usize,
        interval: std::time::Duration::from_millis(1 + choose(20)),
        limits: if choose(3) == 0 {
            Limits::default()
        } else {
            tight
        },
        ..Settings::default()
    }
}

fn judged(cases: u64, run: impl Fn(&Graph, &mut dyn FnMut(u64) -> u64)) {
    for seed in seeds(cases) {
        let mut choose = choices(seed);
        let case = Case::draw(&mut choose, 400);
        let (graph, seen) = case.build().unwrap();
        run(&graph, &mut choose);
        if let Some(difference) = difference(&case, &seen) {
            panic!("WHITEBEAM_SEED={seed}: {difference}\n{case:?}");
        }
    }
}

#[test]
fn any_number_of_workers_gives_the_models_answer() {
    judged(60, |graph, choose| {
        let runner = StreamingRunner::with(settings(choose));
        let report = runner.run_graph(graph).unwrap();
        assert_eq!(report.end, End::Drained);
    });
}

#[test]
fn the_batch_runner_gives_the_models_answer() {
    judged(60, |graph, choose| {
        let runner = BatchRunner::new().parallelism(1 + choose(4) as usize);
        runner.run_graph(graph).unwrap();
    });
}

#[test]
fn the_local_runner_gives_the_models_answer() {
    judged(60, |graph, choose| {
        LocalRunner::new()
            .seed(choose(1_000))
            .run_graph(graph)
            .unwrap();
    });
}
