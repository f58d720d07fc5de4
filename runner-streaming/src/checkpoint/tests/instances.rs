//! Several instances on one directory: one runs, the others are told; one that hung is fenced
//! wherever it stood still.

use super::super::*;
use super::rig::*;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use whitebeam_sdk::sink::Epoch;
use whitebeam_testkit::sim::{Machine, Moment};

#[test]
fn a_second_instance_is_told_who_holds_the_directory() {
    let machine = Machine::new(1);
    let outside = Outside::default();
    let first = machine.start();
    let mut job = Job::start(&first, &outside, &Life::to(0)).unwrap();
    for _ in 0..30 {
        assert!(job.epoch().unwrap());
        job.dir.heartbeat().unwrap();
        // Long after the first lease, since it is renewed.
        machine.advance(Duration::from_secs(2));
        let used = machine.used();
        let refused = machine
            .run(|env| live(env, &outside, &Life::to(5)))
            .unwrap()
            .unwrap_err();
        let Error::Held {
            holder: Some(holder),
            generation: Generation(1),
            ..
        } = &refused
        else {
            panic!("{refused}");
        };
        assert_eq!((holder.process, holder.pipeline.as_str()), (1, "sums"));
        let told = whitebeam_sdk::Error::from(refused).to_string();
        assert!(told.contains("error[R201]: another instance runs on /job: process 1 on machine"));
        assert_eq!(machine.used(), used);
    }
    // A wall clock that jumps back is not a lease that never ends, nor an ended one.
    machine.jump(-3_600_000_000);
    job.dir.close();
    live_on(&machine, &outside, &Life::to(200));
    assert_eq!(outside.answered(), Ok(200));
}

#[test]
fn a_hung_instance_is_succeeded_after_its_lease_and_ends_when_it_wakes() {
    let machine = Machine::new(1);
    let outside = Outside::default();
    let first = machine.start();
    let mut job = Job::start(&first, &outside, &Life::to(0)).unwrap();
    assert!(job.epoch().unwrap());
    machine.advance(Duration::from_secs(9));
    let early = machine
        .run(|env| live(env, &outside, &Life::to(5)))
        .unwrap();
    assert!(matches!(early, Err(Error::Held { .. })));
    machine.advance(Duration::from_secs(2));
    let second = machine.start();
    live(&second, &outside, &Life::to(50)).unwrap();
    let beaten = job.dir.heartbeat().unwrap_err();
    assert!(matches!(
        beaten,
        Error::Fenced {
            generation: Generation(2),
            own: Generation(1),
            ..
        }
    ));
    assert!(beaten.is_final());
    let published = job.epoch().unwrap_err();
    let told = whitebeam_sdk::Error::from(published).to_string();
    assert!(
        told.starts_with("error[R202]: generation 1 lost /job to another instance: process 3"),
        "{told}"
    );
    assert_eq!(outside.answered(), Ok(50));
}

/// One instance stands still at a moment; another takes over, works and ends or stands as well;
/// then the first goes on. What the first says at its end.
fn haunted(seed: u64, moment: Moment, successor: u64) -> Option<Result<()>> {
    let machine = Machine::new(seed);
    let outside = Outside::default();
    let met = Arc::new(Mutex::new(false));
    let during = {
        let (machine, outside, met) = (machine.clone(), outside.clone(), Arc::clone(&met));
        move || {
            *met.lock().unwrap() = true;
            machine.advance(Duration::from_secs(11));
            let ended = machine.run(|env| live(env, &outside, &Life::to(successor)));
            match ended.unwrap() {
                // The sleeper had published, but could not say so any more.
                Ok(()) => {}
                Err(error) => panic!("{moment:?}: {error}"),
            }
        }
    };
    machine.meanwhile(moment, during);
    let sleeper = machine.start();
    let ended = machine
        .step(|| live(&sleeper, &outside, &Life::to(6 * STEP)))
        .unwrap();
    outside
        .answered()
        .unwrap_or_else(|wrong| panic!("{moment:?}: {wrong}"));
    machine.heal();
    machine.kill(&sleeper);
    live_on(&machine, &outside, &Life::to(successor + 20));
    let answered = outside.answered();
    let answered = answered.unwrap_or_else(|wrong| panic!("{moment:?}: {wrong}"));
    assert!(answered >= successor + 20);
    let met = *met.lock().unwrap();
    met.then_some(ended)
}

#[test]
fn an_instance_that_wakes_up_anywhere_changes_nothing() {
    let mut ended_well = 0;
    let mut moments = 0;
    for successor in [0, 2 * STEP, 10 * STEP, 40 * STEP] {
        for nth in 1.. {
            let moment = Moment::Operation { nth };
            let Some(ended) = haunted(nth, moment, successor) else {
                break;
            };
            moments += 1;
            match ended {
                Ok(()) => ended_well += 1,
                Err(error) => assert!(error.is_final(), "{moment:?}: {error}"),
            }
        }
    }
    // It may end well only before its claim, or after all was said and done.
    assert!(moments > 700, "{moments}");
    assert!(ended_well < 130, "{ended_well}");
}

