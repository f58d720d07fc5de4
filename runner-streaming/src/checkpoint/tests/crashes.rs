//! Every point and every operation, crashed at: once, twice, and within the recovery.

use super::super::*;
use super::rig::*;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use whitebeam_testkit::sim::{Class, How, Loss, Machine, Strike};

const HOWS: [How; 2] = [How::Kill, How::Power];
const LOSSES: [Loss; 4] = [Loss::All, Loss::Nothing, Loss::Prefix, Loss::Torn];
/// Epochs of a life that is crashed: enough for retention to have work.
const UNTIL: u64 = 6 * STEP;

/// A life that meets these crashes, then one without; the answer is whole.
fn survives(seed: u64, loss: Loss, strikes: &[Strike]) -> Lived {
    let machine = Machine::new(seed);
    machine.losing(loss);
    let outside = Outside::default();
    machine.strike(strikes.iter().copied());
    let lived = live_on(&machine, &outside, &Life::to(UNTIL));
    machine.heal();
    let more = Life {
        workers: 3,
        ..Life::to(UNTIL + 10)
    };
    live_on(&machine, &outside, &more);
    let answered = outside
        .answered()
        .unwrap_or_else(|wrong| panic!("{strikes:?}: {wrong}"));
    assert!(answered >= UNTIL + 10, "{strikes:?}: {answered}");
    lived
}

/// How often each label is visited and how many operations there are in a life without accidents.
fn census() -> (BTreeMap<&'static str, u64>, u64) {
    let machine = Machine::new(0);
    let lived = live_on(&machine, &Outside::default(), &Life::to(UNTIL));
    assert_eq!(lived, Lived { lives: 1, waits: 0 });
    (machine.hits(), machine.operations())
}

#[test]
fn every_point_is_visited_by_a_plain_life() {
    let (hits, _) = census();
    let missing: Vec<_> = POINTS
        .iter()
        .filter(|label| !hits.contains_key(*label))
        .collect();
    // Pins are not set by the job.
    assert_eq!(missing, [&"save.pinned"]);
    let unknown: Vec<_> = hits
        .keys()
        .filter(|label| !POINTS.contains(label))
        .collect();
    assert_eq!(unknown, [&"sink.committed"]);
}

#[test]
fn a_crash_at_any_visit_of_any_point_changes_no_answer() {
    let (hits, _) = census();
    let mut seed = 0;
    for (&label, &visits) in &hits {
        for nth in 1..=visits {
            for (how, loss) in HOWS.iter().flat_map(|how| LOSSES.map(|loss| (*how, loss))) {
                seed += 1;
                let lived = survives(seed, loss, &[Strike::Point { label, nth, how }]);
                assert_eq!(lived.lives, 2, "{label} {nth}");
                // A process that was killed is succeeded at once.
                assert!(how == How::Power || lived.waits == 0, "{label} {nth}");
            }
        }
    }
}

#[test]
fn a_second_crash_at_any_point_of_the_life_after_changes_no_answer() {
    let (hits, _) = census();
    let mut seed = 0;
    for (&label, &visits) in &hits {
        for &second in hits.keys() {
            for nth in [1, visits.div_ceil(2)] {
                for how in HOWS {
                    seed += 1;
                    let loss = LOSSES[seed as usize % LOSSES.len()];
                    let at = |label, nth, how| Strike::Point { label, nth, how };
                    // A kill keeps names and bytes that the power cut then takes.
                    let first = at(label, nth, How::Kill);
                    survives(seed, loss, &[first, at(second, 1, how)]);
                    let first = at(label, nth, how);
                    survives(seed, loss, &[first, at(second, 2, how), at(label, 1, how)]);
                }
            }
        }
    }
}

