//! Topics to topics on the model of Kafka: whatever crashes and whatever the cluster does, nothing
//! is lost that must not be lost, nothing is there twice that must not be, and the order of each key
//! is kept.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use whitebeam_io::kafka::SINK_POINTS;
use whitebeam_runner_streaming::mutant::{Mutant, switch};
use whitebeam_runner_streaming::{POINTS, checkpoint};
use whitebeam_testkit::sim::{How, Machine, Strike};
use whitebeam_tests::kafka_sim::{FAULTS, Told, simulate, simulate_struck};
use whitebeam_tests::random::seeds;

fn simulated(seed: u64) -> Told {
    simulate(seed).unwrap_or_else(|e| panic!("WHITEBEAM_SEED={seed}: {e}"))
}

#[test]
fn everything_comes_out_as_promised_whatever_goes_wrong() {
    let mut sum = Told::default();
    let seeds = seeds(10_000);
    for seed in seeds.clone() {
        let told = simulated(seed);
        assert!(told.faults() >= FAULTS, "WHITEBEAM_SEED={seed}: {told:?}");
        sum.add(told);
    }
    let count = seeds.end - seeds.start;
    eprintln!("{count} seeds: {sum:?}");
    // Ends that were lost were not just unlucky seeds.
    assert!(sum.repaired > count / 5 || count < 1_000, "{sum:?}");
}

#[test]
fn a_seed_runs_the_same_way_twice() {
    for seed in 0..40 {
        assert_eq!(simulated(seed), simulated(seed), "seed {seed}");
    }
}

/// A pin is set by a person, and no run asks for one.
const NOT_ON_THE_WAY: [&str; 1] = ["save.pinned"];

/// After a crash there nothing is left to do: the next start says so.
const AT_THE_END: [&str; 1] = ["stop.final"];

/// Every point that a run can meet.
fn labels() -> BTreeSet<&'static str> {
    let all = POINTS.iter().chain(checkpoint::POINTS).chain(SINK_POINTS);
    let all = all.copied();
    all.filter(|label| !NOT_ON_THE_WAY.contains(label))
        .collect()
}

fn at(label: &'static str, nth: u64, how: How) -> Strike {
    Strike::Point { label, nth, how }
}

const HOW: [How; 2] = [How::Kill, How::Power];

/// By turns.
fn how(seed: u64) -> How {
    HOW[(seed % 2) as usize]
}

/// As many seeds as it takes to meet a rare point, and no more: whether all of `strikes` were met in
/// `enough` runs.
fn met(enough: usize, strikes: impl Fn(u64) -> Vec<Strike>) -> bool {
    let meets = |seed: &u64| {
        let strikes = strikes(*seed);
        let machine = Machine::new(*seed);
        let told = simulate_struck(&machine, *seed, &strikes);
        let told = told.unwrap_or_else(|e| panic!("WHITEBEAM_SEED={seed} {strikes:?}: {e}"));
        told.struck as usize == strikes.len()
    };
    seeds(2_000).filter(meets).take(enough).count() == enough
}

#[test]
fn a_crash_at_any_point_once_and_twice_changes_no_answer() {
    for label in labels() {
        let once = |seed| vec![at(label, 1 + seed / 2 % 3, how(seed))];
        assert!(met(4, once), "{label}");
        if !AT_THE_END.contains(&label) {
            let twice = |seed| [once(seed), vec![at(label, 1, how(seed / 2))]].concat();
            assert!(met(2, twice), "{label} twice");
        }
    }
}

#[test]
fn a_crash_in_the_recovery_from_a_crash_at_any_point_changes_no_answer() {
    for label in labels().into_iter().filter(|l| !AT_THE_END.contains(l)) {
        for within in [
            "rec.gen",
            "sink.init",
            "sink.marker_read",
            "sink.marker_sent",
            "sink.commit_sent",
            "rec.loaded",
        ] {
            let both = |seed| {
                let first = at(label, 1 + seed / 2 % 3, how(seed));
                vec![first, at(within, 1, how(seed / 2))]
            };
            assert!(met(1, both), "{label}, then {within}");
        }
    }
}

#[test]
fn every_point_is_on_the_way() {
    let mut hits: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..40 {
        let machine = Machine::new(seed);
        let never = Strike::Operation {
            nth: 1_000_000,
            how: How::Kill,
        };
        simulate_struck(&machine, seed, &[never]).unwrap();
        for (label, n) in machine.hits() {
            *hits.entry(label).or_default() += n;
        }
    }
    let met: BTreeSet<&str> = hits.keys().copied().collect();
    assert_eq!(met, labels());
}

/// Seeds that a mistake is given to show itself.
const TEETH: u64 = 2_000;

#[test]
fn a_mistake_in_the_runner_is_noticed() {
    for mutant in [
        Mutant::CommitBeforePublication,
        Mutant::NoAlignment,
        Mutant::BarrierOvertakes,
    ] {
        switch(Some(mutant));
        let noticed = (0..TEETH).find(|seed| simulate(*seed).is_err());
        switch(None);
        let seed = noticed.unwrap_or_else(|| panic!("{mutant:?} is not noticed"));
        // The same seed without the mistake.
        simulated(seed);
    }
}
