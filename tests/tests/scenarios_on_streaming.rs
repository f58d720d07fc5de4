//! Every recorded scenario, played as a test stream on the streaming runner: any store, any path, any
//! number of workers in any order of their turns, and moved from run to run between its events.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_runner_core::group::GroupOptions;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_tests::random::choices;
use whitebeam_tests::scenarios::recorded;
use whitebeam_tests::streaming::played::{Options, judge};

fn all_options(seeds: std::ops::Range<u64>) -> impl Iterator<Item = Options> {
    let kinds = [StoreKind::Fast, StoreKind::Slow];
    seeds.flat_map(move |seed| {
        kinds.into_iter().flat_map(move |store| {
            [false, true].map(|general_only| Options {
                seed,
                group: GroupOptions {
                    store,
                    general_only,
                },
                parallelism: 1 + seed as usize % 3,
            })
        })
    })
}

#[test]
fn every_scenario_goes_as_recorded() {
    let scenarios = recorded();
    for options in all_options(0..3) {
        for scenario in &scenarios {
            if let Err(difference) = judge(scenario, options, |_| Ok(())) {
                panic!("{options:?}: {difference}");
            }
        }
    }
}

#[test]
fn every_scenario_goes_as_recorded_from_run_to_run() {
    for (n, scenario) in recorded().iter().enumerate() {
        for options in all_options(0..2) {
            let mut choose = choices(n as u64 ^ options.seed << 32);
            let moved = judge(scenario, options, |played| {
                played.move_to(1 + choose(5) as usize)
            });
            if let Err(difference) = moved {
                panic!("{options:?}: {difference}");
            }
        }
    }
}
