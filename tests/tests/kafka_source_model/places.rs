//! Where reading begins and ends.

use super::{append, model, numbers, read, refused, send, writer};
use whitebeam::io::kafka::{Kafka, KafkaPlace, KafkaSource};
use whitebeam::prelude::*;
use whitebeam::source::{Boundedness, Source};
use whitebeam_testkit::kafka::{KafkaModel, Row};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

/// Partition 0 holds numbers 0 to 7 at these seconds, partition 1 numbers 10 to 13.
fn disordered() -> KafkaModel {
    let model = model(2);
    for (partition, first, times) in [
        (0, 0, &[10, 30, 20, 60, 50, 50, 55, 70][..]),
        (1, 10, &[5, 40, 35, 40]),
    ] {
        for (number, time) in (first..).zip(times) {
            let row = Row::of(number.to_string()).at(at(*time));
            model.append("t", partition, row).unwrap();
        }
    }
    model
}

#[test]
fn reading_begins_and_ends_where_it_is_told() {
    let model = disordered();
    model.retain_from("t", 0, 1);
    model.commit_group("shop", "t", 1, 2);
    let kafka = model.kafka();
    let (zero, one): (Vec<u32>, Vec<u32>) = ((0..8).collect(), (10..14).collect());
    let shop = |otherwise| KafkaPlace::group("shop", otherwise);
    use KafkaPlace::{Earliest, Latest, Offset, Offsets, Time};
    for (from, until, expected) in [
        (Earliest, Latest, [&zero[1..], &one[..]]),
        (Earliest, Earliest, [&[], &[]]),
        (Latest, Latest, [&[], &[]]),
        (Offset(2), Offset(4), [&zero[2..4], &one[2..]]),
        (Offset(3), Offset(2), [&[], &[]]),
        (Offsets([(1, 3)].into()), Latest, [&zero[1..], &one[3..]]),
        (Earliest, Offsets([(0, 3)].into()), [&zero[1..3], &one[..]]),
        (Time(at(31)), Latest, [&zero[3..], &one[1..]]),
        (Earliest, Time(at(41)), [&zero[1..3], &one[..]]),
        (Time(at(71)), Latest, [&[], &[]]),
        (shop(Earliest), Latest, [&zero[1..], &one[2..]]),
        (shop(Latest), Latest, [&[], &one[2..]]),
        (shop(Offset(5)), Latest, [&zero[5..], &one[2..]]),
        (Earliest, shop(Earliest), [&[], &one[..2]]),
    ] {
        let source = numbers(&kafka).from(from.clone()).until(until.clone());
        assert_eq!(source.boundedness(), Boundedness::Bounded);
        assert_eq!(read(&source).unwrap(), expected, "{from:?} {until:?}");
    }
}

#[test]
fn the_present_end_is_that_of_the_moment_when_splits_are_found() {
    let model = model(2);
    append(&model, 0, 0..2);
    let kafka = model.kafka();
    for source in [numbers(&kafka), numbers(&kafka).until(KafkaPlace::Latest)] {
        let found = source.discover(&[], 1).unwrap();
        let splits = source.end_now(found).unwrap();
        append(&model, 0, 2..3);
        append(&model, 1, 3..4);
        let ends: Vec<_> = splits.iter().map(|s| source.describe_split(s)).collect();
        let again = source.end_now(splits).unwrap();
        let kept: Vec<_> = again.iter().map(|s| source.describe_split(s)).collect();
        assert_eq!(kept, ends, "an end that was found stays");
        model.delete("t");
        model.create("t", 2);
        append(&model, 0, 0..2);
        assert_eq!(
            ends,
            [
                "topic t partition 0 offsets 0..2",
                "topic t partition 1 offsets 0..0"
            ]
        );
    }
}

/// Behind the last record: the end of its transaction, aborted records and the end of theirs.
fn ended_by_what_is_no_record() -> KafkaModel {
    let model = model(1);
    let mut good = writer(&model, "good");
    good.begin().unwrap();
    send(&mut *good, 0, 0..3);
    good.commit(super::LONG).unwrap();
    let mut bad = writer(&model, "bad");
    bad.begin().unwrap();
    send(&mut *bad, 0, 3..6);
    bad.abort(super::LONG).unwrap();
    model
}

#[test]
fn a_bounded_read_ends_behind_what_is_no_record() {
    let model = ended_by_what_is_no_record();
    let ends = model.ends("t", 0).unwrap();
    assert_eq!((ends.stable, ends.end), (8, 8));
    let kafka = model.kafka();
    for end in 3..=8 {
        let source = numbers(&kafka).until(KafkaPlace::Offset(end));
        assert_eq!(read(&source).unwrap(), [[0, 1, 2]], "{end}");
    }
    let none = numbers(&kafka)
        .from(KafkaPlace::Offset(3))
        .until(KafkaPlace::Latest);
    assert_eq!(read(&none).unwrap(), [Vec::<u32>::new()]);
    let all = numbers(&kafka).read_uncommitted().until(KafkaPlace::Latest);
    assert_eq!(read(&all).unwrap(), [[0, 1, 2, 3, 4, 5]]);
}

