//! Where reading begins and ends.

use super::driver::{append, new_log, numbers, offsets, read};
use crate::log::{Log, LogPlace, LogSource, Message};
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_sdk::Timestamp;
use whitebeam_testkit::sim::Machine;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

/// Twelve records in two partitions, appended by ones and twos, with these event times.
fn disordered(log: &Log, segment_bytes: u64) {
    let times: [&[(u32, i64)]; 7] = [
        &[(0, 10)],
        &[(0, 30), (1, 5)],
        &[(0, 20)],
        &[(1, 40), (1, 35)],
        &[(0, 60), (0, 50), (0, 50)],
        &[(1, 40), (0, 55)],
        &[(0, 70)],
    ];
    let mut writer = log.writer("t").unwrap().segment_bytes(segment_bytes);
    let mut number = 0;
    for append in times {
        for (partition, time) in append {
            let value = number.to_string();
            number += 1;
            let message = Message::of(value.as_bytes()).to(*partition);
            writer.push(message.at(at(*time))).unwrap();
        }
        writer.flush().unwrap();
    }
}

#[test]
fn places_mean_these_offsets() {
    let table = [
        (LogPlace::Earliest, [0, 0]),
        (LogPlace::Latest, [8, 4]),
        (LogPlace::Offset(3), [3, 3]),
        (LogPlace::Offsets([(1, 2)].into()), [0, 2]),
        // Partition 0 holds 10 30 20 60 50 50 55 70, partition 1 holds 5 40 35 40.
        (LogPlace::Time(at(0)), [0, 0]),
        (LogPlace::Time(at(5)), [0, 0]),
        (LogPlace::Time(at(6)), [0, 1]),
        (LogPlace::Time(at(20)), [1, 1]),
        (LogPlace::Time(at(30)), [1, 1]),
        (LogPlace::Time(at(31)), [3, 1]),
        (LogPlace::Time(at(40)), [3, 1]),
        (LogPlace::Time(at(41)), [3, 4]),
        (LogPlace::Time(at(60)), [3, 4]),
        (LogPlace::Time(at(61)), [7, 4]),
        (LogPlace::Time(at(71)), [8, 4]),
    ];
    for segment_bytes in [1, 500, 1 << 20] {
        let (_folder, log) = new_log(2);
        disordered(&log, segment_bytes);
        for (place, expected) in &table {
            assert_eq!(offsets(&log, place), expected, "{place:?} {segment_bytes}");
        }
        let refused = log.offsets("t", &LogPlace::Offsets([(2, 0)].into()));
        assert!(refused.unwrap_err().message().contains("no partition 2"));
    }
}

#[test]
fn nothing_at_or_behind_a_time_is_missed_by_who_begins_there() {
    let mut random = fastrand::Rng::with_seed(7);
    for segment_bytes in [1, 2_000] {
        let (_folder, log) = new_log(1);
        let mut writer = log.writer("t").unwrap().segment_bytes(segment_bytes);
        let mut times = Vec::new();
        for _ in 0..60 {
            for _ in 0..random.usize(1..5) {
                let time = times.len() as i64 + random.i64(0..20);
                let value = times.len().to_string();
                writer
                    .push(Message::of(value.as_bytes()).at(at(time)))
                    .unwrap();
                times.push(time);
            }
            writer.flush().unwrap();
        }
        for time in -1..*times.iter().max().unwrap() + 2 {
            let expected = times.iter().position(|t| *t >= time).unwrap_or(times.len());
            assert_eq!(
                offsets(&log, &LogPlace::Time(at(time))),
                [expected as u64],
                "{time}"
            );
        }
    }
}

#[test]
fn append_times_come_from_the_clock_and_never_go_back() {
    let machine = Machine::new(1);
    let env = machine.start();
    let log = Log::on(&env, "/log");
    log.create_topic("t", 1).unwrap();
    let mut writer = log.writer("t").unwrap();
    let mut appended = Vec::new();
    for (number, jump) in (0..).zip([5_000_000, 1_000_000, -90_000_000, 3_000_000]) {
        machine.jump(jump);
        appended.push(Timestamp::from_micros(env.now().0));
        append(&mut writer, &[(0, number)]).unwrap();
    }
    let [first, second, back, after] = appended[..] else {
        panic!("four appends");
    };
    assert!(back < first && after < first);
    for (place, expected) in [
        (LogPlace::Appended(Timestamp::MIN), 0),
        (LogPlace::Appended(first), 0),
        (LogPlace::Appended(first.next()), 1),
        (LogPlace::Appended(second), 1),
        (LogPlace::Appended(second.next()), 4),
        // Records without event times have the time of their append.
        (LogPlace::Time(second), 1),
        (LogPlace::Time(second.next()), 4),
    ] {
        assert_eq!(offsets(&log, &place), [expected], "{place:?}");
    }
    machine.advance(Duration::from_secs(600));
    append(&mut writer, &[(0, 4)]).unwrap();
    assert_eq!(offsets(&log, &LogPlace::Appended(second.next())), [4]);
}

#[test]
fn reading_begins_and_ends_where_it_is_told() {
    let (_folder, log) = new_log(2);
    disordered(&log, 500);
    let all = [vec![0, 1, 3, 6, 7, 8, 10, 11], vec![2, 4, 5, 9]];
    let whole = |source: LogSource<u32>| read(&source).unwrap();
    assert_eq!(whole(numbers(&log).until(LogPlace::Latest)), all);
    for (from, until, expected) in [
        (
            LogPlace::Latest,
            LogPlace::Latest,
            [&all[0][8..], &all[1][4..]],
        ),
        (
            LogPlace::Offset(2),
            LogPlace::Offset(3),
            [&all[0][2..3], &all[1][2..3]],
        ),
        (LogPlace::Offset(3), LogPlace::Offset(2), [&[], &[]]),
        (
            LogPlace::Earliest,
            LogPlace::Time(at(41)),
            [&all[0][..3], &all[1][..]],
        ),
        (
            LogPlace::Time(at(31)),
            LogPlace::Latest,
            [&all[0][3..], &all[1][1..]],
        ),
        (
            LogPlace::Earliest,
            LogPlace::Offsets([(0, 1)].into()),
            [&all[0][..1], &all[1]],
        ),
    ] {
        let source = numbers(&log).from(from.clone()).until(until.clone());
        assert_eq!(whole(source), expected, "{from:?} {until:?}");
    }
}

#[test]
fn the_end_is_that_of_the_beginning() {
    let (_folder, log) = new_log(1);
    let mut writer = log.writer("t").unwrap();
    append(&mut writer, &[(0, 1), (0, 2)]).unwrap();
    let source = numbers(&log).until(LogPlace::Latest);
    let splits = whitebeam_sdk::source::Source::discover(&source, &[], 1).unwrap();
    append(&mut writer, &[(0, 3)]).unwrap();
    let open =
        whitebeam_sdk::source::Source::open(&source, splits[0].clone(), None, &Default::default());
    assert_eq!(super::driver::drain(open.unwrap()).unwrap().0, [1, 2]);
}

#[test]
fn places_are_read_from_text() {
    for (text, place) in [
        ("earliest", Some(LogPlace::Earliest)),
        ("latest", Some(LogPlace::Latest)),
        ("0", Some(LogPlace::Offset(0))),
        ("1970-01-01T00:01:00Z", Some(LogPlace::Time(at(60)))),
        ("-1", None),
        ("", None),
        ("first", None),
    ] {
        assert_eq!(text.parse().ok(), place, "{text}");
    }
}
