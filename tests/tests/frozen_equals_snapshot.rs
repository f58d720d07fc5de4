//! What a grouping freezes and writes down piece by piece, while it goes on, is what a snapshot
//! would have said at the moment of the freeze; also put together from changes alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_runner_core::group::Path;
use whitebeam_sdk::erase::{Flow, StoreKind};
use whitebeam_sdk::snapshot::{SnapshotWriter, StepSnapshot, replay};
use whitebeam_sdk::window::{WindowFn, WindowingStrategy};
use whitebeam_sdk::{Duration, Result, Timestamp};
use whitebeam_testkit::oracle::{Action, random_strategy};
use whitebeam_tests::engine::{Element, Engine};
use whitebeam_tests::grouping::{Clock, Drive, GroupingStep};
use whitebeam_tests::judged::{Judged, KEYS};
use whitebeam_tests::random::{KeyedAction, choices, keyed_actions, seeds, strategy_for};
use whitebeam_tests::translate;

const GROUPS: u16 = 8;

/// Everything a snapshot says, in an order that means nothing.
type Said = (Vec<(u16, Vec<u8>)>, Vec<Vec<u8>>);

fn said(parts: &[StepSnapshot]) -> Said {
    let records = parts.iter().flat_map(|part| part.keyed.iter());
    let mut records: Vec<_> = records.map(|r| (r.group.0, r.bytes.to_vec())).collect();
    records.sort();
    let plain = parts.iter().flat_map(|part| part.plain.clone());
    (records, plain.collect())
}

/// Snapshots that are taken one after the other while a step goes on.
#[derive(Default)]
struct Chain {
    taken: Vec<Vec<StepSnapshot>>,
    /// Being written, and what it must say.
    writing: Option<(SnapshotWriter, Said)>,
    /// The last one was given up.
    is_broken: bool,
    /// How many said changes alone, and how many of these less than there was.
    changes: usize,
    partial: usize,
    abandoned: u64,
}

impl Chain {
    fn begin(&mut self, step: &mut GroupingStep, whole: bool) -> Result<()> {
        let since_last = !whole && !self.is_broken && !self.taken.is_empty();
        let expected = said(&[step.snapshot(GROUPS)?]);
        self.writing = Some((step.freeze(since_last, GROUPS)?, expected));
        self.is_broken = false;
        Ok(())
    }

    /// Begins as chance has it, sometimes before the last one is written; says whether it has.
    fn may_begin(&mut self, step: &mut GroupingStep, choose: &mut dyn FnMut(u64) -> u64) -> bool {
        let is_writing = self.writing.is_some();
        let begins = choose(if is_writing { 24 } else { 2 }) == 0;
        if begins {
            self.is_broken |= is_writing;
            self.abandoned += u64::from(is_writing);
            self.begin(step, choose(4) == 0).unwrap();
        }
        begins
    }

    fn go_on(&mut self, step: &mut GroupingStep, quota: usize) -> Result<(), String> {
        let Some((mut writer, expected)) = self.writing.take() else {
            return Ok(());
        };
        let flow = step.pace(quota, &mut writer).map_err(|e| e.to_string())?;
        if flow == Flow::Yield {
            self.writing = Some((writer, expected));
            return Ok(());
        }
        let part = writer.finish().map_err(|e| e.to_string())?;
        if part.whole {
            self.taken.clear();
        } else {
            self.changes += 1;
            self.partial += usize::from(part.keyed.len() < expected.0.len());
        }
        self.taken.push(vec![part]);
        let found = said(&replay(self.taken.clone()));
        match found == expected {
            true => Ok(()),
            false => Err(format!("says {found:?}\ninstead of {expected:?}")),
        }
    }
}

/// The same elements many times over, with many keys.
fn crowded(actions: Vec<KeyedAction>, choose: &mut dyn FnMut(u64) -> u64) -> Vec<KeyedAction> {
    let more = |mut keyed: KeyedAction| {
        if let Action::Bundle(timestamps) = &mut keyed.action {
            let few = std::mem::take(timestamps);
            for at in few {
                let times = 1 + choose(40) as usize;
                timestamps.extend(std::iter::repeat_n(at, times));
            }
            keyed.keys = timestamps.iter().map(|_| choose(300)).collect();
        }
        keyed
    };
    actions.into_iter().map(more).collect()
}

fn chains_say_what_snapshots_say(store: StoreKind, cases: u64) {
    let (mut partial, mut abandoned) = (0, 0);
    let seeds = seeds(cases);
    let is_single = seeds.end - seeds.start == 1;
    for seed in seeds {
        let choose = &mut choices(seed);
        let strategy = match choose(4) {
            0 => random_strategy(choose),
            1 => strategy_for(Path::Windowed, choose),
            _ => strategy_for(Path::Counted, choose),
        };
        let mut drive = Drive::on(store);
        drive.general_only = false;
        let length = 1 + choose(25) as usize;
        let actions = keyed_actions(choose, length, 3);
        let actions = crowded(actions, choose);
        let mut judged = Judged::new(&strategy, drive).unwrap();
        let mut chain = Chain::default();
        for (number, keyed) in actions.iter().enumerate() {
            let mut step = || {
                chain.may_begin(judged.step(), choose);
                judged.act(keyed, |_| true)?;
                chain.go_on(judged.step(), choose(100) as usize)
            };
            if let Err(difference) = step() {
                panic!(
                    "WHITEBEAM_SEED={seed}, step {number}: {difference}\n{strategy:?} {actions:?}"
                );
            }
        }
        partial += chain.partial as u64;
        abandoned += chain.abandoned;
    }
    if !is_single {
        assert!(partial > cases / 4, "{partial} say less than there is");
        assert!(abandoned > 0);
    }
}

