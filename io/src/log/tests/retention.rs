//! What is removed, when, and what a reader hears of it.

use super::driver::{Tail, append, contents, new_log, numbers, offsets};
use crate::log::{Log, LogPlace, LogWriter, Retention};
use std::path::Path;
use std::time::Duration;
use whitebeam_sdk::source::{ReadOptions, Source};
use whitebeam_sdk::time::minutes;
use whitebeam_testkit::sim::Machine;

/// Appends numbers one by one, each to a segment of its own.
fn fill(writer: &mut LogWriter, numbers: std::ops::Range<u32>) {
    for number in numbers {
        append(writer, &[(0, number)]).unwrap();
    }
}

fn segments(log: &Log) -> usize {
    log.topic("t").unwrap().segments().unwrap().len()
}

#[test]
fn the_oldest_segments_go_when_there_are_too_many_bytes() {
    let (_folder, log) = new_log(1);
    let kept = Retention::everything().at_least_bytes(1_000);
    let mut writer = log.writer("t").unwrap().segment_bytes(1).retain(kept);
    fill(&mut writer, 0..50);
    let bytes: u64 = log
        .topic("t")
        .unwrap()
        .segments()
        .unwrap()
        .iter()
        .map(|(_, len)| len)
        .sum();
    assert!((1_000..1_600).contains(&bytes), "{bytes}");
    let [earliest] = offsets(&log, &LogPlace::Earliest)[..] else {
        panic!("one partition");
    };
    assert!((35..50).contains(&earliest), "{earliest}");
    assert_eq!(offsets(&log, &LogPlace::Latest), [50]);
    // The last segment stays, whatever is asked for.
    let mut writer = writer.retain(Retention::everything().at_least_bytes(0));
    writer.enforce_retention().unwrap();
    assert_eq!(
        (segments(&log), offsets(&log, &LogPlace::Earliest)),
        (1, vec![49])
    );
}

#[test]
fn segments_go_when_all_in_them_is_too_old() {
    let machine = Machine::new(1);
    let env = machine.start();
    let log = Log::on(&env, "/log");
    log.create_topic("t", 1).unwrap();
    let mut writer = log.writer("t").unwrap().segment_bytes(1);
    for number in 0..10 {
        fill(&mut writer, number..number + 1);
        machine.advance(Duration::from_secs(60));
    }
    for (age, left) in [(11, 0), (6, 4), (6, 4), (2, 8), (0, 9)] {
        writer = writer.retain(Retention::everything().at_least_age(minutes(age)));
        writer.enforce_retention().unwrap();
        assert_eq!(offsets(&log, &LogPlace::Earliest), [left], "{age} minutes");
    }
}

#[test]
fn a_reader_that_was_overtaken_hears_which_records_are_gone() {
    let (_folder, log) = new_log(1);
    let mut writer = log.writer("t").unwrap().segment_bytes(1);
    fill(&mut writer, 0..20);
    let source = numbers(&log);
    let splits = source.discover(&[], 1).unwrap();
    let mut slow = Tail::new(&log, 0);
    let mut writer = writer.retain(Retention::everything().at_least_bytes(1));
    assert!(writer.enforce_retention().unwrap() > 15);
    let overtaken = slow.catch_up().unwrap_err();
    assert_eq!(overtaken.code(), "L001");
    let text = overtaken.to_string();
    for part in [
        "topic `t`, partition 0: offset 0 is gone",
        "the log begins at 19",
        "removed 19 records",
        "begin at offset 19",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // The same from a source, at a stored position and at a place that is gone.
    let mut reader = source
        .open(splits[0].clone(), None, &ReadOptions::default())
        .unwrap();
    let refused = reader.poll(&mut Default::default()).unwrap_err();
    assert_eq!(refused.code(), "L001");
    let early = numbers(&log)
        .from(LogPlace::Offset(18))
        .until(LogPlace::Latest);
    assert_eq!(super::driver::read(&early).unwrap_err().code(), "L001");
    let fine = numbers(&log)
        .from(LogPlace::Earliest)
        .until(LogPlace::Latest);
    assert_eq!(super::driver::read(&fine).unwrap(), [[19]]);
}

#[test]
fn a_reader_amid_a_segment_that_goes_reads_it_to_its_end() {
    let (_folder, log) = new_log(1);
    let mut writer = log.writer("t").unwrap().segment_bytes(1_000);
    fill(&mut writer, 0..3);
    let mut tail = Tail::new(&log, 0);
    tail.catch_up().unwrap();
    fill(&mut writer, 3..12);
    let mut writer = writer.segment_bytes(1);
    fill(&mut writer, 12..13);
    let mut writer = writer.retain(Retention::everything().at_least_bytes(1));
    writer.enforce_retention().unwrap();
    let earliest = offsets(&log, &LogPlace::Earliest)[0];
    assert_eq!(earliest, 12);
    // What it has open is there for it, also after its name is gone.
    tail.catch_up().unwrap();
    assert_eq!(tail.seen, (0..13).collect::<Vec<u32>>());
}

#[test]
fn a_power_cut_amid_a_removal_leaves_a_log_without_a_gap() {
    for seed in 0..40 {
        let machine = Machine::new(seed);
        let env = machine.start();
        let log = Log::on(&env, "/log");
        log.create_topic("t", 1).unwrap();
        let mut writer = log.writer("t").unwrap().segment_bytes(1);
        fill(&mut writer, 0..9);
        let mut writer = writer.retain(Retention::everything().at_least_bytes(300));
        machine.strike([whitebeam_testkit::sim::Strike::Operation {
            nth: 3 + seed % 9,
            how: whitebeam_testkit::sim::How::Power,
        }]);
        let _ = machine.step(|| writer.enforce_retention());
        machine.heal();
        let env = machine.start();
        let log = Log::on(&env, "/log");
        let earliest = offsets(&log, &LogPlace::Earliest)[0];
        let all = numbers(&log).until(LogPlace::Latest);
        let expected: Vec<u32> = (earliest as u32..9).collect();
        assert_eq!(
            super::driver::read(&all).unwrap(),
            [expected],
            "seed {seed}"
        );
        let mut writer = log.writer("t").unwrap();
        append(&mut writer, &[(0, 9)]).unwrap();
        let files = machine.observer().list(Path::new("/log/t")).unwrap();
        assert!(files.len() < 40);
    }
}

#[test]
fn everything_is_kept_unless_told_otherwise() {
    let (_folder, log) = new_log(1);
    let mut writer = log.writer("t").unwrap().segment_bytes(1);
    fill(&mut writer, 0..30);
    assert_eq!(writer.enforce_retention().unwrap(), 0);
    assert_eq!(contents(&log).unwrap()[0].len(), 30);
}
