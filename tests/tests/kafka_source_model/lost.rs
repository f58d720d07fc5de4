//! A topic that is not the one that was read any more: cut, emptied, deleted and made again.

use super::{append, model, numbers, refused, send, writer};
use std::sync::{Arc, Mutex};
use whitebeam::Result;
use whitebeam::io::kafka::{Gap, KafkaSource};
use whitebeam::prelude::*;
use whitebeam::source::{Position, ReadOptions, Source};
use whitebeam_testkit::kafka::{KafkaModel, Row};
use whitebeam_tests::reading::{Read, drain};

type Numbers = KafkaSource<u32>;

/// Reads partition 0 from `at` on, as far as it goes.
fn go_on(source: &Numbers, at: Option<Position>) -> Result<Read<u32>> {
    let splits = source.discover(&[], 1)?;
    let reader = source.open(splits[0].clone(), at, &ReadOptions::default())?;
    drain(reader, &mut || ())
}

/// Partition 0 holds numbers 0 to 10, and a reader has read them.
fn read_to_ten() -> (KafkaModel, Numbers, Position) {
    let model = model(1);
    append(&model, 0, 0..10);
    let source = numbers(&model.kafka());
    let read = go_on(&source, None).unwrap();
    assert_eq!(read.values, (0..10).collect::<Vec<_>>());
    (model, source, read.at)
}

/// Numbers in a topic that was deleted and made again.
fn again(model: &KafkaModel, numbers: std::ops::Range<u32>) {
    model.delete("t");
    model.create("t", 1);
    append(model, 0, numbers);
}

#[test]
fn what_is_still_the_same_goes_on() {
    let (model, source, at) = read_to_ten();
    append(&model, 0, 10..12);
    assert_eq!(go_on(&source, Some(at)).unwrap().values, [10, 11]);
}

#[test]
fn a_partition_that_was_cut_is_told() {
    let (model, source, at) = read_to_ten();
    model.truncate("t", 0, 9);
    let e = refused(go_on(&source, Some(at)));
    assert_eq!((e.code(), e.kind()), ("K003", ErrorKind::Incompatible));
    let text = "topic `t`, partition 0: reading goes on at offset 10, but it ends at 9";
    assert!(e.message().contains(text), "{e}");
}

#[test]
fn a_partition_that_was_cut_and_has_grown_again_is_told() {
    let (model, source, at) = read_to_ten();
    model.truncate("t", 0, 9);
    append(&model, 0, 90..95);
    let e = refused(go_on(&source, Some(at)));
    assert_eq!((e.code(), e.kind()), ("K004", ErrorKind::Incompatible));
    assert!(e.message().contains("offset 9 holds another record"), "{e}");
    assert!(e.to_string().contains("key or value"), "{e}");
}

#[test]
fn a_topic_that_was_made_again_is_told_whatever_is_in_it() {
    for (numbers, code) in [(0..0, "K003"), (0..9, "K003"), (50..99, "K004")] {
        let (model, source, at) = read_to_ten();
        again(&model, numbers.clone());
        let e = refused(go_on(&source, Some(at)));
        assert_eq!(e.code(), code, "{numbers:?} {e}");
    }
    // The same values, but not the same records.
    let (model, source, at) = read_to_ten();
    model.delete("t");
    model.create("t", 1);
    for number in 0..20 {
        let row = Row::of(number.to_string()).at(Timestamp::from_secs(number));
        model.append("t", 0, row);
    }
    let e = refused(go_on(&source, Some(at)));
    assert_eq!(e.code(), "K004", "{e}");
    assert!(e.to_string().contains("timestamp is another"), "{e}");
}

#[test]
fn the_same_records_of_another_leader_are_others() {
    let model = model(1);
    let timed = |numbers: std::ops::Range<i64>| {
        for number in numbers {
            let row = Row::of(number.to_string()).at(Timestamp::from_secs(number));
            model.append("t", 0, row);
        }
    };
    timed(0..10);
    let source = numbers(&model.kafka());
    let at = go_on(&source, None).unwrap().at;
    model.truncate("t", 0, 5);
    timed(5..20);
    let e = refused(go_on(&source, Some(at)));
    assert_eq!(e.code(), "K004", "{e}");
    assert!(e.to_string().contains("Another leader wrote it"), "{e}");
}

#[test]
fn a_topic_that_is_made_again_under_a_reader_is_told() {
    let (model, source, _) = read_to_ten();
    model.truncate("t", 0, 10);
    append(&model, 0, 10..12);
    let splits = source.discover(&[], 1).unwrap();
    let mut reader = source
        .open(splits[0].clone(), None, &Default::default())
        .unwrap();
    let mut poll = || {
        let mut batch = whitebeam::batch::Batch::default();
        let poll = reader.poll(&mut batch);
        poll.map(|_| batch.take_values())
    };
    assert_eq!(poll().unwrap().last(), Some(&11));
    // Longer than what was read, so that every offset is there; but it has the first leader.
    again(&model, 100..120);
    let e = refused(poll());
    assert_eq!(e.code(), "K004", "{e}");
    assert!(e.to_string().contains("leader is older"), "{e}");
}

