//! What a record becomes: its value, all of it, nothing, or a dead letter.

use super::{model, numbers, read, refused};
use whitebeam::io::codec::{Raw, Utf8};
use whitebeam::io::kafka::{
    Decoded, KafkaPlace, KafkaRecord, KafkaSource, KafkaSplit, Undecodable,
};
use whitebeam::prelude::*;
use whitebeam_testkit::kafka::{KafkaModel, Row};

/// Offset 0 a number, 1 a tombstone, 2 something else, 3 a number, 4 a tombstone.
fn mixed() -> KafkaModel {
    let model = model(1);
    let rows = [
        Row::of("0")
            .key("a")
            .header("trace", "x")
            .header("trace", "y"),
        Row::tombstone("a"),
        Row::of([b'{', 0xff]).key("b"),
        Row::of("3"),
        Row::tombstone("b"),
    ];
    for (second, row) in (0..).zip(rows) {
        model.append("t", 0, row.at(Timestamp::from_secs(second)));
    }
    model
}

#[test]
fn a_record_that_means_nothing_ends_the_run_by_name() {
    let model = mixed();
    let source = numbers(&model.kafka()).until(KafkaPlace::Latest);
    let e = refused(read(&source));
    assert_eq!(e.kind(), ErrorKind::Data);
    assert_eq!(e.position(), Some("topic t partition 0 offset 2"));
    assert!(e.to_string().contains(".keep_undecodable()"), "{e}");
}

#[test]
fn a_record_that_means_nothing_is_kept_whole() {
    let model = mixed();
    let source = numbers(&model.kafka()).until(KafkaPlace::Latest);
    let [read] = &read(&source.keep_undecodable()).unwrap()[..] else {
        panic!("one partition");
    };
    let [Decoded::Ok(0), Decoded::Undecodable(dead), Decoded::Ok(3)] = &read[..] else {
        panic!("{read:?}");
    };
    let expected = Undecodable {
        topic: "t".into(),
        partition: 0,
        offset: 2,
        key: Some(b"b".to_vec()),
        raw: vec![b'{', 0xff],
        error: dead.error.clone(),
    };
    assert_eq!(*dead, expected);
    assert!(dead.error.contains("not of the type"), "{}", dead.error);
}

#[test]
fn tombstones_are_passed_over_or_kept() {
    let model = mixed();
    let kafka = model.kafka();
    let bytes = || KafkaSource::with_codec(&kafka, "t", Raw).until(KafkaPlace::Latest);
    let values = [b"0".to_vec(), vec![b'{', 0xff], b"3".to_vec()];
    assert_eq!(read(&bytes()).unwrap()[0], values);
    let [a, b, c] = values;
    let kept = [Some(a), None, Some(b), Some(c), None];
    assert_eq!(read(&bytes().keep_tombstones()).unwrap(), [kept]);
}

#[test]
fn everything_that_kafka_says_of_a_record_can_be_had() {
    let model = mixed();
    let kafka = model.kafka();
    let texts = || {
        KafkaSource::with_codec(&kafka, "t", Utf8)
            .until(KafkaPlace::Offset(2))
            .keep_tombstones()
    };
    let header = |value: &str| ("trace".to_owned(), Some(value.as_bytes().to_vec()));
    let record = |offset, headers, value| KafkaRecord {
        partition: 0,
        offset,
        timestamp: Some(Timestamp::from_secs(offset as i64)),
        key: Some(b"a".to_vec()),
        headers,
        value,
    };
    let first = record(0, vec![header("x"), header("y")], Some("0".to_owned()));
    assert_eq!(first.key_text(), Some("a"));
    assert_eq!(first.header("trace"), Some(&b"y"[..]));
    let all = [first, record(1, Vec::new(), None)];
    assert_eq!(read(&texts().records()).unwrap(), [all]);
    let built =
        texts().with_record(|record, value| (record.offset, record.headers.iter().count(), value));
    let expected = [(0, 2, Some("0".to_owned())), (1, 0, None)];
    assert_eq!(read(&built).unwrap(), [expected]);
}

#[test]
fn times_come_from_the_records_or_from_what_they_say() {
    use whitebeam::batch::Batch;
    use whitebeam::source::{Poll, Source};
    let model = model(1);
    for (value, second) in [("30", 3), ("10", 1), ("20", 2)] {
        let row = Row::of(value).at(Timestamp::from_secs(second));
        model.append("t", 0, row);
    }
    let kafka = model.kafka();
    let times = |source: &dyn Source<Split = KafkaSplit, Out = u32>| {
        let splits = source.discover(&[], 1).unwrap();
        let mut reader = source
            .open(splits[0].clone(), None, &Default::default())
            .unwrap();
        let mut batch = Batch::default();
        assert_eq!(reader.poll(&mut batch).unwrap(), Poll::More);
        let times: Vec<i64> = (0..batch.len())
            .map(|i| batch.timestamp(i).micros() / 1_000_000)
            .collect();
        (times, reader.watermark().micros() / 1_000_000)
    };
    let by_record = numbers(&kafka).record_time();
    let by_record = by_record.bounded_out_of_orderness(seconds(1));
    assert_eq!(times(&by_record), (vec![3, 1, 2], 2));
    let by_value = numbers(&kafka).event_time(|n| Timestamp::from_secs(i64::from(*n)));
    let by_value = by_value.bounded_out_of_orderness(seconds(5));
    assert_eq!(times(&by_value), (vec![30, 10, 20], 25));
    let ordered = numbers(&kafka).record_time().ordered();
    let e = refused(read(&ordered));
    assert!(e.message().contains("broke its promise"), "{e}");
    assert_eq!(e.position(), Some("record 1"), "{e}");
}
