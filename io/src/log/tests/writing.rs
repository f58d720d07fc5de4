//! Topics, partitions, keys, locks.

use super::driver::{append, contents, new_log, offsets};
use crate::log::{Log, LogPlace, Message, partition_of_key};
use whitebeam_sdk::ErrorKind;

#[test]
fn what_is_flushed_is_there_by_partition_and_in_order() {
    let (_folder, log) = new_log(3);
    let mut writer = log.writer("t").unwrap();
    writer.push(Message::of(b"1").to(2)).unwrap();
    assert_eq!(
        (writer.waiting(), contents(&log).unwrap()),
        (1, vec![vec![]; 3])
    );
    for number in 2..60_u32 {
        let value = number.to_string();
        let message = Message::of(value.as_bytes()).to(number % 2);
        writer.push(message).unwrap();
    }
    let appended = writer.flush().unwrap();
    assert_eq!(appended, [(0, 0..29), (1, 0..29), (2, 0..1)]);
    assert_eq!(writer.flush().unwrap(), []);
    append(&mut writer, &[(1, 99)]).unwrap();
    assert_eq!(writer.next_offset(1), 30);
    let found = contents(&log).unwrap();
    assert_eq!(found[0], (2..60).step_by(2).collect::<Vec<u32>>());
    assert_eq!(found[1].last(), Some(&99));
    assert_eq!(found[2], [1]);
    assert_eq!(offsets(&log, &LogPlace::Latest), [29, 30, 1]);
}

#[test]
fn keys_choose_partitions() {
    let (_folder, log) = new_log(4);
    let mut writer = log.writer("t").unwrap();
    for number in 0..400_u32 {
        let (key, value) = (format!("key {}", number % 40), number.to_string());
        let message = Message::of(value.as_bytes()).key(key.as_bytes());
        writer.push(message).unwrap();
    }
    writer.flush().unwrap();
    for (partition, numbers) in (0..).zip(contents(&log).unwrap()) {
        assert!(
            numbers.len() > 30,
            "partition {partition} has {}",
            numbers.len()
        );
        assert!(numbers.is_sorted());
        for number in numbers {
            let key = format!("key {}", number % 40);
            assert_eq!(partition_of_key(key.as_bytes(), 4), partition);
        }
    }
}

#[test]
fn records_without_keys_go_round() {
    let (_folder, log) = new_log(3);
    let mut writer = log.writer("t").unwrap();
    for number in 0..7_u32 {
        writer
            .push(Message::of(number.to_string().as_bytes()))
            .unwrap();
    }
    writer.flush().unwrap();
    assert_eq!(
        contents(&log).unwrap(),
        [vec![0, 3, 6], vec![1, 4], vec![2, 5]]
    );
}

#[test]
fn a_topic_has_one_writer_and_the_next_is_told_who() {
    let (_folder, log) = new_log(1);
    let writer = log.writer("t").unwrap();
    let refused = log.writer("t").unwrap_err();
    assert_eq!(refused.code(), "L004");
    let text = refused.to_string();
    let me = format!("process {}", std::process::id());
    assert!(
        text.contains(&me) && text.contains("this very process"),
        "{text}"
    );
    // Who only reads needs no lock, and another topic has its own.
    assert_eq!(contents(&log).unwrap(), [vec![0; 0]]);
    log.create_topic("u", 1).unwrap();
    log.writer("u").unwrap();
    drop(writer);
    log.writer("t").unwrap();
}

#[test]
fn topics_are_made_once_and_found_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::at(folder.path().join("deep/down"));
    assert_eq!(log.topics().unwrap(), [""; 0]);
    let missing = log.partitions("a").unwrap_err();
    assert!(
        missing.message().contains("there is no topic `a`"),
        "{missing}"
    );
    log.create_topic("a", 2).unwrap();
    log.create_topic("a", 2).unwrap();
    log.create_topic("b.c-d_1", 1).unwrap();
    assert_eq!(log.topics().unwrap(), ["a", "b.c-d_1"]);
    assert_eq!(log.partitions("a").unwrap(), 2);
    let other = log.create_topic("a", 3).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Incompatible);
    let text = log.writer("c").unwrap_err().to_string();
    assert!(text.contains("it has: a, b.c-d_1"), "{text}");
    for (name, partitions) in [
        ("", 1),
        (".a", 1),
        ("a/b", 1),
        ("é", 1),
        ("c", 0),
        ("c", 5_000),
    ] {
        let refused = log.create_topic(name, partitions).unwrap_err();
        assert_eq!(
            refused.kind(),
            ErrorKind::InvalidPipeline,
            "{name} {partitions}"
        );
    }
    let mut writer = log.writer("a").unwrap();
    let refused = writer.push(Message::of(b"x").to(2)).unwrap_err();
    assert!(refused.message().contains("no partition 2"), "{refused}");
}

#[test]
fn partitions_can_be_added_and_old_records_stay() {
    let (_folder, log) = new_log(1);
    let mut writer = log.writer("t").unwrap();
    append(&mut writer, &[(0, 1)]).unwrap();
    writer.grow(3).unwrap();
    writer.grow(2).unwrap();
    append(&mut writer, &[(2, 2), (0, 3)]).unwrap();
    drop(writer);
    let mut writer = log.writer("t").unwrap();
    append(&mut writer, &[(1, 4)]).unwrap();
    assert_eq!(contents(&log).unwrap(), [vec![1, 3], vec![4], vec![2]]);
}

#[test]
fn many_segments_read_as_one_log() {
    for segment_bytes in [1, 600, 5_000] {
        let (_folder, log) = new_log(2);
        let mut expected = vec![Vec::new(); 2];
        for turn in 0..4 {
            let mut writer = log.writer("t").unwrap().segment_bytes(segment_bytes);
            for number in turn * 100..turn * 100 + 40 {
                append(&mut writer, &[(number % 2, number), (1, number)]).unwrap();
                expected[number as usize % 2].push(number);
                expected[1].push(number);
            }
        }
        assert_eq!(contents(&log).unwrap(), expected, "{segment_bytes}");
    }
}
