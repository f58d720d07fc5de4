//! Each fast path of grouping does what the interpreter of the model does, step by step, and so what
//! the general path does: out-of-order input, late elements, holds, any cut into batches, snapshots
//! in between.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_runner_core::group::Path;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_testkit::oracle::WindowKind;
use whitebeam_tests::cases::{Choose, GroupingCase, on_seeds};
use whitebeam_tests::grouping::Drive;
use whitebeam_tests::judged::on_many_keys;
use whitebeam_tests::random::strategy_for;

fn case(choose: Choose<'_>, path: Path, store: StoreKind) -> GroupingCase {
    let strategy = strategy_for(path, choose);
    let mut drive = Drive::on(store);
    drive.general_only = false;
    let may_be_cut = !matches!(strategy.window, WindowKind::Sessions { .. });
    GroupingCase::draw(strategy, drive, may_be_cut, choose)
}

fn equal_after_every_step(path: Path, store: StoreKind) {
    on_seeds(2_000, |choose, told| {
        let case = case(choose, path, store);
        *told = format!("{case:?}");
        case.is_equal_after_every_step(choose)
    });
}

fn equal_after_a_snapshot_is_split(path: Path, store: StoreKind) {
    on_seeds(1_500, |choose, told| {
        let case = case(choose, path, store);
        *told = format!("{case:?}");
        case.is_equal_after_a_snapshot_is_split(choose)
    });
}

fn equal_when_interrupted(path: Path, store: StoreKind, cases: u64) {
    let interruptions = std::cell::Cell::new(0);
    on_seeds(cases, |choose, told| {
        let mut case = case(choose, path, store);
        case.drive.batch = usize::MAX;
        *told = format!("{case:?}");
        let interrupted = on_many_keys(&case.strategy, case.drive, &case.actions, choose)?;
        interruptions.set(interruptions.get() + interrupted);
        Ok(())
    });
    assert!(interruptions.get() > 0, "no call was interrupted");
}

macro_rules! path_tests {
    ($($name:ident: $path:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn panes_drops_and_watermark_are_the_models() {
                equal_after_every_step($path, StoreKind::Fast);
            }
            #[test]
            fn panes_are_the_models_when_their_emission_is_interrupted() {
                equal_when_interrupted($path, StoreKind::Fast, 40);
            }
            #[test]
            fn interrupted_on_the_slow_store() {
                equal_when_interrupted($path, StoreKind::Slow, 10);
            }
            #[test]
            fn the_same_on_the_slow_store() {
                equal_after_every_step($path, StoreKind::Slow);
            }
            #[test]
            fn restored_parts_go_on_as_the_whole_would() {
                equal_after_a_snapshot_is_split($path, StoreKind::Fast);
            }
            #[test]
            fn restored_parts_on_the_slow_store() {
                equal_after_a_snapshot_is_split($path, StoreKind::Slow);
            }
        }
    )*};
}

path_tests! {
    windowed: Path::Windowed;
    slices: Path::Slices;
    counted: Path::Counted;
}
