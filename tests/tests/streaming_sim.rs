//! The streaming runner on one seeded thread: crashes, suspensions, checkpoints that fail, another
//! number of workers after each; always the model's answers, each once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_tests::random::seeds;
use whitebeam_tests::streaming::many::simulate_all;
use whitebeam_tests::streaming::sim::simulate;

const ROWS: u64 = 120;

#[test]
fn crashes_and_rescaling_change_no_answer() {
    match simulate_all(seeds(10_000), ROWS, |_, _| ()) {
        Ok(sum) => println!("{sum:?}"),
        Err((seed, difference)) => panic!("WHITEBEAM_SEED={seed}: {difference}"),
    }
}

/// Seeds that found something once, each with what it was.
const FOUND: [(u64, &str); 2] = [
    (
        54_146,
        "a note of a commit that was seen, not synced, and gone when its log had been swept",
    ),
    (
        38_011,
        "a note whose sync had failed, synced again to no effect, and gone with its log",
    ),
];

#[test]
fn what_was_found_once_stays_away() {
    for (seed, what) in FOUND {
        assert_eq!(simulate(seed, ROWS).err(), None, "{what}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..40 {
        assert_eq!(simulate(seed, ROWS), simulate(seed, ROWS), "seed {seed}");
    }
}