#[test]
fn chains_of_changes_say_what_snapshots_say() {
    chains_say_what_snapshots_say(StoreKind::Fast, 250);
}

#[test]
fn chains_of_changes_on_the_slow_store() {
    chains_say_what_snapshots_say(StoreKind::Slow, 40);
}

/// Freezes between the calls of an emission that takes several, with elements between emissions.
fn chains_amid_emissions(store: StoreKind, cases: u64) {
    let (mut amid, mut partial, mut abandoned) = (0, 0, 0);
    let seeds = seeds(cases);
    let is_single = seeds.end - seeds.start == 1;
    for seed in seeds {
        let choose = &mut choices(seed);
        let strategy = match choose(2) {
            0 => strategy_for(Path::Windowed, choose),
            _ => strategy_for(Path::Counted, choose),
        };
        let mut drive = Drive::on(store);
        drive.general_only = false;
        let length = 3 + choose(10) as usize;
        let actions = keyed_actions(choose, length, 3);
        let mut step = GroupingStep::new(&translate::strategy(&strategy), drive).unwrap();
        let (mut chain, mut now) = (Chain::default(), 0);
        let differs = |number: usize, difference: String| -> ! {
            panic!("WHITEBEAM_SEED={seed}, step {number}: {difference}\n{strategy:?} {actions:?}")
        };
        for (number, keyed) in actions.iter().enumerate() {
            let clock = match &keyed.action {
                Action::Bundle(timestamps) => {
                    step.bundle(&on_many(timestamps, choose)).unwrap();
                    None
                }
                Action::Watermark(to) => Some(Clock::Watermark(Timestamp::from_micros(*to))),
                Action::AdvanceProcessingTime(by) => {
                    now += by;
                    Some(Clock::Processing(Timestamp::from_micros(now)))
                }
            };
            loop {
                let flow = clock.map_or(Flow::Done, |clock| step.move_once(clock).unwrap().1);
                let begins = chain.may_begin(&mut step, choose);
                amid += u64::from(begins && flow == Flow::Yield);
                let went_on = chain.go_on(&mut step, choose(2_000) as usize);
                went_on.unwrap_or_else(|difference| differs(number, difference));
                if flow == Flow::Done {
                    break;
                }
            }
        }
        while chain.writing.is_some() {
            let went_on = chain.go_on(&mut step, 2_000);
            went_on.unwrap_or_else(|difference| differs(actions.len(), difference));
        }
        partial += chain.partial as u64;
        abandoned += chain.abandoned;
    }
    if !is_single {
        assert!(amid > cases / 4, "{amid} freezes amid an emission");
        assert!(partial > cases / 4, "{partial} say less than there is");
        assert!(abandoned > 0);
    }
}

/// Elements at these times, of more keys than one output batch takes.
fn on_many(timestamps: &[i64], choose: &mut dyn FnMut(u64) -> u64) -> Vec<Element> {
    let (first, keys) = (choose(KEYS), 1 + choose(2 * KEYS));
    let element = |n: u64| Element {
        key: first + n,
        value: n as i64,
        timestamp: Timestamp::from_micros(timestamps[n as usize % timestamps.len()]),
    };
    (0..keys).map(element).collect()
}

#[test]
fn chains_of_freezes_amid_emissions_say_what_snapshots_say() {
    chains_amid_emissions(StoreKind::Fast, 150);
}

#[test]
fn chains_of_freezes_amid_emissions_on_the_slow_store() {
    chains_amid_emissions(StoreKind::Slow, 30);
}

/// Once most of a window has changed nobody marks for a while; then changes are told again.
#[test]
fn marks_rest_and_are_taken_up_again() {
    const KEYS: u64 = 1_000;
    let at_start = |keys: std::ops::Range<u64>| -> Vec<Element> {
        let element = |key| Element {
            key,
            value: 2,
            timestamp: Timestamp::from_micros(0),
        };
        keys.map(element).collect()
    };
    for store in [StoreKind::Fast, StoreKind::Slow] {
        for lateness in [Duration::ZERO, Duration::from_secs(60)] {
            let mut step = nobody(store, lateness);
            let mut chain = Chain::default();
            step.bundle(&at_start(0..KEYS)).unwrap();
            // How many change, and how many are said: first all there is; then all, as most have
            // changed; four times more, as nobody has marked; then what has changed.
            let all = KEYS as usize;
            let mut cases = vec![(0, all), (600, all)];
            cases.extend([(3, all); 4]);
            cases.extend([(3, 3), (500, 500), (501, all)]);
            for (changed, said) in cases {
                step.bundle(&at_start(0..changed)).unwrap();
                chain.begin(&mut step, false).unwrap();
                while chain.writing.is_some() {
                    chain.go_on(&mut step, 3_000).unwrap();
                }
                let part = &chain.taken.last().unwrap()[0];
                assert_eq!(part.keyed.len(), said, "{changed} of {KEYS}");
            }
        }
    }
}

