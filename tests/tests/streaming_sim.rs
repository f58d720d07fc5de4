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

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..40 {
        assert_eq!(simulate(seed, ROWS), simulate(seed, ROWS), "seed {seed}");
    }
}
