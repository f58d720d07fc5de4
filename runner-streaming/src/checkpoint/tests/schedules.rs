//! Random lives: crashes, errors, full disks, sleepers and jumping clocks in any order, then the
//! question that every test ends with.

use super::super::*;
use super::rig::*;
use proptest::prelude::*;
use std::io::ErrorKind;
use std::time::Duration;
use whitebeam_testkit::sim::{Class, How, Loss, Machine, Moment, SimEnv, Strike};

/// What befalls one life.
#[derive(Clone, Debug)]
struct Fate {
    workers: u32,
    epochs: u64,
    strikes: Vec<Strike>,
    failures: Vec<(Class, u64, ErrorKind)>,
    room: Option<u64>,
    /// Stands still before this operation while another lives so many epochs, and meets this.
    sleep: Option<(u64, u64, Option<Strike>)>,
    jump: i64,
    pause: u64,
}

fn strike() -> impl Strategy<Value = Strike> {
    let how = || prop_oneof![Just(How::Kill), Just(How::Power)];
    let label = prop::sample::select(POINTS);
    prop_oneof![
        (label, 1u64..8, how()).prop_map(|(label, nth, how)| Strike::Point { label, nth, how }),
        (1u64..250, how()).prop_map(|(nth, how)| Strike::Operation { nth, how }),
    ]
}

