//! Readers between whose operations another process appends, hands over or is killed, at every
//! operation and at every two; and writers between whose operations a reader looks. What is under way
//! is nothing or whole, never damage.

use super::driver::{Tail, append};
use crate::log::{Log, LogPlace, LogWriter, Message};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use whitebeam_sdk::Result;
use whitebeam_testkit::sim::{How, Machine, Moment, SimEnv, Strike};

const FOLDER: &str = "/log";

/// What the writing process does.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// One append of so many records.
    Append(u32),
    /// One append, to a segment of its own.
    Turn,
    /// The writer ends, and another appends.
    Hand,
    /// It is killed amid this operation of its append; the next one finds what it left.
    Killed(u64),
}

/// Acts of which each may come between any two operations.
const ACTS: [Act; 7] = [
    Act::Append(2),
    Act::Turn,
    Act::Hand,
    Act::Killed(1),
    Act::Killed(2),
    Act::Killed(3),
    Act::Killed(4),
];

/// How somebody reads.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// Has read before and waited at the end.
    Waiting,
    /// Begins.
    Fresh,
    /// Begins anew where it was before it was restarted.
    Resumed,
    /// Asks for the end.
    Latest,
}

/// The writing side: one writer after another.
#[derive(Default)]
struct Writing {
    process: Option<SimEnv>,
    writer: Option<LogWriter>,
    next: u32,
    /// Holds numbers whose append was acknowledged.
    sure: Vec<u32>,
}

impl Writing {
    fn act(&mut self, machine: &Machine, act: Act) {
        match act {
            Act::Append(n) => self.append(machine, n, u64::MAX),
            Act::Turn => self.append(machine, 1, 1),
            Act::Hand => {
                self.end(machine);
                self.append(machine, 1, u64::MAX);
            }
            Act::Killed(nth) => self.die(machine, nth),
        }
    }

    fn append(&mut self, machine: &Machine, n: u32, segment_bytes: u64) {
        let mut writer = self.take(machine).segment_bytes(segment_bytes);
        let numbers = self.draw(n);
        append(&mut writer, &numbers).unwrap();
        self.sure.extend(numbers.iter().map(|(_, number)| number));
        self.writer = Some(writer);
    }

    fn die(&mut self, machine: &Machine, nth: u64) {
        // Made before the blow, so that it meets the append itself.
        let mut writer = self.take(machine);
        let numbers = self.draw(1);
        let how = How::Kill;
        machine.strike([Strike::Operation { nth, how }]);
        if let Ok(appended) = machine.step(|| append(&mut writer, &numbers)) {
            appended.unwrap();
            self.sure.extend(numbers.iter().map(|(_, number)| number));
        }
        machine.heal();
        drop(writer);
        self.end(machine);
    }

    fn take(&mut self, machine: &Machine) -> LogWriter {
        self.writer.take().unwrap_or_else(|| {
            let process = self.process.insert(machine.start());
            Log::on(process, FOLDER).writer("t").unwrap()
        })
    }

    fn draw(&mut self, n: u32) -> Vec<(u32, u32)> {
        let numbers = self.next..self.next + n;
        self.next = numbers.end;
        numbers.map(|number| (0, number)).collect()
    }

    fn end(&mut self, machine: &Machine) {
        self.writer = None;
        if let Some(process) = self.process.take() {
            machine.kill(&process);
        }
    }
}

/// What comes between operations of the reader: the first before its `nth` from now, the next before
/// the `nth` after that, and so on.
type Plan = VecDeque<(u64, Act)>;

fn arm(machine: &Machine, writing: &Arc<Mutex<Writing>>, mut plan: Plan, left: &Arc<Mutex<usize>>) {
    *left.lock().unwrap() = plan.len();
    let Some((nth, act)) = plan.pop_front() else {
        return;
    };
    let (on, by, rest) = (machine.clone(), Arc::clone(writing), Arc::clone(left));
    machine.meanwhile(Moment::Operation { nth }, move || {
        by.lock().unwrap().act(&on, act);
        arm(&on, &by, plan, &rest);
    });
}

/// What was written before the reader begins: acts, and how much of it a reader has seen.
fn begin(seed: u64, before: &[Act]) -> (Machine, Arc<Mutex<Writing>>, Log, Tail) {
    let machine = Machine::new(seed);
    let log = Log::on(&machine.start(), FOLDER);
    log.create_topic("t", 1).unwrap();
    let mut writing = Writing::default();
    for act in before {
        writing.act(&machine, *act);
    }
    let mut tail = Tail::new(&log, 0);
    tail.catch_up().unwrap();
    (machine, Arc::new(Mutex::new(writing)), log, tail)
}

/// Looks once while the plan is carried out, and how much of it was not.
fn look(seed: u64, before: &[Act], how: Look, plan: Plan) -> Result<usize> {
    let (machine, writing, log, mut tail) = begin(seed, before);
    let left = Arc::default();
    let sure = writing.lock().unwrap().sure.len();
    arm(&machine, &writing, plan, &left);
    match how {
        Look::Waiting => tail.catch_up()?,
        Look::Fresh => {
            tail = Tail::new(&log, 0);
            tail.catch_up()?;
        }
        Look::Resumed => {
            tail = tail.resumed(&log, 0)?;
            tail.catch_up()?;
        }
        Look::Latest => {
            let [end] = log.offsets("t", &LogPlace::Latest)?[..] else {
                panic!("one partition");
            };
            assert!(end as usize >= sure, "{end} of {sure}");
        }
    }
    machine.heal();
    assert!(tail.seen.len() >= sure || matches!(how, Look::Latest));
    // Nothing that was seen is taken back, and whoever comes later sees the same.
    let mut writing = writing.lock().unwrap();
    writing.act(&machine, Act::Hand);
    tail.catch_up()?;
    let mut fresh = Tail::new(&log, 0);
    fresh.catch_up()?;
    assert_eq!(tail.seen, fresh.seen);
    assert!(tail.seen.is_sorted(), "{:?}", tail.seen);
    let is_sure = |number: &&u32| writing.sure.contains(number);
    let seen: Vec<u32> = tail.seen.iter().filter(is_sure).copied().collect();
    assert_eq!(seen, writing.sure);
    let left = *left.lock().unwrap();
    Ok(left)
}

