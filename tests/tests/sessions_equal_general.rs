//! The fast path of sessions does what the general path and the interpreter of the model do, step
//! by step: several keys, elements in any order and late ones, watermarks that leap, any cut into
//! batches, snapshots in between, both stores.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_runner_core::group::{GroupOptions, Path, path};
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_testkit::oracle::{
    Accumulation, Closing, OnTime, Strategy, TimestampCombiner, Trigger, WindowKind,
};
use whitebeam_tests::cases::{Choose, GroupingCase, on_seeds};
use whitebeam_tests::engine::{Element, Engine, Happened};
use whitebeam_tests::grouping::{Clock, Drive, GroupingStep};
use whitebeam_tests::random::choices;
use whitebeam_tests::translate;

fn strategy(choose: Choose<'_>) -> Strategy {
    let late = Some(Box::new(Trigger::Count(1)));
    let triggers = [
        Trigger::Default,
        Trigger::Never,
        Trigger::EndOfWindow,
        Trigger::AfterWatermark { early: None, late },
    ];
    let strategy = Strategy {
        window: WindowKind::Sessions {
            gap: [1, 2, 5, 10, 40][choose(5) as usize],
        },
        trigger: triggers[choose(4) as usize].clone(),
        accumulation: [Accumulation::Discarding, Accumulation::Accumulating][choose(2) as usize],
        allowed_lateness: 0,
        timestamp_combiner: TimestampCombiner::EndOfWindow,
        closing: Closing::FireIfNonEmpty,
        on_time: [OnTime::FireAlways, OnTime::FireIfNonEmpty][choose(2) as usize],
    };
    let chosen = path(&translate::strategy(&strategy), &GroupOptions::default());
    assert_eq!(chosen, Path::Sessions);
    strategy
}

fn case(choose: Choose<'_>, store: StoreKind) -> GroupingCase {
    let strategy = strategy(choose);
    let mut drive = Drive::on(store);
    drive.general_only = false;
    GroupingCase::draw(strategy, drive, true, choose)
}

fn equal_after_every_step(store: StoreKind) {
    on_seeds(2_000, |choose, told| {
        let case = case(choose, store);
        *told = format!("{case:?}");
        case.is_equal_after_every_step(choose)
    });
}

fn equal_after_a_snapshot_is_split(store: StoreKind) {
    on_seeds(1_000, |choose, told| {
        let case = case(choose, store);
        *told = format!("{case:?}");
        case.is_equal_after_a_snapshot_is_split(choose)
    });
}

/// What a step brought about, the order of panes set aside.
fn seen(step: &mut GroupingStep, mut happened: Happened) -> String {
    happened.panes.sort_unstable();
    let (panes, dropped) = (happened.panes, happened.dropped);
    let late = std::mem::take(&mut step.late);
    format!(
        "{panes:?} {dropped:?} {late:?} {:?}",
        step.output_watermark()
    )
}

/// Bundles of many keys, so that tables grow and shrink and panes need several calls.
fn equal_with_many_keys(store: StoreKind, cases: u64, most: u64) {
    on_seeds(cases, |choose, _| {
        let case = case(choose, store);
        let windowing = translate::strategy(&case.strategy);
        let drive = Drive {
            batch: 1 + choose(most) as usize,
            ..case.drive
        };
        let general_only = true;
        let general = Drive {
            general_only,
            ..drive
        };
        let mut fast = GroupingStep::new(&windowing, drive).unwrap();
        let mut general = GroupingStep::new(&windowing, general).unwrap();
        let (mut now, keys) = (0, 1 + choose(most));
        for number in 0..12 {
            let size = choose(most);
            let elements = (0..size).map(|value| Element {
                key: choose(keys),
                timestamp: Timestamp::from_micros(now + choose(60) as i64 - 15),
                value: value as i64,
            });
            let elements: Vec<_> = elements.collect();
            let expected = general.bundle(&elements).unwrap();
            let happened = fast.bundle(&elements).unwrap();
            let (expected, happened) = (seen(&mut general, expected), seen(&mut fast, happened));
            if expected != happened {
                return Err(format!("bundle {number}: {expected} but {happened}"));
            }
            now += choose(30) as i64;
            let to = if number == 11 {
                Timestamp::MAX
            } else {
                Timestamp::from_micros(now)
            };
            let expected = general.watermark(to).unwrap();
            let happened = fast.watermark(to).unwrap();
            let (expected, happened) = (seen(&mut general, expected), seen(&mut fast, happened));
            if expected != happened {
                return Err(format!("watermark {number}: {expected} but {happened}"));
            }
        }
        match fast.snapshot(8).unwrap().keyed.len() {
            0 => Ok(()),
            left => Err(format!("{left} sessions are left at the end of time")),
        }
    });
}

/// A snapshot between two calls of one emission loses and repeats nothing.
fn equal_across_an_open_emission(store: StoreKind) {
    let mut choose = choices(0);
    let windowing = translate::strategy(&strategy(&mut choose));
    let drive = Drive {
        general_only: false,
        ..Drive::on(store)
    };
    let mut step = GroupingStep::new(&windowing, drive).unwrap();
    let elements = (0..2_000).map(|key| Element {
        key,
        timestamp: Timestamp::from_micros(key as i64 % 7),
        value: 1,
    });
    step.bundle(&elements.collect::<Vec<_>>()).unwrap();
    let to = Timestamp::from_micros(1_000);
    let (first, _) = step.move_once(Clock::Watermark(to)).unwrap();
    let snapshot = step.snapshot(8).unwrap();
    let held = step.output_watermark();
    assert!(held < to, "panes are not out, and nothing holds");
    assert!(first.panes.len() < 2_000, "one call was enough");
    let mut restored = step.restored(&[snapshot], 0..8).unwrap();
    assert_eq!(restored.output_watermark(), held);
    let rest = restored.watermark(to).unwrap();
    let mut keys: Vec<u64> = first
        .panes
        .iter()
        .chain(&rest.panes)
        .map(|p| p.key)
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..2_000).collect::<Vec<_>>());
}

#[test]
fn panes_drops_and_watermark_are_the_models() {
    equal_after_every_step(StoreKind::Fast);
    equal_after_every_step(StoreKind::Slow);
}

#[test]
fn restored_parts_go_on_as_the_whole_would() {
    equal_after_a_snapshot_is_split(StoreKind::Fast);
    equal_after_a_snapshot_is_split(StoreKind::Slow);
}

#[test]
fn many_keys_are_as_on_the_general_path() {
    equal_with_many_keys(StoreKind::Fast, 60, 1_500);
    equal_with_many_keys(StoreKind::Fast, 300, 40);
    equal_with_many_keys(StoreKind::Slow, 8, 700);
}

#[test]
fn a_snapshot_may_come_between_two_calls() {
    equal_across_an_open_emission(StoreKind::Fast);
    equal_across_an_open_emission(StoreKind::Slow);
}