#[test]
fn a_sleeper_that_published_last_is_adopted_and_its_successor_starts_again() {
    let machine = Machine::new(1);
    let outside = Outside::default();
    let second = Arc::new(Mutex::new(None));
    let during = {
        let (machine, outside, second) = (machine.clone(), outside.clone(), Arc::clone(&second));
        move || {
            machine.advance(Duration::from_secs(11));
            let env = machine.start();
            let job = Job::start(&env, &outside, &Life::to(0)).unwrap();
            *second.lock().unwrap() = Some((env, job));
        }
    };
    let sleeper = machine.start();
    let mut job = Job::start(&sleeper, &outside, &Life::to(0)).unwrap();
    assert!(job.epoch().unwrap());
    // Between its look at the claims and its link.
    machine.meanwhile(
        Moment::Point {
            label: "mani.tmp",
            nth: 1,
        },
        during,
    );
    assert!(matches!(job.epoch(), Err(Error::Fenced { .. })));
    let (_env, mut successor) = second.lock().unwrap().take().unwrap();
    let lost = successor.epoch().unwrap_err();
    assert!(
        matches!(
            lost,
            Error::Overtaken {
                own: Generation(2),
                ..
            }
        ),
        "{lost}"
    );
    assert_eq!(outside.answered(), Ok(STEP));
    drop(successor);
    machine
        .run(|env| {
            let job = Job::start(env, &outside, &Life::to(0)).unwrap();
            assert_eq!(job.dir.generation(), Generation(3));
        })
        .unwrap();
    // The sleeper's epoch counts: nothing of it had to be done again.
    assert_eq!(outside.answered(), Ok(2 * STEP));
}

#[test]
fn a_slot_that_retention_freed_is_no_way_back_for_a_sleeper() {
    let machine = Machine::new(1);
    let outside = Outside::default();
    let (other, seen) = (machine.clone(), outside.clone());
    let during = move || {
        // What the sleeper has written aside is there again when it wakes, as if retention had
        // just freed the slot and not come to the rest.
        let files = other.observer();
        let names = files.list(Path::new("/job/chk")).unwrap();
        let aside = Path::new("/job/chk").join(&names[0].name);
        files.link(&aside, Path::new("/job/aside")).unwrap();
        other.advance(Duration::from_secs(11));
        other
            .run(|env| live(env, &seen, &Life::to(60)))
            .unwrap()
            .unwrap();
        files.rename(Path::new("/job/aside"), &aside).unwrap();
    };
    machine.meanwhile(
        Moment::Point {
            label: "mani.tmp",
            nth: 1,
        },
        during,
    );
    let sleeper = machine.start();
    let fenced = live(&sleeper, &outside, &Life::to(60)).unwrap_err();
    assert!(matches!(fenced, Error::Fenced { .. }), "{fenced}");
    assert_eq!(outside.answered(), Ok(60));
    let listed = list(&machine.observer(), Path::new(ROOT)).unwrap();
    let epochs: Vec<Epoch> = listed
        .iter()
        .map(|one| one.manifest.as_ref().unwrap().epoch)
        .collect();
    // Epoch 1 was the sleeper's: its relic lies where nobody looks, until the next retention.
    assert_eq!(epochs, [13, 12, 11, 1].map(Epoch));
    machine.kill(&sleeper);
    live_on(&machine, &outside, &Life::to(80));
    let listed = list(&machine.observer(), Path::new(ROOT)).unwrap();
    assert_eq!(listed.len(), 3);
}

#[test]
fn two_that_start_at_once_get_one_claim_whatever_the_order() {
    for nth in 1..30 {
        let machine = Machine::new(nth);
        let outside = Outside::default();
        let other = Arc::new(Mutex::new(None));
        let during = {
            let (machine, outside, other) = (machine.clone(), outside.clone(), Arc::clone(&other));
            move || {
                let env = machine.start();
                let started = Job::start(&env, &outside, &Life::to(0)).map(|job| (env, job));
                *other.lock().unwrap() = Some(started);
            }
        };
        machine.meanwhile(Moment::Operation { nth }, during);
        let env = machine.start();
        let first = Job::start(&env, &outside, &Life::to(0));
        let Some(second) = other.lock().unwrap().take() else {
            assert!(nth > 20);
            break;
        };
        let refused = match (first, second) {
            (Ok(_job), Err(refused)) => refused,
            (Err(refused), Ok(_job)) => refused,
            (Ok(_), Ok(_)) => panic!("{nth}: both run"),
            (Err(a), Err(b)) => panic!("{nth}: none runs: {a}; {b}"),
        };
        assert!(matches!(refused, Error::Held { .. }), "{nth}: {refused}");
    }
}