/// Fixed windows of a second, which with lateness are more than emptied, with `keys` keys in each of two.
fn crowd(keys: u64, store: StoreKind, allowed_lateness: Duration) -> GroupingStep {
    let mut step = nobody(store, allowed_lateness);
    come(&mut step, keys);
    step
}

/// A step of windows that has no elements yet.
fn nobody(store: StoreKind, allowed_lateness: Duration) -> GroupingStep {
    let windowing = WindowingStrategy {
        window_fn: WindowFn::Fixed {
            size: Duration::from_secs(1),
            offset: Duration::ZERO,
        },
        allowed_lateness,
        ..WindowingStrategy::default()
    };
    let mut drive = Drive::on(store);
    drive.general_only = false;
    GroupingStep::new(&windowing, drive).unwrap()
}

/// An element of each key in each of two windows.
fn come(step: &mut GroupingStep, keys: u64) {
    let elements: Vec<Element> = (0..keys * 2)
        .map(|n| Element {
            key: n % keys,
            value: 1,
            timestamp: Timestamp::from_micros(if n < keys { 0 } else { 1_000_000 }),
        })
        .collect();
    step.bundle(&elements).unwrap();
}

#[test]
fn a_window_fires_once_all_of_it_is_written_and_in_pieces() {
    const KEYS: u64 = 20_000;
    let mut step = crowd(KEYS, StoreKind::Fast, Duration::ZERO);
    let mut chain = Chain::default();
    chain.begin(&mut step, true).unwrap();
    chain.go_on(&mut step, 100).unwrap();
    let fire = Clock::Watermark(Timestamp::from_micros(1_500_000));
    let (first, flow) = step.move_once(fire).unwrap();
    assert_eq!((first.panes.len(), flow), (0, Flow::Yield), "writes first");
    let happened = step.move_fully(fire).unwrap();
    assert_eq!(happened.panes.len() as u64, KEYS);
    while chain.writing.is_some() {
        chain.go_on(&mut step, 1_000).unwrap();
    }
    assert_eq!(chain.taken[0][0].keyed.len() as u64, 2 * KEYS);
    // What has fired is gone.
    chain.begin(&mut step, false).unwrap();
    chain.go_on(&mut step, 1_000).unwrap();
    let part = &chain.taken[1][0];
    assert_eq!(
        (part.keyed.len(), part.gone.len(), part.whole),
        (0, 1, false)
    );
}

#[test]
fn changes_in_the_midst_of_an_emission_say_what_is_left() {
    const KEYS: u64 = 8_000;
    let kept = Duration::from_secs(60);
    for (store, lateness) in [
        (StoreKind::Fast, Duration::ZERO),
        (StoreKind::Slow, Duration::ZERO),
        (StoreKind::Fast, kept),
        (StoreKind::Slow, kept),
    ] {
        let mut step = crowd(KEYS, store, lateness);
        let mut chain = Chain::default();
        let fire = Clock::Watermark(Timestamp::from_micros(2_500_000));
        let mut emitted = 0;
        let mut turns = 0;
        loop {
            if chain.writing.is_none() {
                chain.begin(&mut step, false).unwrap();
            }
            let (happened, flow) = step.move_once(fire).unwrap();
            emitted += happened.panes.len() as u64;
            if flow == Flow::Done {
                break;
            }
            turns += 1;
            while chain.writing.is_some() {
                chain.go_on(&mut step, 3_000).unwrap();
            }
        }
        assert_eq!(emitted, 2 * KEYS);
        assert!(turns > 4 && chain.changes > 3, "{turns} turns");
    }
}

/// What has changed since the last freeze was taken out meanwhile.
#[test]
fn a_window_that_opens_and_fires_between_two_freezes_says_what_is_left() {
    const KEYS: u64 = 8_000;
    let fire = Clock::Watermark(Timestamp::from_micros(2_500_000));
    for store in [StoreKind::Fast, StoreKind::Slow] {
        for lateness in [Duration::ZERO, Duration::from_secs(60)] {
            let mut step = nobody(store, lateness);
            let mut chain = Chain::default();
            chain.begin(&mut step, false).unwrap();
            while chain.writing.is_some() {
                chain.go_on(&mut step, 3_000).unwrap();
            }
            come(&mut step, KEYS);
            let (_, flow) = step.move_once(fire).unwrap();
            assert_eq!(flow, Flow::Yield, "all of it fired at once");
            chain.begin(&mut step, false).unwrap();
            while chain.writing.is_some() {
                chain.go_on(&mut step, 3_000).unwrap();
            }
        }
    }
}
