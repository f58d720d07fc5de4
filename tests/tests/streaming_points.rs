//! Every labelled crash point, forced: once, twice in a row, in the recovery from a crash at any
//! other, and after any other; by a kill and by a power cut.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use whitebeam_runner_streaming::{POINTS, checkpoint};
use whitebeam_testkit::sim::{How, Machine, Strike};
use whitebeam_tests::random::seeds;
use whitebeam_tests::streaming::sim::simulate_on;

const ROWS: u64 = 60;

/// A pin is set by a person, and no run asks for one.
const NOT_ON_THE_WAY: [&str; 1] = ["save.pinned"];

/// After a crash there nothing is left to do: the next start says so.
const AT_THE_END: [&str; 1] = ["stop.final"];

/// Every point that a run can meet.
fn labels() -> Vec<&'static str> {
    let all = POINTS.iter().chain(checkpoint::POINTS).copied();
    all.filter(|label| !NOT_ON_THE_WAY.contains(label))
        .collect()
}

fn at(label: &'static str, nth: u64, how: How) -> Strike {
    Strike::Point { label, nth, how }
}

/// Crashes at these places, one in each run after the other; how many of them were met.
fn struck(seed: u64, strikes: &[Strike]) -> u32 {
    match simulate_on(&Machine::new(seed), ROWS, strikes) {
        Ok(told) => told.struck,
        Err(difference) => panic!("WHITEBEAM_SEED={seed} {strikes:?}: {difference}"),
    }
}

const HOW: [How; 2] = [How::Kill, How::Power];

/// As many seeds as it takes to meet a rare point, and no more: whether all of `strikes` were met in
/// `enough` runs.
fn met(enough: usize, strikes: impl Fn(u64) -> Vec<Strike>) -> bool {
    let meets = |seed: &u64| {
        let strikes = strikes(*seed);
        struck(*seed, &strikes) as usize == strikes.len()
    };
    seeds(600).filter(meets).take(enough).count() == enough
}

/// By turns.
fn how(seed: u64) -> How {
    HOW[(seed % 2) as usize]
}

#[test]
fn a_crash_at_any_point_once_changes_no_answer() {
    for label in labels() {
        let once = |seed| vec![at(label, 1 + seed / 2 % 3, how(seed))];
        assert!(met(8, once), "{label}");
    }
}

#[test]
fn a_crash_at_any_point_twice_in_a_row_changes_no_answer() {
    for label in labels() {
        let twice = |seed| {
            let first = at(label, 1 + seed / 2 % 3, how(seed));
            vec![first, at(label, 1, how(seed / 2))]
        };
        if AT_THE_END.contains(&label) {
            assert!(!met(1, twice), "{label}");
        } else {
            assert!(met(4, twice), "{label}");
        }
    }
}

#[test]
fn a_crash_in_the_recovery_from_a_crash_at_any_point_changes_no_answer() {
    for label in labels().into_iter().filter(|l| !AT_THE_END.contains(l)) {
        for within in [
            "claim.tmp",
            "claim.linked",
            "rec.gen",
            "rec.chosen",
            "rec.loaded",
        ] {
            let both = |seed| {
                let first = at(label, 1 + seed / 2 % 3, how(seed));
                vec![
                    first,
                    at(within, 1, how(seed / 2)),
                    at(within, 1, how(seed)),
                ]
            };
            assert!(met(2, both), "{label}, then {within}");
        }
    }
}

#[test]
fn crashes_at_any_two_points_one_after_the_other_change_no_answer() {
    for first in labels().into_iter().filter(|l| !AT_THE_END.contains(l)) {
        for second in labels() {
            let both = |seed| {
                let first = at(first, 1 + seed % 3, how(seed));
                vec![first, at(second, 1, how(seed / 2))]
            };
            assert!(met(1, both), "{first}, then {second}");
        }
    }
}

#[test]
fn every_point_is_on_the_way() {
    let mut hits: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..40 {
        let machine = Machine::new(seed);
        simulate_on(
            &machine,
            ROWS,
            &[Strike::Operation {
                nth: 1_000_000,
                how: How::Kill,
            }],
        )
        .unwrap();
        for (label, n) in machine.hits() {
            *hits.entry(label).or_default() += n;
        }
    }
    let known: BTreeSet<&str> = labels().into_iter().collect();
    let met: BTreeSet<&str> = hits.keys().copied().collect();
    assert_eq!(met, known);
}
