//! Topics that are not what they were when they were read.

use super::{Topic, go_on};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use whitebeam::io::kafka::Gap;
use whitebeam::prelude::*;
use whitebeam_tests::services::Kafka;

#[test]
fn a_topic_that_was_made_again_is_told() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "again", 1);
    topic.append(0, 0..10);
    let at = go_on(&topic.numbers(), None).unwrap().at;
    for (numbers, code) in [(0..5, "K003"), (0..20, "K004")] {
        broker.topic(&["delete", topic.name]);
        let gone = go_on(&topic.numbers(), Some(at.clone())).unwrap_err();
        assert_eq!(gone.code(), "K001", "{gone}");
        topic.create(1);
        topic.append(0, numbers);
        let e = go_on(&topic.numbers(), Some(at.clone())).unwrap_err();
        assert_eq!((e.code(), e.kind()), (code, ErrorKind::Incompatible), "{e}");
        assert!(e.message().contains("topic `again`, partition 0"), "{e}");
    }
}

/// Removes what lies before `offset`, as retention does.
fn remove_before(broker: &Kafka, topic: &str, offset: u64) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let place = format!(r#"{{"topic":"{topic}","partition":0,"offset":{offset}}}"#);
    let json = format!(r#"{{"version":1,"partitions":[{place}]}}"#);
    std::fs::write(file.path(), json).unwrap();
    let file = file.path().to_str().unwrap();
    let arguments = ["--bootstrap-server", broker.address()];
    let arguments = [&arguments[..], &["--offset-json-file", file][..]].concat();
    Kafka::tool("DeleteRecordsCommand", &arguments);
}

#[test]
fn retention_that_overtakes_a_reader_is_told() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "overtaken", 1);
    topic.append(0, 0..10);
    let at = go_on(&topic.numbers(), None).unwrap().at;
    topic.append(0, 10..20);
    remove_before(broker, topic.name, 13);
    let e = go_on(&topic.numbers(), Some(at.clone())).unwrap_err();
    assert_eq!(
        (e.code(), e.kind()),
        ("K002", ErrorKind::Unavailable),
        "{e}"
    );
    let text = "topic `overtaken`, partition 0: offset 10 is gone; it begins at 13 now";
    assert!(e.message().contains(text), "{e}");
    let gaps = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&gaps);
    let source = topic.numbers();
    let source = source.on_data_loss(move |gap: &Gap| heard.lock().unwrap().push(gap.clone()));
    let rest = go_on(&source, Some(at)).unwrap().values;
    assert_eq!(rest, (13..20).collect::<Vec<_>>());
    assert_eq!(gaps.lock().unwrap()[0].offsets, 10..13);
    // Who begins at an offset that is gone, or never was, is told as well.
    let before = topic.numbers().from("3".parse().unwrap());
    assert_eq!(go_on(&before, None).unwrap_err().code(), "K002");
    let behind = topic.numbers().from("21".parse().unwrap());
    let e = go_on(&behind, None).unwrap_err();
    assert_eq!(e.code(), "K005", "{e}");
    assert!(e.message().contains("no offset 21, it ends at 20"), "{e}");
}

/// The only segment of partition 0.
fn segment(broker: &Kafka, topic: &str) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![broker.folder().join("data")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_log = path.extension().is_some_and(|e| e == "log");
            if path.is_dir() {
                folders.push(path);
            } else if is_log && folder.ends_with(Path::new(&format!("{topic}-0"))) {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_topic_that_was_cut_is_told() {
    let Some(broker) = Kafka::start() else { return };
    let topic = Topic::new(&broker, "cut", 1);
    // A batch each.
    for number in 0..10 {
        topic.append(0, [number]);
    }
    let at = go_on(&topic.numbers(), None).unwrap().at;
    // The broker is killed, and what it had not written to the disk is lost.
    broker.kill();
    let file = segment(&broker, topic.name);
    let bytes = std::fs::metadata(&file).unwrap().len();
    let cut = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    cut.set_len(bytes / 2).unwrap();
    broker.restart();
    let e = go_on(&topic.numbers(), Some(at.clone())).unwrap_err();
    assert_eq!(
        (e.code(), e.kind()),
        ("K003", ErrorKind::Incompatible),
        "{e}"
    );
    assert!(
        e.message()
            .contains("goes on at offset 10, but it ends at 5"),
        "{e}"
    );
    // Grown again, it holds other records there.
    topic.append(0, 100..120);
    let e = go_on(&topic.numbers(), Some(at)).unwrap_err();
    assert_eq!(
        (e.code(), e.kind()),
        ("K004", ErrorKind::Incompatible),
        "{e}"
    );
}

#[test]
fn a_topic_that_is_made_again_under_a_reader_is_told() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let topic = Topic::new(broker, "under", 1);
    topic.append(0, 0..10);
    let source = topic.numbers();
    use whitebeam::source::Source;
    let split = source.discover(&[], 1).unwrap().remove(0);
    let mut reader = source.open(split, None, &Default::default()).unwrap();
    let mut seen = Vec::new();
    let mut poll = |seen: &mut Vec<u32>| {
        let mut batch = whitebeam::batch::Batch::default();
        reader
            .poll(&mut batch)
            .map(|_| seen.append(&mut batch.take_values()))
    };
    while seen.len() < 10 {
        poll(&mut seen).unwrap();
    }
    broker.topic(&["delete", topic.name]);
    topic.create(1);
    topic.append(0, 100..105);
    let begun = std::time::Instant::now();
    let e = loop {
        match poll(&mut seen) {
            Ok(()) => whitebeam_tests::reading::real_pause(),
            Err(e) => break e,
        }
        assert!(begun.elapsed().as_secs() < 60, "nothing was told; {seen:?}");
    };
    assert_eq!(seen, (0..10).collect::<Vec<_>>(), "{e}");
    assert!(e.message().contains("under"), "{e}");
}