fn failure() -> impl Strategy<Value = (Class, u64, ErrorKind)> {
    prop_oneof![
        (1u64..80).prop_map(|nth| (Class::Write, nth, ErrorKind::StorageFull)),
        (1u64..60).prop_map(|nth| (Class::Sync, nth, ErrorKind::Other)),
        (1u64..120).prop_map(|nth| (Class::Read, nth, ErrorKind::Other)),
        (1u64..30).prop_map(|nth| (Class::Remove, nth, ErrorKind::Other)),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    let sleep = (1u64..200, 0u64..8, proptest::option::of(strike()));
    (
        1u32..5,
        0u64..8,
        proptest::collection::vec(strike(), 0..2),
        proptest::collection::vec(failure(), 0..2),
        proptest::option::weighted(0.1, 0u64..2000),
        proptest::option::weighted(0.5, sleep),
        prop_oneof![4 => Just(0i64), 1 => -100_000_000i64..100_000_000],
        0u64..15,
    )
        .prop_map(
            |(workers, epochs, strikes, failures, room, sleep, jump, pause)| Fate {
                workers,
                epochs,
                strikes,
                failures,
                room,
                sleep,
                jump,
                pause,
            },
        )
}

/// A life that may end in any way but a wrong one.
fn try_to_live(machine: &Machine, env: &SimEnv, outside: &Outside, workers: u32, epochs: u64) {
    let until = outside.answered().unwrap() + epochs * STEP;
    let life = Life {
        workers,
        patience: u32::MAX,
        ..Life::to(until)
    };
    // A disk that stays full is given up at last.
    let mut left = epochs + 4;
    let _ = machine.step(|| -> Result<()> {
        let mut job = Job::start(env, outside, &life)?;
        while !job.is_done(&life) && left > 0 {
            left -= 1;
            job.dir.heartbeat()?;
            job.epoch()?;
        }
        Ok(())
    });
    machine.kill(env);
}

/// Plays all fates; the digest of what happened.
fn play(seed: u64, loss: Loss, fates: &[Fate]) -> u64 {
    let machine = Machine::new(seed);
    machine.losing(loss);
    let outside = Outside::default();
    for fate in fates {
        machine.heal();
        machine.strike(fate.strikes.iter().copied());
        for (class, nth, kind) in &fate.failures {
            machine.fail(*class, *nth, *kind);
        }
        let room = fate.room.map(|room| machine.used() + room);
        machine.capacity(room);
        machine.jump(fate.jump);
        if let Some((nth, epochs, met)) = fate.sleep {
            let (other, outside) = (machine.clone(), outside.clone());
            machine.meanwhile(Moment::Operation { nth }, move || {
                other.advance(Duration::from_secs(11));
                other.strike(met);
                try_to_live(&other, &other.start(), &outside, 2, epochs);
            });
        }
        let env = machine.start();
        try_to_live(&machine, &env, &outside, fate.workers, fate.epochs);
        outside.answered().unwrap();
        machine.advance(Duration::from_secs(fate.pause));
    }
    machine.heal();
    machine.capacity(None);
    // Clocks have jumped back by no more than this.
    machine.advance(Duration::from_secs(2000));
    let until = outside.answered().unwrap() + 10;
    let life = Life {
        unsynced: true,
        ..Life::to(until)
    };
    live_on(&machine, &outside, &life);
    assert!(outside.answered().unwrap() >= until);
    machine.trace()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_schedule_of_accidents_loses_or_repeats_a_number(
        fates in proptest::collection::vec(fate(), 1..6), seed: u64,
        loss in prop::sample::select(vec![Loss::All, Loss::Nothing, Loss::Prefix, Loss::Torn, Loss::Drawn]),
    ) {
        let trace = play(seed, loss, &fates);
        if seed.is_multiple_of(16) {
            prop_assert_eq!(play(seed, loss, &fates), trace);
        }
    }
}

/// A life to which nothing happens.
fn calm(workers: u32, epochs: u64) -> Fate {
    Fate {
        workers,
        epochs,
        strikes: vec![],
        failures: vec![],
        room: None,
        sleep: None,
        jump: 0,
        pause: 0,
    }
}

/// What random schedules have found, each once.
#[test]
fn schedules_that_were_once_wrong_stay_right() {
    let operation = |nth| Strike::Operation {
        nth,
        how: How::Power,
    };
    let at = |label, nth| Strike::Point {
        label,
        nth,
        how: How::Kill,
    };
    let other = ErrorKind::Other;
    // A disk that is nearly full, then a sleeper who wakes up behind two others.
    let first = [
        calm(4, 6),
        Fate {
            failures: vec![(Class::Sync, 19, other)],
            room: Some(1344),
            ..calm(2, 2)
        },
        Fate {
            strikes: vec![operation(198)],
            sleep: Some((26, 2, None)),
            ..calm(1, 0)
        },
    ];
    play(1_899_158_352_486_948_251, Loss::Prefix, &first);
    // A claim that was killed half-way, and a link without a sync.
    let second = [
        Fate {
            strikes: vec![at("claim.tmp", 3)],
            sleep: Some((93, 3, None)),
            ..calm(1, 2)
        },
        Fate {
            strikes: vec![at("mani.linked", 1)],
            ..calm(2, 1)
        },
        Fate {
            strikes: vec![operation(238)],
            sleep: Some((76, 2, None)),
            ..calm(1, 0)
        },
    ];
    play(15_087_661_013_791_270_893, Loss::Prefix, &second);
    // A checkpoint that could not be read back was staged again under the next epoch, while a
    // successor had adopted and committed it.
    let third = [
        calm(1, 1),
        Fate {
            failures: vec![(Class::Read, 69, other)],
            sleep: Some((127, 0, None)),
            ..calm(4, 1)
        },
    ];
    play(0, Loss::All, &third);
    // A link whose sync failed was adopted, its output committed, and then the power went.
    let fourth = [
        Fate {
            sleep: Some((1, 3, None)),
            ..calm(1, 0)
        },
        Fate {
            failures: vec![(Class::Sync, 51, other)],
            ..calm(3, 5)
        },
        Fate {
            strikes: vec![operation(114)],
            ..calm(1, 2)
        },
    ];
    play(0, Loss::All, &fourth);
}

#[test]
fn a_seed_repeats_itself_and_another_does_not() {
    let fate = Fate {
        strikes: vec![Strike::Operation {
            nth: 90,
            how: How::Power,
        }],
        sleep: Some((40, 2, None)),
        pause: 1,
        ..calm(2, 6)
    };
    let fates = [fate.clone(), fate];
    let traces: Vec<u64> = [1, 1, 2]
        .map(|seed| play(seed, Loss::Drawn, &fates))
        .to_vec();
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
}
