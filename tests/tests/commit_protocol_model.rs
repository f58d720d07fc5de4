//! The commit protocol of the Kafka sink keeps its promises, whatever happens when; and each mistake
//! in it is noticed.
//!
//! Bounds are smaller here than they can be. All faults together (14 million states, half a minute
//! and 1.1 GB of memory):
//! `WHITEBEAM_MODEL=full cargo test -p whitebeam-tests --test commit_protocol_model whatever -- --nocapture`
#![allow(clippy::print_stdout, reason = "tells what was searched")]

use whitebeam_tests::commit_protocol::{Bounds, Found, Variant, Wrong, search};

fn searched(variant: Variant, bounds: Bounds) -> Found {
    let found = search(variant, bounds);
    let (states, finished) = (found.states, found.finished);
    let wrong: Vec<_> = found.wrong.keys().collect();
    println!(
        "{variant:?}: {states} states, {finished} of them finished, wrong: {wrong:?}; {bounds:?}"
    );
    found
}

/// Nothing is wrong, and the end can be reached.
fn is_right(variant: Variant, bounds: Bounds) {
    let found = searched(variant, bounds);
    for (wrong, way) in &found.wrong {
        println!("{wrong:?}:\n{way}");
    }
    assert!(
        found.wrong.is_empty(),
        "{variant:?}: {:?}",
        found.wrong.keys()
    );
    assert!(found.finished > 0, "{variant:?}: never comes to an end");
}

/// The mistake's own kind of failure is found, perhaps among others that follow.
fn is_wrong(variant: Variant, bounds: Bounds, how: Wrong) {
    let found = searched(variant, bounds);
    let kinds: Vec<_> = found.wrong.keys().collect();
    assert!(found.wrong.contains_key(&how), "{variant:?}: {kinds:?}");
    // It takes both: the mistake without the fault is right, and the fault without the mistake.
    is_right(variant, NONE);
    is_right(Variant::LogThenCommit, bounds);
}

const NONE: Bounds = Bounds {
    crashes: 0,
    zombies: 0,
    delays: 0,
    timeouts: 0,
    lost_markers: 0,
};

/// Every fault with every other, as often as the promise of the sink was checked for.
const ALL: Bounds = Bounds {
    crashes: 2,
    zombies: 1,
    delays: 1,
    timeouts: 1,
    lost_markers: 1,
};

#[test]
fn epochs_are_committed_once_and_whole_whatever_happens() {
    let is_full = std::env::var("WHITEBEAM_MODEL").is_ok_and(|value| value == "full");
    let small = [
        NONE,
        Bounds { zombies: 0, ..ALL },
        Bounds { crashes: 0, ..ALL },
        Bounds {
            crashes: 2,
            zombies: 1,
            ..NONE
        },
        Bounds {
            crashes: 1,
            zombies: 1,
            lost_markers: 1,
            ..NONE
        },
    ];
    let bounds = if is_full { &[ALL][..] } else { &small[..] };
    for bounds in bounds {
        is_right(Variant::LogThenCommit, *bounds);
    }
}

#[test]
fn two_phases_are_right_as_long_as_nothing_times_out() {
    is_right(
        Variant::TwoPhase,
        Bounds {
            crashes: 2,
            delays: 1,
            ..NONE
        },
    );
}

macro_rules! mistakes {
    ($($name:ident: $variant:ident, $how:ident, $fault:ident: $times:expr;)+) => {
        $(#[test]
        fn $name() {
            is_wrong(Variant::$variant, Bounds { $fault: $times, ..NONE }, Wrong::$how);
        })+
    };
}

mistakes! {
    marker_read_before_fencing_duplicates: MarkerBeforeFencing, Duplicate, zombies: 1;
    marker_read_only_at_start_duplicates: MarkerOnlyAtStart, Duplicate, zombies: 1;
    one_producer_for_all_epochs_tears: SameProducer, Torn, delays: 1;
    manifests_without_a_slot_diverge: NoEpochSlot, Diverged, zombies: 1;
    two_phases_lose_by_a_timeout: TwoPhase, Lost, timeouts: 1;
    no_replay_loses_by_a_crash: NoReplay, Lost, crashes: 1;
    trusted_answer_loses_by_a_lost_marker: AnswerTrusted, Lost, lost_markers: 1;
    trusted_stable_offset_loses_by_a_lost_marker: StableOffsetTrusted, Lost, lost_markers: 1;
}

/// A limit of the promise: what was aborted stays open, and the next commit shows it.
#[test]
fn lost_marker_of_an_aborted_transaction_duplicates() {
    let bounds = Bounds {
        crashes: 1,
        lost_markers: 1,
        ..NONE
    };
    let found = searched(Variant::AbortMarkersLost, bounds);
    assert!(found.wrong.contains_key(&Wrong::Duplicate));
}
