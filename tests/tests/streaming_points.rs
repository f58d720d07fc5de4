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

#[test]
fn a_crash_at_any_point_once_changes_no_answer() {
    for label in labels() {
        let crashes = seeds(30).map(|seed| {
            let nth = 1 + seed / 2 % 3;
            struck(seed, &[at(label, nth, HOW[(seed % 2) as usize])])
        });
        let n: u32 = crashes.sum();
        assert!(n >= 4, "{label}: struck {n} times");
    }
}

#[test]
fn a_crash_at_any_point_twice_in_a_row_changes_no_answer() {
    for label in labels() {
        let crashes = seeds(24).filter(|&seed| {
            let how = HOW[(seed % 2) as usize];
            struck(seed, &[at(label, 1 + seed / 2 % 3, how), at(label, 1, how)]) == 2
        });
        let n = crashes.count();
        let is_possible = !AT_THE_END.contains(&label);
        assert_eq!(n >= 2, is_possible, "{label}: struck twice in {n} runs");
    }
}

#[test]
fn a_crash_in_the_recovery_from_a_crash_at_any_point_changes_no_answer() {
    let recovery = [
        "claim.tmp",
        "claim.linked",
        "rec.gen",
        "rec.chosen",
        "rec.loaded",
    ];
    for label in labels().into_iter().filter(|l| !AT_THE_END.contains(l)) {
        for (within, seed) in recovery.into_iter().zip(seeds(24).step_by(4)) {
            let crashes = (seed..seed + 24).filter(|&seed| {
                let how = HOW[(seed % 2) as usize];
                let strikes = [
                    at(label, 1 + seed / 2 % 3, how),
                    at(within, 1, how),
                    at(within, 1, HOW[(seed / 2 % 2) as usize]),
                ];
                struck(seed, &strikes) >= 2
            });
            assert!(crashes.take(2).count() == 2, "{label}, then {within}");
        }
    }
}

#[test]
fn crashes_at_any_two_points_one_after_the_other_change_no_answer() {
    let (mut unmet, mut pairs) = (Vec::new(), 0);
    for first in labels().into_iter().filter(|l| !AT_THE_END.contains(l)) {
        for second in labels() {
            pairs += 1;
            let meets_both = |seed: u64| {
                let how = [HOW[(seed % 2) as usize], HOW[(seed / 2 % 2) as usize]];
                let strikes = [at(first, 1 + seed % 3, how[0]), at(second, 1, how[1])];
                struck(pairs * 31 + seed, &strikes) == 2
            };
            if !(0..200).any(meets_both) {
                unmet.push((first, second));
            }
        }
    }
    assert!(
        unmet.len() as u64 <= pairs / 20,
        "{unmet:?} of {pairs} pairs"
    );
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
