//! Byte forms: what is written is read back, and what was changed is not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use proptest::prelude::*;
use whitebeam_sdk::Timestamp;

type Fields = (Option<Vec<u8>>, Vec<u8>, Option<i64>);

fn records() -> impl Strategy<Value = Vec<Fields>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let time = prop_oneof![
        any::<i64>(),
        -1_000..1_000_i64,
        Just(Timestamp::MIN.micros()),
        Just(Timestamp::MAX.micros()),
    ];
    let record = (prop::option::of(bytes()), bytes(), prop::option::of(time));
    prop::collection::vec(record, 0..40)
}

fn block(records: &[Fields]) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::new(), 0);
    for (key, value, time) in records {
        let time = time.map(Timestamp::from_micros);
        put(&mut bytes, key.as_deref(), value, time, &mut before);
    }
    bytes
}

proptest! {
    #[test]
    fn records_come_back(records in records()) {
        let bytes = block(&records);
        let appended = Timestamp::from_secs(9);
        let mut walk = Walk::start(7, records.len() as u32, appended);
        for (i, (key, value, time)) in records.iter().enumerate() {
            prop_assert!(!walk.is_end());
            let expected = LogRecord {
                offset: 7 + i as u64,
                key: key.as_deref(),
                value,
                event_time: time.map(Timestamp::from_micros),
                appended,
            };
            prop_assert_eq!(walk.step(&bytes), Some(expected));
        }
        prop_assert!(walk.is_end());
        prop_assert_eq!(walk.step(&bytes), None);
    }

    #[test]
    fn any_bytes_are_walked_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..100), n in 0..50_u32) {
        let mut walk = Walk::start(0, n, Timestamp::MIN);
        for _ in 0..=n {
            let _ = walk.step(&bytes);
        }
        let _ = SegmentHeader::decode(&bytes);
        let _ = Index::decode(&bytes);
        let _ = mark_at(&bytes, 1);
    }
}

fn header() -> FrameHeader {
    let block = Block {
        partition: 3,
        first: 1 << 40,
        count: 5,
        bytes: 77,
        crc: 0xdead_beef,
        latest: Timestamp::from_secs(1),
    };
    FrameHeader {
        number: 12,
        appended: Timestamp::from_secs(2),
        generation: 4,
        commit: Some(Commit {
            sink: "sink".to_owned(),
            epoch: 9,
            token: u64::MAX,
        }),
        blocks: vec![block; 3],
    }
}

#[test]
fn frames_are_taken_only_where_they_were_written_and_as_they_were() {
    let salt = Salt {
        segment: 5,
        at: 100,
    };
    let (bytes, crc) = header().encode(salt).unwrap();
    let decode = |bytes: &[u8], salt| {
        let prefix = Prefix::parse(bytes)?;
        let end = PREFIX + prefix.header_len as usize;
        FrameHeader::decode(bytes.get(PREFIX..end)?, prefix, salt)
    };
    assert_eq!(decode(&bytes, salt), Some(header()));
    for other in [
        Salt {
            segment: 6,
            at: 100,
        },
        Salt {
            segment: 5,
            at: 101,
        },
    ] {
        assert_eq!(decode(&bytes, other), None);
        assert_ne!(mark(salt, crc), mark(other, crc));
    }
    let written = mark(salt, crc);
    assert_eq!(mark_at(&written, 5), Some(100));
    assert_eq!(mark_at(&written, 6), None);
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&changed, salt), None, "bit {bit}");
    }
    for bit in 0..MARK * 8 {
        let mut changed = written;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(mark_at(&changed, 5), None, "bit {bit}");
    }
}

#[test]
fn ends_pass_frames_that_follow_and_no_others() {
    let before = Ends::new(2);
    let block = |partition, first| Block {
        partition,
        first,
        count: 2,
        bytes: 1,
        crc: 0,
        latest: Timestamp::from_secs(i64::from(partition)),
    };
    let frame = |number, seconds, blocks: &[Block]| FrameHeader {
        number,
        appended: Timestamp::from_secs(seconds),
        blocks: blocks.to_vec(),
        ..header()
    };
    let mut ends = before.clone();
    assert!(ends.pass(&frame(0, 5, &[block(1, 0), block(0, 0), block(1, 2)])));
    assert_eq!((ends.next(0), ends.next(1), ends.next(2)), (2, 4, 0));
    assert_eq!(ends.latest(1), Timestamp::from_secs(1));
    assert_eq!((ends.frames, ends.appended), (1, Timestamp::from_secs(5)));
    for wrong in [
        frame(0, 6, &[]),
        frame(2, 6, &[]),
        frame(1, 4, &[]),
        frame(1, 5, &[block(0, 1)]),
        frame(1, 5, &[block(0, 3)]),
        frame(1, 5, &[block(2, 0)]),
    ] {
        assert!(!ends.clone().pass(&wrong), "{wrong:?}");
    }
    assert!(ends.pass(&frame(1, 5, &[])));
}

#[test]
fn the_last_epochs_of_each_sink_are_recognised() {
    let commit = |sink: &str, epoch, token| Commit {
        sink: sink.to_owned(),
        epoch,
        token,
    };
    let mut commits = Commits::default();
    assert_eq!(commits.last("a"), None);
    for epoch in 1..=20 {
        commits.note(&commit("a", epoch, 100 + epoch));
    }
    commits.note(&commit("b", 3, 1));
    assert_eq!((commits.last("a"), commits.last("b")), (Some(20), Some(3)));
    for (known, sink, epoch, token) in [
        (true, "a", 20, 120),
        (true, "a", 13, 113),
        (false, "a", 12, 112),
        (false, "a", 20, 119),
        (false, "a", 21, 121),
        (false, "b", 20, 120),
        (true, "b", 3, 1),
        (false, "c", 3, 1),
    ] {
        assert_eq!(
            commits.knows(&commit(sink, epoch, token)),
            known,
            "{sink} {epoch}"
        );
    }
}
