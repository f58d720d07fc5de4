//! A log against a plain vector, on a disk that loses what was not synced: whatever crashes when,
//! what was acknowledged stays, an append that was under way is there as a whole or not at all, and
//! nobody ever reads what is gone afterwards.

use super::driver::{Tail, append, contents};
use crate::log::{Log, LogWriter};
use proptest::prelude::*;
use std::io::ErrorKind;
use whitebeam_sdk::Result;
use whitebeam_testkit::sim::{Class, Crash, How, Machine, SimEnv, Strike};

const PARTITIONS: u32 = 2;
const FOLDER: &str = "/log";

/// What happens next.
#[derive(Clone, Debug)]
enum Act {
    /// So many records, from partition 0 on by turns.
    Append(usize),
    /// The same, struck amid one of its first operations on files.
    Struck(usize, u64, How),
    /// The same, while an operation fails.
    Failing(usize, Class, u64, ErrorKind),
    /// The writer ends, and another begins.
    Hand,
    /// The readers look.
    Read,
    /// The readers begin anew where they were.
    Resume,
    PowerCut,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let how = || prop_oneof![Just(How::Kill), Just(How::Power)];
    let class = prop_oneof![Just(Class::Write), Just(Class::Sync)];
    let kind = prop_oneof![Just(ErrorKind::StorageFull), Just(ErrorKind::Other)];
    let act = prop_oneof![
        4 => (1..30_usize).prop_map(Act::Append),
        4 => (1..30_usize, 1..30_u64, how()).prop_map(|(n, at, how)| Act::Struck(n, at, how)),
        2 => (1..30_usize, class, 1..6_u64, kind)
            .prop_map(|(n, class, at, kind)| Act::Failing(n, class, at, kind)),
        1 => Just(Act::Hand),
        3 => Just(Act::Read),
        1 => Just(Act::Resume),
        1 => Just(Act::PowerCut),
    ];
    prop::collection::vec(act, 1..25)
}

struct World {
    machine: Machine,
    writer: Option<LogWriter>,
    tails: Vec<Tail>,
    /// What has been acknowledged.
    sure: Vec<Vec<u32>>,
    /// What was under way when something went wrong.
    open: Option<Vec<(u32, u32)>>,
    next: u32,
    segment_bytes: u64,
}

impl World {
    fn new(seed: u64, segment_bytes: u64) -> Self {
        let machine = Machine::new(seed);
        let env = machine.start();
        let log = Log::on(&env, FOLDER);
        log.create_topic("t", PARTITIONS).unwrap();
        let tails = (0..PARTITIONS).map(|p| Tail::new(&log, p)).collect();
        World {
            machine,
            writer: None,
            tails,
            sure: vec![Vec::new(); PARTITIONS as usize],
            open: None,
            next: 0,
            segment_bytes,
        }
    }

    /// The log as a process sees it that never crashes.
    fn log(&self) -> (SimEnv, Log) {
        let env = self.machine.start();
        let log = Log::on(&env, FOLDER);
        (env, log)
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Append(n) => self.append(*n),
            Act::Struck(n, nth, how) => {
                let (nth, how) = (*nth, *how);
                self.machine.strike([Strike::Operation { nth, how }]);
                self.append(*n);
            }
            Act::Failing(n, class, nth, kind) => {
                self.machine.fail(*class, *nth, *kind);
                self.append(*n);
            }
            Act::Hand => self.writer = None,
            Act::Read => self.read(),
            Act::Resume => self.resume(),
            Act::PowerCut => {
                self.machine.lose_power();
                self.writer = None;
                self.resume();
            }
        }
        self.machine.heal();
    }

    fn append(&mut self, n: usize) {
        if !self.ensure_writer() {
            return;
        }
        let numbers: Vec<(u32, u32)> = (0..n as u32)
            .map(|i| ((self.next + i) % PARTITIONS, self.next + i))
            .collect();
        self.next += n as u32;
        let mut writer = self.writer.take().unwrap();
        self.open = Some(numbers.clone());
        let done = self.machine.step(|| append(&mut writer, &numbers));
        if let Some(Ok(())) = self.survived(done) {
            self.writer = Some(writer);
            self.open = None;
            take(&mut self.sure, &numbers);
        }
    }

    /// Opens a writer, if that succeeds; then it is known what became of the last one's append.
    fn ensure_writer(&mut self) -> bool {
        if self.writer.is_some() {
            return true;
        }
        let (_, log) = self.log();
        let opened = self.machine.step(|| log.writer("t"));
        let Some(Ok(writer)) = self.survived(opened) else {
            return false;
        };
        self.writer = Some(writer.segment_bytes(self.segment_bytes));
        self.settle();
        true
    }

    fn survived<T>(&mut self, done: Result<Result<T>, Crash>) -> Option<Result<T>> {
        // Faults are for one act only; what is looked at afterwards works.
        self.machine.heal();
        match done {
            Ok(done) => Some(done),
            Err(crash) => {
                if crash.how == How::Power {
                    self.resume();
                }
                None
            }
        }
    }

    /// The log holds what is sure and, perhaps, what was under way.
    fn settle(&mut self) {
        let found = contents(&self.log().1).unwrap();
        if let Some(open) = self.open.take() {
            let mut with = self.sure.clone();
            take(&mut with, &open);
            if found == with {
                self.sure = with;
            }
        }
        assert_eq!(found, self.sure);
        self.read();
    }

    fn read(&mut self) {
        let mut possible = self.sure.clone();
        take(&mut possible, self.open.as_deref().unwrap_or_default());
        let mut sees_open = false;
        for _ in 0..2 {
            for (p, tail) in self.tails.iter_mut().enumerate() {
                tail.catch_up().unwrap();
                assert!(possible[p].starts_with(&tail.seen), "{:?}", tail.seen);
                assert!(tail.seen.starts_with(&self.sure[p]) || self.writer.is_none());
                sees_open |= tail.seen.len() > self.sure[p].len();
            }
        }
        // All partitions see an append from the same moment on, and it is there to stay.
        if sees_open {
            for (tail, all) in self.tails.iter().zip(&possible) {
                assert_eq!(&tail.seen, all);
            }
            self.sure = possible;
            self.open = None;
        }
    }

    fn resume(&mut self) {
        let (_, log) = self.log();
        for (p, tail) in (0..).zip(&mut self.tails) {
            *tail = tail.resumed(&log, p).unwrap();
        }
        self.read();
    }
}