#[test]
fn a_topic_that_was_deleted_is_told() {
    let (model, source, at) = read_to_ten();
    model.delete("t");
    assert_eq!(refused(go_on(&source, Some(at))).code(), "K001");
}

#[test]
fn records_behind_the_last_one_where_there_were_none_are_told() {
    let model = model(1);
    append(&model, 0, 0..5);
    let mut bad = writer(&model, "bad");
    bad.begin().unwrap();
    send(&mut *bad, 0, 5..8);
    bad.abort(super::LONG).unwrap();
    let source = numbers(&model.kafka());
    let read = go_on(&source, None).unwrap();
    assert_eq!(read.values, [0, 1, 2, 3, 4]);
    // Who reads everything sees what was aborted; it is not told twice.
    let mut all = numbers(&model.kafka()).read_uncommitted();
    append(&model, 0, 9..10);
    let from_there = go_on(&all, Some(read.at.clone())).unwrap();
    assert_eq!(from_there.values, [9]);
    all = numbers(&model.kafka());
    assert_eq!(go_on(&all, Some(read.at.clone())).unwrap().values, [9]);
    model.truncate("t", 0, 5);
    append(&model, 0, 70..80);
    let e = refused(go_on(&source, Some(read.at)));
    assert_eq!(e.code(), "K004", "{e}");
    assert!(e.message().contains("offset 5"), "{e}");
}

#[test]
fn retention_that_overtakes_a_reader_is_told() {
    let (model, source, at) = read_to_ten();
    append(&model, 0, 10..20);
    model.retain_from("t", 0, 10);
    // The last record that was read is gone, but nothing that was not read.
    let all: Vec<u32> = (10..20).collect();
    assert_eq!(go_on(&source, Some(at.clone())).unwrap().values, all);
    model.retain_from("t", 0, 13);
    let e = refused(go_on(&source, Some(at)));
    assert_eq!((e.code(), e.kind()), ("K002", ErrorKind::Unavailable));
    let text = "topic `t`, partition 0: offset 10 is gone; it begins at 13 now";
    assert!(e.message().contains(text), "{e}");
    assert!(e.to_string().contains(".on_data_loss("), "{e}");
}

#[test]
fn who_hears_of_gaps_goes_on_behind_them() {
    let (model, source, at) = read_to_ten();
    let gaps = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&gaps);
    let source = source.on_data_loss(move |gap: &Gap| heard.lock().unwrap().push(gap.clone()));
    append(&model, 0, 10..20);
    model.retain_from("t", 0, 13);
    let read = go_on(&source, Some(at)).unwrap();
    assert_eq!(read.values, (13..20).collect::<Vec<_>>());
    let gap = Gap {
        topic: "t".into(),
        partition: 0,
        offsets: 10..13,
    };
    assert_eq!(*gaps.lock().unwrap(), [gap]);
    // A topic that was cut or made again is no gap.
    model.truncate("t", 0, 15);
    assert_eq!(refused(go_on(&source, Some(read.at))).code(), "K003");
}

#[test]
fn a_reader_that_is_overtaken_on_its_way_says_so_or_goes_on() {
    for hears in [false, true] {
        let model = model(1);
        append(&model, 0, 0..40);
        let mut source = numbers(&model.kafka());
        if hears {
            source = source.on_data_loss(|_| ());
        }
        let splits = source.discover(&[], 1).unwrap();
        let options = ReadOptions {
            max_elements: Some(10),
            ..ReadOptions::default()
        };
        let mut reader = source.open(splits[0].clone(), None, &options).unwrap();
        let mut batch = whitebeam::batch::Batch::default();
        reader.poll(&mut batch).unwrap();
        assert_eq!(batch.values().last(), Some(&9));
        model.retain_from("t", 0, 25);
        let rest = drain(reader, &mut || ());
        match hears {
            true => assert_eq!(rest.unwrap().values, (25..40).collect::<Vec<_>>()),
            false => assert_eq!(refused(rest).code(), "K002"),
        }
    }
}

#[test]
fn a_compacted_topic_that_lost_the_last_record_goes_on_with_the_next() {
    let model = KafkaModel::new(
        &whitebeam_testkit::sim::Machine::new(1),
        1,
        whitebeam_testkit::kafka::Faults::none(),
    );
    model.create_compacted("t", 1);
    let put = |key: &str, number: u32| {
        model.append("t", 0, Row::of(number.to_string()).key(key));
    };
    put("a", 0);
    put("b", 1);
    let source = numbers(&model.kafka());
    let read = go_on(&source, None).unwrap();
    assert_eq!(read.values, [0, 1]);
    put("b", 2);
    put("c", 3);
    model.compact("t");
    let rest = go_on(&source, Some(read.at)).unwrap();
    assert_eq!(rest.values, [2, 3]);
}
