//! Every labelled crash point, forced: once, twice in a row, and again in the recovery from itself,
//! by a kill and by a power cut.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use whitebeam_runner_streaming::{POINTS, checkpoint};
use whitebeam_testkit::sim::{How, Machine, Strike};
use whitebeam_tests::random::seeds;
use whitebeam_tests::streaming::sim::simulate_on;

const ROWS: u64 = 60;

/// A pin is set by a person, and no run asks for one.
const NOT_ON_THE_WAY: [&str; 1] = ["save.pinned"];

#[test]
fn a_crash_at_any_point_changes_no_answer() {
    let mut struck: BTreeMap<&str, u32> = BTreeMap::new();
    let labels: Vec<_> = POINTS.iter().chain(checkpoint::POINTS).collect();
    for seed in seeds(24) {
        for &label in labels.iter().copied() {
            let how = [How::Kill, How::Power][(seed % 2) as usize];
            let at = |nth| Strike::Point { label, nth, how };
            let strikes: &[Strike] = match seed / 2 % 4 {
                0 => &[at(1)],
                1 => &[at(1), at(1)],
                2 => &[at(2), at(1), at(1)],
                _ => &[at(3), at(2), at(5)],
            };
            let machine = Machine::new(seed);
            match simulate_on(&machine, ROWS, strikes) {
                Ok(told) => *struck.entry(label).or_default() += told.struck,
                Err(difference) => panic!("WHITEBEAM_SEED={seed} {strikes:?}: {difference}"),
            }
        }
    }
    for label in labels {
        let n = struck[label];
        assert_eq!(
            n > 0,
            !NOT_ON_THE_WAY.contains(label),
            "{label} struck {n} times"
        );
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
    let known: Vec<&str> = POINTS.iter().chain(checkpoint::POINTS).copied().collect();
    for label in &known {
        let is_hit = hits.contains_key(label);
        assert_eq!(is_hit, !NOT_ON_THE_WAY.contains(label), "{label}: {hits:?}");
    }
    for label in hits.keys() {
        assert!(known.contains(label), "{label} is on no list");
    }
}