fn take(into: &mut [Vec<u32>], numbers: &[(u32, u32)]) {
    for (partition, number) in numbers {
        into[*partition as usize].push(*number);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_log_is_a_vector_that_survives(
        seed in any::<u64>(),
        segment_bytes in prop_oneof![Just(1_u64), Just(700), Just(1 << 20)],
        acts in acts(),
    ) {
        let mut world = World::new(seed, segment_bytes);
        for act in &acts {
            world.act(act);
        }
        world.writer = None;
        prop_assert!(world.ensure_writer());
        world.append(5);
        world.read();
        world.resume();
        prop_assert_eq!(contents(&world.log().1).unwrap(), world.sure);
    }
}

#[test]
fn a_full_disk_takes_nothing_back_and_the_same_writer_goes_on() {
    let machine = Machine::new(3);
    let env = machine.start();
    let log = Log::on(&env, FOLDER);
    log.create_topic("t", 1).unwrap();
    let mut writer = log.writer("t").unwrap();
    append(&mut writer, &[(0, 1)]).unwrap();
    let used = machine.used();
    for room in [0, 1, 30, 60, 200] {
        machine.capacity(Some(used + room));
        let many: Vec<(u32, u32)> = (10..400).map(|n| (0, n)).collect();
        let refused = append(&mut writer, &many).unwrap_err();
        assert!(refused.message().contains("no space is left"), "{refused}");
        machine.capacity(None);
        assert_eq!(contents(&log).unwrap(), [vec![1]], "{room}");
        // What was written in vain does not fill the disk.
        assert!(machine.used() <= used + 1_000, "{} {used}", machine.used());
    }
    append(&mut writer, &[(0, 2)]).unwrap();
    drop(writer);
    let mut writer = log.writer("t").unwrap();
    append(&mut writer, &[(0, 3)]).unwrap();
    assert_eq!(contents(&log).unwrap(), [vec![1, 2, 3]]);
}

#[test]
fn a_writer_that_does_not_know_what_became_of_its_append_stops() {
    let machine = Machine::new(4);
    let env = machine.start();
    let log = Log::on(&env, FOLDER);
    log.create_topic("t", 1).unwrap();
    let mut writer = log.writer("t").unwrap();
    append(&mut writer, &[(0, 1)]).unwrap();
    // The second sync of an append is that of the mark.
    machine.fail(Class::Sync, 2, ErrorKind::Other);
    append(&mut writer, &[(0, 2)]).unwrap_err();
    let stopped = append(&mut writer, &[(0, 3)]).unwrap_err();
    assert!(
        stopped.message().contains("an append failed before"),
        "{stopped}"
    );
    drop(writer);
    let mut writer = log.writer("t").unwrap();
    append(&mut writer, &[(0, 4)]).unwrap();
    assert_eq!(contents(&log).unwrap(), [vec![1, 2, 4]]);
}