#[test]
fn what_is_open_is_behind_the_present_end_and_before_the_next_beginning() {
    let model = model(1);
    append(&model, 0, 0..2);
    let mut open = writer(&model, "open");
    open.begin().unwrap();
    send(&mut *open, 0, 2..4);
    append(&model, 0, 4..5);
    let kafka = model.kafka();
    for end in [
        KafkaPlace::Latest,
        KafkaPlace::Time(Timestamp::from_secs(i64::MAX / 2_000_000)),
    ] {
        let bounded = numbers(&kafka).until(end.clone());
        assert_eq!(read(&bounded).unwrap(), [[0, 1]], "{end:?}");
        let uncommitted = bounded.read_uncommitted();
        let all = [[0, 1, 2, 3, 4]];
        if end == KafkaPlace::Latest {
            assert_eq!(read(&uncommitted).unwrap(), all);
        }
    }
    let later = numbers(&kafka).from(KafkaPlace::Latest);
    let splits = later.discover(&[], 1).unwrap();
    open.commit(super::LONG).unwrap();
    let reader = later.open(splits[0].clone(), None, &Default::default());
    let mut never = || panic!("nothing is under way");
    let read = whitebeam_tests::reading::drain(reader.unwrap(), &mut never);
    assert_eq!(read.unwrap().values, [2, 3, 4]);
}

#[test]
fn partitions_that_come_later_are_read_from_their_first_record() {
    let model = model(2);
    append(&model, 0, 0..3);
    let kafka = model.kafka();
    let source = numbers(&kafka).from(KafkaPlace::Latest);
    let mut known = source.discover(&[], 1).unwrap();
    assert_eq!(known.len(), 2);
    assert_eq!(source.discover(&known, 1).unwrap(), []);
    model.grow("t", 4);
    append(&model, 2, 3..6);
    model.retain_from("t", 2, 1);
    let new = source.discover(&known, 1).unwrap();
    let described: Vec<_> = new.iter().map(|s| source.describe_split(s)).collect();
    assert_eq!(
        described,
        [
            "topic t partition 2 from offset 1",
            "topic t partition 3 from offset 0"
        ]
    );
    known.extend(new);
    assert_eq!(source.discover(&known, 1).unwrap(), []);
    model.delete("t");
    model.create("t", 3);
    let e = refused(source.discover(&known, 1));
    assert_eq!((e.code(), e.kind()), ("K004", ErrorKind::Incompatible));
    assert!(e.message().contains("partition 3 was read"), "{e}");
}

#[test]
fn places_that_are_not_there_are_refused() {
    let model = model(2);
    append(&model, 0, 0..3);
    let kafka = model.kafka();
    let says = |source: KafkaSource<u32>, code: &str, text: &str| {
        let e = refused(read(&source));
        assert_eq!(e.code(), code, "{e}");
        assert!(e.message().contains(text), "{e}");
        assert!(e.to_string().contains("help: "), "{e}");
    };
    let none = KafkaPlace::Offsets([(2, 0)].into());
    says(numbers(&kafka).from(none), "K006", "no partition 2");
    let beyond = KafkaPlace::Offsets([(0, 4)].into());
    says(
        numbers(&kafka).from(beyond),
        "K005",
        "`t`, partition 0: there is no offset 4, it ends at 3",
    );
    model.retain_from("t", 0, 2);
    let gone = KafkaPlace::Offsets([(0, 1)].into());
    says(
        numbers(&kafka).from(gone),
        "K002",
        "`t`, partition 0: offset 1 is gone; it begins at 2 now",
    );
    let source = KafkaSource::<u32>::json(&kafka, "u");
    says(source, "K001", "there is no topic `u` at");
}

#[test]
fn a_cluster_that_does_not_answer_is_an_error_that_names_it() {
    let model = model(1);
    let kafka = model.kafka();
    model.broker_down(std::time::Duration::from_secs(3_600));
    let e = refused(read(&numbers(&kafka)));
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    assert!(e.message().contains("topic `t` at"), "{e}");
    assert!(e.message().contains("no broker answered"), "{e}");
}

#[test]
fn what_passes_is_asked_again() {
    use whitebeam::io::kafka::client::Failure;
    use whitebeam_testkit::kafka::{Call, Way};
    let model = model(1);
    append(&model, 0, 0..3);
    let kafka: Kafka = model.kafka();
    model.next(Call::Partitions, Way::Refused(Failure::Retriable));
    model.next(Call::Ends, Way::Refused(Failure::Retriable));
    let source = numbers(&kafka).until(KafkaPlace::Latest);
    assert_eq!(read(&source).unwrap(), [[0, 1, 2]]);
}
