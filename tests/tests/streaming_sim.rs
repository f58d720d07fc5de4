//! The streaming runner on one seeded thread: crashes, suspensions, checkpoints that fail, another
//! number of workers after each; always the model's answers, each once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_tests::random::seeds;
use whitebeam_tests::streaming::sim::{Told, simulate};

const ROWS: u64 = 120;

#[test]
fn crashes_and_rescaling_change_no_answer() {
    let mut sum = Told::default();
    for seed in seeds(300) {
        let told = match simulate(seed, ROWS) {
            Ok(told) => told,
            Err(difference) => panic!("WHITEBEAM_SEED={seed}: {difference}"),
        };
        sum.crashes += told.crashes;
        sum.suspended += told.suspended;
        sum.refused += told.refused;
        sum.turns += told.turns;
    }
    println!("{sum:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        assert_eq!(simulate(seed, ROWS), simulate(seed, ROWS), "seed {seed}");
    }
}