/// Carries out `plan`, and says how much of it did not come.
fn must_look(seed: u64, before: &[Act], how: Look, plan: &[(u64, Act)]) -> usize {
    let left = look(seed, before, how, plan.iter().copied().collect());
    left.unwrap_or_else(|e| panic!("seed {seed}, {before:?}, {how:?}, {plan:?}: {e}"))
}

const LOOKS: [Look; 4] = [Look::Waiting, Look::Fresh, Look::Resumed, Look::Latest];

/// What a reader may find at the end: nothing, frames, and what a killed writer left of one.
const BEFORE: [&[Act]; 6] = [
    &[],
    &[Act::Append(3)],
    &[Act::Turn, Act::Append(3)],
    &[Act::Append(3), Act::Killed(1)],
    &[Act::Append(3), Act::Killed(2)],
    &[Act::Append(3), Act::Killed(3)],
];

#[test]
fn what_others_do_between_any_two_operations_of_a_reader_is_no_damage() {
    let mut looks = 0;
    for before in BEFORE {
        for (how, act) in LOOKS.iter().flat_map(|how| ACTS.map(|act| (*how, act))) {
            for seed in 0..4 {
                let mut nth = 1;
                while must_look(seed, before, how, &[(nth, act)]) == 0 {
                    nth += 1;
                }
                assert!(nth > 3, "{how:?} takes {nth} operations");
                looks += nth;
            }
        }
    }
    println!("{looks} looks");
}

#[test]
fn nor_is_what_they_do_at_any_two_moments() {
    let mut looks = 0;
    let acts = [Act::Append(1), Act::Turn, Act::Hand, Act::Killed(3)];
    for before in [BEFORE[0], BEFORE[1], BEFORE[4]] {
        let all = LOOKS.iter().flat_map(|how| acts.map(|act| (*how, act)));
        for ((how, first), second) in all.flat_map(|one| acts.map(|act| (one, act))) {
            let mut nth = 1;
            loop {
                let (mut gap, mut left) = (1, 0);
                while left == 0 {
                    left = must_look(looks, before, how, &[(nth, first), (gap, second)]);
                    gap += 1;
                    looks += 1;
                }
                if left == 2 {
                    break;
                }
                nth += 1;
            }
        }
    }
    println!("{looks} looks");
}

/// A reader that looks before each operation of a plan.
fn watch(
    machine: &Machine,
    tail: &Arc<Mutex<Tail>>,
    mut plan: VecDeque<u64>,
    left: &Arc<Mutex<usize>>,
) {
    *left.lock().unwrap() = plan.len();
    let Some(nth) = plan.pop_front() else {
        return;
    };
    let (on, by, rest) = (machine.clone(), Arc::clone(tail), Arc::clone(left));
    machine.meanwhile(Moment::Operation { nth }, move || {
        by.lock().unwrap().catch_up().unwrap();
        let seen = by.lock().unwrap().seen.len();
        assert!([3, 5].contains(&seen), "{seen} of an append are there");
        watch(&on, &by, plan, &rest);
    });
}

/// Appends two records while a reader looks at these moments; how many of them did not come.
fn append_watched(width: usize, segment_bytes: u64, plan: &[u64]) -> usize {
    let (machine, writing, _, tail) = begin(0, &[Act::Append(3)]);
    let (tail, left) = (Arc::new(Mutex::new(tail)), Arc::default());
    let writer = writing.lock().unwrap().take(&machine);
    let mut writer = writer.segment_bytes(segment_bytes);
    watch(&machine, &tail, plan.iter().copied().collect(), &left);
    for number in [3, 4] {
        let value = format!("{}{number}", "0".repeat(width));
        writer.push(Message::of(value.as_bytes())).unwrap();
    }
    writer.flush().unwrap();
    machine.heal();
    let mut tail = tail.lock().unwrap();
    tail.catch_up().unwrap();
    assert_eq!(
        tail.seen,
        [0, 1, 2, 3, 4],
        "{width}, {segment_bytes}, {plan:?}"
    );
    *left.lock().unwrap()
}

#[test]
fn a_reader_between_any_two_operations_of_an_append_sees_nothing_of_it_or_all() {
    // A value of a megabyte is written by more than one operation.
    for (width, segment_bytes) in [(0, u64::MAX), (0, 1), (1 << 20, u64::MAX), (1 << 20, 1)] {
        let mut nth = 1;
        loop {
            let (mut gap, mut left) = (1, 0);
            while left == 0 {
                left = append_watched(width, segment_bytes, &[nth, gap]);
                gap += 1;
            }
            if left == 2 {
                break;
            }
            nth += 1;
        }
        assert!(nth > 4, "an append takes {nth} operations");
    }
}