#[test]
fn a_crash_in_any_operation_and_in_any_of_the_recovery_changes_no_answer() {
    let (_, operations) = census();
    for nth in 1..=operations {
        for how in HOWS {
            let strike = Strike::Operation { nth, how };
            let loss = LOSSES[nth as usize % LOSSES.len()];
            survives(nth, loss, &[strike]);
        }
    }
    // A recovery has some forty operations.
    for first in (1..=operations).step_by(7) {
        for second in 1..=45 {
            let how = How::Power;
            let strikes = [first, second, 46 - second].map(|nth| Strike::Operation { nth, how });
            survives(first * 1000 + second, Loss::Drawn, &strikes);
        }
    }
}

/// A life in which one operation fails, then another. Whatever could not be undone ends the life
/// with an error, and the next one answers.
fn withstands(seed: u64, class: Class, nth: u64, kind: ErrorKind) -> Option<Error> {
    let machine = Machine::new(seed);
    let outside = Outside::default();
    machine.fail(class, nth, kind);
    let ended = machine
        .run(|env| live(env, &outside, &Life::to(UNTIL)))
        .unwrap();
    let found = outside.answered().unwrap();
    machine.heal();
    if seed.is_multiple_of(2) {
        machine.lose_power();
    }
    let life = Life {
        unsynced: true,
        ..Life::to(UNTIL + 10)
    };
    live_on(&machine, &outside, &life);
    let answered = outside.answered().unwrap();
    assert!(answered >= UNTIL + 10 && found <= answered);
    ended.err()
}

#[test]
fn a_full_disk_at_any_write_fails_an_attempt_and_the_job_goes_on() {
    let (_, operations) = census();
    let mut went_on = 0;
    for nth in 1..=operations {
        match withstands(nth, Class::Write, nth, ErrorKind::StorageFull) {
            None => went_on += 1,
            // Before there is a job.
            Some(Error::File(error)) => assert!(nth <= 10, "{nth}: {error}"),
            Some(error) => panic!("{nth}: {error}"),
        }
    }
    assert!(went_on > 50);
}

#[test]
fn a_sync_that_fails_anywhere_condemns_the_attempt_or_the_life_but_never_an_answer() {
    let (_, operations) = census();
    let mut lost = 0;
    for nth in 1..=operations {
        for again in 0..6 {
            match withstands(nth * 8 + again, Class::Sync, nth, ErrorKind::Other) {
                None => {}
                // Linked, and the link's sync failed: there or not, the next life will see.
                Some(Error::Lost { .. } | Error::Doubtful { .. }) => lost += 1,
                Some(Error::File(error)) => assert!(nth <= 5, "{nth}: {error}"),
                Some(error) => panic!("{nth}: {error}"),
            }
        }
    }
    assert!(lost > 0);
}

#[test]
fn reads_and_removals_that_fail_change_no_answer() {
    let (_, operations) = census();
    let mut doubtful = 0;
    for nth in 1..=operations {
        for class in [Class::Read, Class::Remove] {
            if let Some(error) = withstands(nth, class, nth, ErrorKind::Other) {
                doubtful += usize::from(matches!(error, Error::Doubtful { .. }));
                let expected = matches!(error, Error::File(_) | Error::Doubtful { .. });
                assert!(expected, "{nth}: {error}");
            }
        }
    }
    assert!(doubtful > 0);
}

#[test]
fn a_disk_too_small_for_an_attempt_serves_again_when_there_is_room() {
    let machine = Machine::new(3);
    let outside = Outside::default();
    live_on(&machine, &outside, &Life::to(4 * STEP));
    let full = machine.used();
    machine
        .run(|env| {
            let mut job = Job::start(env, &outside, &Life::to(0)).unwrap();
            for room in 0..80 {
                machine.capacity(Some(full + room * 8));
                let _ = job.epoch().unwrap();
            }
            machine.capacity(None);
            assert!(job.epoch().unwrap());
        })
        .unwrap();
    assert_eq!(outside.answered(), Ok(4 * STEP + 81 * STEP));
    // What failed attempts had written is gone: three checkpoints are left, and nothing else.
    assert!(
        machine.used() < full + 3 * 1024,
        "{} {full}",
        machine.used()
    );
}
