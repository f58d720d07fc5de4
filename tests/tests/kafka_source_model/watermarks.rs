//! What a partition promises, what it owes, and what its silence means.

use super::{append, model, numbers, send, writer};
use std::time::Duration;
use whitebeam::batch::Batch;
use whitebeam::io::kafka::KafkaPlace;
use whitebeam::prelude::*;
use whitebeam::source::{Poll, ReadOptions, Reader, Source, Watermarks};

fn poll(reader: &mut dyn Reader<u32>) -> (Poll, Vec<u32>) {
    let mut batch = Batch::default();
    let poll = reader.poll(&mut batch).unwrap();
    (poll, batch.take_values())
}

const IDLE: Poll = Poll::Idle(Timestamp::MIN);
const WAITING: Poll = Poll::Waiting(Timestamp::MIN);

#[test]
fn only_a_reader_that_has_caught_up_is_idle() {
    let model = model(1);
    append(&model, 0, 0..2);
    let source = numbers(&model.kafka());
    let splits = source.discover(&[], 1).unwrap();
    let open = || source.open(splits[0].clone(), None, &ReadOptions::default());
    let mut reader = open().unwrap();
    assert_eq!(poll(&mut *reader), (Poll::More, vec![0, 1]));
    assert_eq!(poll(&mut *reader), (IDLE, vec![]));
    model.broker_down(Duration::from_secs(100));
    assert_eq!(poll(&mut *reader), (WAITING, vec![]));
    assert_eq!(poll(&mut *open().unwrap()), (WAITING, vec![]));
    model.broker_up();
    assert_eq!(poll(&mut *reader), (IDLE, vec![]));
    append(&model, 0, 2..3);
    assert_eq!(poll(&mut *reader), (Poll::More, vec![2]));
}

#[test]
fn a_bounded_reader_waits_for_its_end_only_while_nobody_answers() {
    let model = model(1);
    append(&model, 0, 0..2);
    let source = numbers(&model.kafka()).until(KafkaPlace::Offset(3));
    let splits = source.discover(&[], 1).unwrap();
    let mut reader = source
        .open(splits[0].clone(), None, &ReadOptions::default())
        .unwrap();
    model.broker_down(Duration::from_secs(100));
    assert_eq!(poll(&mut *reader).0, WAITING);
    model.broker_up();
    assert_eq!(poll(&mut *reader), (Poll::More, vec![0, 1]));
    assert_eq!(poll(&mut *reader).0, IDLE);
    append(&model, 0, 2..9);
    let (last, values) = poll(&mut *reader);
    assert_eq!((last, values), (Poll::End, vec![2]));
    assert_eq!(poll(&mut *reader), (Poll::End, vec![]));
}

#[test]
fn a_reader_knows_what_it_owes() {
    let model = model(1);
    append(&model, 0, 0..10);
    let source = numbers(&model.kafka());
    let splits = source.discover(&[], 1).unwrap();
    let options = ReadOptions {
        max_elements: Some(4),
        ..ReadOptions::default()
    };
    let mut reader = source.open(splits[0].clone(), None, &options).unwrap();
    assert_eq!(reader.backlog(), None, "nobody has answered yet");
    poll(&mut *reader);
    assert_eq!(reader.backlog(), Some(6));
    assert_eq!(reader.describe_position(), "offset 4");
    assert_eq!((reader.progress().done, reader.progress().total), (4, None));
    // What is open is not owed, what is committed is.
    let mut open = writer(&model, "open");
    open.begin().unwrap();
    send(&mut *open, 0, 10..16);
    poll(&mut *reader);
    assert_eq!(reader.backlog(), Some(2));
    open.commit(super::LONG).unwrap();
    poll(&mut *reader);
    assert_eq!(reader.backlog(), Some(5), "four records and their end");
    let bounded = numbers(&model.kafka()).until(KafkaPlace::Offset(6));
    let splits = bounded.discover(&[], 1).unwrap();
    let mut reader = bounded.open(splits[0].clone(), None, &options).unwrap();
    poll(&mut *reader);
    assert_eq!(reader.backlog(), Some(2));
    assert_eq!(reader.progress().total, Some(6));
}

#[test]
fn watermarks_follow_the_records_and_go_on_where_they_were() {
    let model = model(1);
    append(&model, 0, [50, 40]);
    let source = numbers(&model.kafka()).event_time(|n| Timestamp::from_secs(i64::from(*n)));
    let source = source.bounded_out_of_orderness(seconds(30));
    let splits = source.discover(&[], 1).unwrap();
    let open = |at, options: &ReadOptions| source.open(splits[0].clone(), at, options).unwrap();
    let mut reader = open(None, &ReadOptions::default());
    assert_eq!(reader.watermark(), Timestamp::MIN - seconds(30));
    poll(&mut *reader);
    assert_eq!(reader.watermark(), Timestamp::from_secs(20));
    append(&model, 0, [10]);
    let mut resumed = open(Some(reader.position()), &ReadOptions::default());
    assert_eq!(resumed.watermark(), Timestamp::from_secs(20));
    assert_eq!(poll(&mut *resumed), (Poll::More, vec![10]));
    assert_eq!(resumed.watermark(), Timestamp::from_secs(20));
    let certain = ReadOptions {
        watermarks: Watermarks::Certain,
        ..ReadOptions::default()
    };
    let mut certain = open(None, &certain);
    poll(&mut *certain);
    assert_eq!(certain.watermark(), Timestamp::MIN);
}

#[test]
fn a_checkpoint_is_shown_to_who_watches_the_group() {
    let model = model(2);
    append(&model, 0, 0..5);
    let quiet = numbers(&model.kafka());
    let source = numbers(&model.kafka()).commit_group_offsets("shop");
    let mut stood = Vec::new();
    for split in source.discover(&[], 1).unwrap() {
        let mut reader = source.open(split.clone(), None, &Default::default());
        let reader = reader.as_mut().unwrap();
        poll(&mut **reader);
        stood.push((split, reader.position()));
    }
    quiet.checkpointed(&stood).unwrap();
    assert!(model.group("shop", "t").is_empty());
    source.checkpointed(&[]).unwrap();
    source.checkpointed(&stood).unwrap();
    assert_eq!(model.group("shop", "t"), [(0, 5), (1, 0)].into());
    let rest = numbers(&model.kafka()).from(KafkaPlace::group("shop", KafkaPlace::Earliest));
    append(&model, 0, 5..6);
    assert_eq!(super::read(&rest).unwrap(), [vec![5], vec![]]);
}
