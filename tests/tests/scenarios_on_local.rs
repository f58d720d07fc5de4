//! Every recorded scenario, played as a test stream on the local runner: any store, any path, any
//! seed, any number of copies, and moved from run to run between its events.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_runner_local::Options;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_tests::local::judge;
use whitebeam_tests::random::choices;
use whitebeam_tests::scenarios::recorded;

fn all_options(seeds: std::ops::Range<u64>) -> impl Iterator<Item = Options> {
    let kinds = [StoreKind::Fast, StoreKind::Slow];
    seeds.flat_map(move |seed| {
        kinds.into_iter().flat_map(move |store| {
            [false, true].map(|general_only| Options {
                seed,
                store,
                general_only,
                copies: 1 + seed as usize % 3,
                ..Options::default()
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
        for mut options in all_options(0..2) {
            let mut choose = choices(n as u64 ^ options.seed << 32);
            let moved = judge(scenario, options, |local| {
                options.copies = 1 + choose(5) as usize;
                options.seed = choose(100);
                local.move_to(options)
            });
            if let Err(difference) = moved {
                panic!("{options:?}: {difference}");
            }
        }
    }
}
