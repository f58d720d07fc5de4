//! The simulation has teeth: each deliberate mistake in the protocol is noticed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_runner_streaming::mutant::{Mutant, switch};
use whitebeam_tests::streaming::sim::simulate;

/// Seeds that a mistake is given to show itself.
const SEEDS: u64 = 2_000;
const ROWS: u64 = 120;

/// The first seed that notices `mutant`, and how.
fn noticed(mutant: Mutant) -> Option<(u64, String)> {
    switch(Some(mutant));
    let found = (0..SEEDS).find_map(|seed| Some((seed, simulate(seed, ROWS).err()?)));
    switch(None);
    found
}

macro_rules! mutants {
    ($($name:ident: $mutant:ident,)+) => {
        $(#[test]
        fn $name() {
            let found = noticed(Mutant::$mutant);
            let (seed, how) = found.unwrap_or_else(|| panic!("not noticed by {SEEDS} seeds"));
            let how: String = how.chars().take(200).collect();
            println!("{:?}: seed {seed}: {how}", Mutant::$mutant);
            // The same seed without the mistake.
            assert_eq!(simulate(seed, ROWS).err(), None);
        })+
    };
}

mutants! {
    watermark_that_is_not_held_during_an_emission: WatermarkNotHeld,
    emission_left_out_of_the_snapshot: EmissionNotSaved,
    barrier_that_passes_a_parked_batch: BarrierPassesParked,
    channels_read_behind_their_barrier: NoAlignment,
    barrier_before_partial_buffers: BarrierBeforePartials,
    watermark_that_overtakes_a_parked_batch: WatermarkPassesParked,
    commit_before_publication: CommitBeforePublication,
    credit_shared_between_exchanges: SharedCredit,
    barrier_that_overtakes_batches: BarrierOvertakes,
}
