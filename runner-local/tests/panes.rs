//! Panes on the local runner: early, on time and late, by watermark, count and processing time; and
//! pipelines whose answer no seed changes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_runner_local::LocalRunner;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_sdk::time::seconds;
use whitebeam_sdk::trigger::{AfterPane, AfterProcessingTime, AfterWatermark, repeatedly};
use whitebeam_sdk::window::{FixedWindows, GlobalWindows, Sessions, SlidingWindows, Windowing};
use whitebeam_sdk::{PCollection, Pipeline, Result, Timestamp, Window};
use whitebeam_testkit::{Collect, Expect, TestStreams, test_pipeline};

fn sums(numbers: PCollection<i64>, windowing: Windowing) -> PCollection<i64> {
    let keyed = numbers.window(windowing).map(|n| ("all".to_string(), n));
    keyed.sum_per_key().map(|(_, sum)| sum)
}

fn early_and_late() -> Windowing {
    let trigger = AfterWatermark::past_end_of_window()
        .early(AfterProcessingTime::past_first_element().plus(seconds(10)))
        .late(AfterPane::element_count(1));
    FixedWindows::of(seconds(60))
        .trigger(trigger)
        .allowed_lateness(seconds(30))
        .accumulating()
}

#[test]
fn a_late_element_within_lateness_corrects_its_window() -> Result<()> {
    test_pipeline(|p| {
        let numbers = p.test_stream("500@00:00:05 | wm 00:01 | 250@00:00:59 | wm inf");
        sums(numbers, early_and_late())
            .expect()
            .on_time([500])
            .late([750])
            .contains_in_any_order([500, 750]);
    })
}

#[test]
fn processing_time_fires_early_panes_strictly_after_the_delay() -> Result<()> {
    test_pipeline(|p| {
        let numbers = p.test_stream("1@1 | +10s | 2@2 | +1s | 4@4 | +11s | wm 61 | wm inf");
        sums(numbers, early_and_late())
            .expect()
            .early([3, 7])
            .on_time([7])
            .late([])
            .final_panes([]);
    })
}

#[test]
fn an_element_behind_the_lateness_changes_nothing() -> Result<()> {
    test_pipeline(|p| {
        let numbers = p.test_stream("1@1 | wm 60 | wm 90 | 2@2 | wm inf");
        sums(numbers, early_and_late())
            .expect()
            .on_time([1])
            .late([]);
    })
}

#[test]
fn counts_fire_panes_of_whole_bundles() -> Result<()> {
    test_pipeline(|p| {
        let global = GlobalWindows::new()
            .trigger(repeatedly(AfterPane::element_count(2)))
            .discarding();
        let numbers = p.test_stream("1@1 2@2 3@3 | 4@4 | 5@5 | 6@6 | wm inf");
        sums(numbers, global).expect().early([6, 9]).on_time([6]);
    })
}

#[test]
fn sessions_grow_together() -> Result<()> {
    test_pipeline(|p| {
        let numbers = p.test_stream("1@1 12@12 | 8@8 | 30@30 | wm 40 | wm inf");
        let at = Timestamp::from_secs;
        sums(numbers, Sessions::with_gap(seconds(10)))
            .expect()
            .contains_in_any_order([21, 30])
            .in_window(Window::new(at(1), at(22)))
            .on_time([21]);
    })
}

type Build = fn(PCollection<i64>) -> PCollection<(i64, i64)>;

/// Bounded pipelines over the numbers 0..2000, a second apart, as sorted rows of numbers.
fn pipelines() -> Vec<(&'static str, Build)> {
    vec![
        ("element by element", |c| {
            let pairs = c.filter(|n| n % 3 == 0).flat_map(|n| vec![(n, 1), (n, 2)]);
            pairs.map(|(n, k)| (n * k, k))
        }),
        ("sums in fixed windows", |c| {
            let windowed = c.window(FixedWindows::of(seconds(50)));
            windowed.map(|n| (n % 4, n)).sum_per_key()
        }),
        ("sums in sliding windows", |c| {
            let sliding = SlidingWindows::of(seconds(60)).every(seconds(20));
            c.window(sliding).map(|n| (n % 4, n)).sum_per_key()
        }),
        ("sessions", |c| {
            let gaps = c.filter(|n| n % 100 < 40);
            let windowed = gaps.window(Sessions::with_gap(seconds(5)));
            windowed.map(|n| (n % 4, n)).sum_per_key()
        }),
        ("a grouping of a grouping", |c| {
            let windowed = c.window(FixedWindows::of(seconds(50)));
            let sums = windowed.map(|n| (n % 7, n)).sum_per_key();
            sums.map(|(key, sum)| (key % 2, sum)).sum_per_key()
        }),
        ("two ways, flattened", |c| {
            let pipeline = c.pipeline().clone();
            let odd = c.clone().filter(|n| n % 2 == 1).map(|n| (1, n));
            let even = c.filter(|n| n % 2 == 0).map(|n| (0, n));
            pipeline.flatten([odd, even]).sum_per_key()
        }),
    ]
}

#[test]
fn no_seed_store_path_or_number_of_copies_changes_an_answer() {
    for (name, pipeline) in pipelines() {
        let mut expected = None;
        for seed in 0..50_u64 {
            let p = Pipeline::new();
            let numbers = p.create_timestamped((0..2_000).map(|n| (n, Timestamp::from_secs(n))));
            let recorded = pipeline(numbers).collect();
            let store = [StoreKind::Fast, StoreKind::Slow][seed as usize % 2];
            let runner = LocalRunner::new()
                .seed(seed)
                .store(store)
                .general_only(seed % 4 > 1)
                .copies(1 + seed as usize % 3);
            runner.run(&p).unwrap();
            let answer = recorded.sorted();
            assert!(!answer.is_empty());
            assert_eq!(
                expected.get_or_insert(answer.clone()),
                &answer,
                "{name}, seed {seed}"
            );
        }
    }
}
