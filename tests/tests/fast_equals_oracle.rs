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
use whitebeam_testkit::oracle::{Strategy, WindowKind};
use whitebeam_tests::grouping::{Drive, GroupingStep};
use whitebeam_tests::judged::{Judged, on_many_keys};
use whitebeam_tests::random::{KeyedAction, choices, keyed_actions, seeds, strategy_for};

/// What a seed stands for.
#[derive(Debug)]
struct Case {
    strategy: Strategy,
    drive: Drive,
    actions: Vec<KeyedAction>,
}

fn case(choose: &mut dyn FnMut(u64) -> u64, path: Path, store: StoreKind) -> Case {
    let strategy = strategy_for(path, choose);
    let mut drive = Drive::on(store);
    drive.general_only = false;
    drive.explicit = choose(4) == 0;
    if !matches!(strategy.window, WindowKind::Sessions { .. }) && choose(2) == 0 {
        drive.batch = 1 + choose(3) as usize;
    }
    let keys = 1 + choose(3);
    let length = 1 + choose(25) as usize;
    let actions = keyed_actions(choose, length, keys);
    Case {
        strategy,
        drive,
        actions,
    }
}

/// Runs a test on every seed; the first failure is told with its seed.
fn on_seeds(
    cases: u64,
    test: impl Fn(&mut dyn FnMut(u64) -> u64, &mut String) -> Result<(), String>,
) {
    for seed in seeds(cases) {
        let mut told = String::new();
        if let Err(difference) = test(&mut choices(seed), &mut told) {
            panic!("WHITEBEAM_SEED={seed}: {difference}\n{told}");
        }
    }
}

fn equal_after_every_step(path: Path, store: StoreKind) {
    on_seeds(2_000, |choose, told| {
        let case = case(choose, path, store);
        *told = format!("{case:?}");
        let mut judged = Judged::new(&case.strategy, case.drive).unwrap();
        for (number, keyed) in case.actions.iter().enumerate() {
            if choose(8) == 0 {
                judged.hold((choose(3) > 0).then(|| choose(60) as i64 - 10));
            }
            if number + 1 == case.actions.len() {
                judged.hold(None);
            }
            let same = judged.act(keyed, |_| true);
            same.map_err(|difference| format!("step {number}: {difference}"))?;
        }
        judged.ends_empty()
    });
}

/// At a random step, two instances go on from a snapshot with a part of the key groups each.
fn equal_after_a_snapshot_is_split(path: Path, store: StoreKind) {
    const GROUPS: u16 = 8;
    on_seeds(1_500, |choose, told| {
        let case = case(choose, path, store);
        *told = format!("{case:?}");
        let cut = choose(case.actions.len() as u64) as usize;
        let border = choose(u64::from(GROUPS) + 1) as u16;
        let mut whole = Judged::new(&case.strategy, case.drive).unwrap();
        let at = |number: usize| move |d: String| format!("step {number}: {d}");
        for (number, keyed) in case.actions[..cut].iter().enumerate() {
            whole.act(keyed, |_| true).map_err(at(number))?;
        }
        for mine in [0..border, border..GROUPS] {
            let mut part = whole.part(mine.clone(), GROUPS).unwrap();
            let is_mine = |key| mine.contains(&GroupingStep::key_group(key, GROUPS));
            for (number, keyed) in case.actions.iter().enumerate().skip(cut) {
                let same = part.act(keyed, is_mine).map_err(at(number));
                same.map_err(|d| format!("groups {mine:?}, cut {cut}: {d}"))?;
            }
            part.ends_empty()?;
        }
        Ok(())
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
