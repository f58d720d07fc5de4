//! Each setting of `Faults`, alone and certain, does what it says and nothing else.

use super::*;
use whitebeam_io::kafka::client::NewTopic;

/// What one fault does to a cluster with topic `t`; false if it did nothing.
type Seen = fn(&KafkaModel, &dyn Client) -> bool;

/// One fault, and what it does.
type Alone = (fn(&mut Faults), Seen);

fn with(set: fn(&mut Faults)) -> Faults {
    let mut faults = Faults::none();
    faults.late = SHORT;
    set(&mut faults);
    faults
}

/// A transaction with one record, ready to be ended: nothing has gone wrong so far.
fn open(model: &KafkaModel, client: &dyn Client) -> Box<dyn Producer> {
    let faults = model.set_faults(Faults::none());
    let mut producer = producer(client, "p").unwrap();
    write(&mut *producer, &[(0, "a")]).unwrap();
    model.set_faults(faults);
    producer
}

fn create(client: &dyn Client, name: &str) -> Option<Failure> {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: 1,
        compacted: false,
    };
    failure(client.create_topic(&topic, SHORT))
}

fn stable(model: &KafkaModel) -> u64 {
    model.ends("t", 0).unwrap().stable
}

fn poll(client: &dyn Client) -> Result<u64> {
    let mut reader = client.reader(&ReadFrom {
        topic: "t".into(),
        partition: 0,
        offset: 0,
        isolation: Isolation::Uncommitted,
    })?;
    Ok(reader.poll(10, &mut |_| true)?.next)
}

const UNKNOWN: Option<Failure> = Some(Failure::Unknown);

/// Calls, and the ends of transactions.
const CALLS: [Alone; 9] = [
    (
        |f| f.latency = SHORT,
        |_, client| {
            client.ends("t", 0, LONG).is_ok() && client.monotonic() > Duration::from_millis(10)
        },
    ),
    (
        |f| f.retriable = 1.0,
        |_, client| failure(client.ends("t", 0, LONG)) == Some(Failure::Retriable),
    ),
    (
        |f| f.answer_lost = 1.0,
        |model, client| create(client, "u") == UNKNOWN && model.ends("u", 0).is_some(),
    ),
    (
        |f| f.request_lost = 1.0,
        |model, client| create(client, "u") == UNKNOWN && model.ends("u", 0).is_none(),
    ),
    (
        |f| f.request_late = 1.0,
        |model, client| {
            let mut writer = open(model, client);
            let unknown = failure(writer.commit(Duration::ZERO)) == UNKNOWN && stable(model) == 0;
            client.pause(LONG);
            unknown && stable(model) == 2
        },
    ),
    (
        |f| f.request_twice = 1.0,
        |model, client| {
            let mut writer = open(model, client);
            writer.commit(LONG).unwrap();
            write(&mut *writer, &[(0, "b")]).unwrap();
            client.pause(LONG);
            stable(model) == 4
        },
    ),
    (
        |f| f.abortable = 1.0,
        |model, client| {
            let mut writer = open(model, client);
            let abortable = failure(writer.commit(LONG)) == Some(Failure::Abortable);
            abortable && writer.abort(LONG).is_ok() && seen(model)[0].is_empty()
        },
    ),
    (
        |f| f.time_out = 1.0,
        |model, client| {
            let mut writer = open(model, client);
            failure(writer.commit(LONG)) == Some(Failure::Fenced) && stable(model) == 2
        },
    ),
    (
        |f| (f.down, f.down_for) = (1.0, Duration::from_secs(600)),
        |_, client| failure(client.ends("t", 0, SHORT)) == Some(Failure::Unreachable),
    ),
];

/// Records, markers, readers, topics.
const OTHERS: [Alone; 8] = [
    (
        |f| f.undelivered = 1.0,
        |model, client| {
            let mut producer = producer(client, "p").unwrap();
            producer.begin().unwrap();
            send(&mut *producer, 0, "a").unwrap();
            let failed = producer.deliveries(LONG).failed;
            let abortable = failure(producer.commit(LONG)) == Some(Failure::Abortable);
            abortable && failed[0].failure == Failure::Unknown && stable(model) == 0
        },
    ),
    (
        |f| (f.marker_late, f.marker_delay) = (1.0, SHORT),
        |model, client| {
            open(model, client).commit(LONG).unwrap();
            let before = stable(model);
            client.pause(LONG);
            (before, stable(model)) == (0, 2)
        },
    ),
    (
        |f| f.marker_lost = 1.0,
        |model, client| {
            open(model, client).commit(LONG).unwrap();
            client.pause(LONG);
            stable(model) == 0 && model.check_invariants().is_ok()
        },
    ),
    (
        |f| f.stale = 1.0,
        |model, client| {
            model.append("t", 0, Row::of("a"));
            poll(client) == Ok(0)
        },
    ),
    (
        |f| f.poll_fails = 1.0,
        |_, client| failure(poll(client)) == Some(Failure::Retriable),
    ),
    (
        |f| f.topic_late = 1.0,
        |_, client| {
            let made = create(client, "u").is_none();
            let before = client.partitions("u", LONG);
            client.pause(LONG);
            made && before == Ok(None) && client.partitions("u", LONG) == Ok(Some(1))
        },
    ),
    (
        |f| f.compaction = 1.0,
        |model, client| {
            model.create_compacted("c", 1);
            for value in ["1", "2"] {
                model.append("c", 0, Row::of(value).key("k"));
            }
            let mut writer = producer(client, "p").unwrap();
            writer.begin().unwrap();
            let record = NewRecord {
                topic: "c",
                partition: 0,
                timestamp: None,
                key: Some(b"l"),
                value: None,
            };
            writer.send(&record).unwrap();
            writer.commit(LONG).unwrap();
            model.committed("c")[0].len() == 2
        },
    ),
    (
        |f| (f.queue, f.latency) = (1, SHORT),
        |_, client| {
            let mut writer = producer(client, "p").unwrap();
            writer.begin().unwrap();
            let first = send(&mut *writer, 0, "a");
            let second = failure(send(&mut *writer, 0, "b"));
            first.is_ok() && second == Some(Failure::Full)
        },
    ),
];

#[test]
fn each_fault_happens_and_only_if_it_is_asked_for() {
    for (i, (set, seen)) in CALLS.iter().chain(&OTHERS).enumerate() {
        let run = |faults, seed| {
            let model = KafkaModel::new(&Machine::new(seed), seed, faults);
            model.create("t", 1);
            let client = model.client();
            // Some of them are tests of their own.
            seen(&model, &*client)
        };
        let times = (0..20).filter(|seed| run(with(*set), *seed)).count();
        assert!(times >= 18, "fault {i} was seen {times} times of 20");
        let none = Faults {
            late: SHORT,
            ..Faults::none()
        };
        assert!(!run(none, 1), "fault {i} is seen without being asked for");
    }
}

#[test]
fn a_record_that_was_given_up_may_be_there_or_not() {
    let mut ends = [0, 0];
    for seed in 0..40 {
        let faults = with(|f| f.undelivered = 1.0);
        let model = KafkaModel::new(&Machine::new(seed), seed, faults);
        model.create("t", 1);
        let mut writer = producer(&*model.client(), "p").unwrap();
        writer.begin().unwrap();
        send(&mut *writer, 0, "a").unwrap();
        ends[model.ends("t", 0).unwrap().end as usize] += 1;
    }
    assert!(ends.iter().all(|n| *n > 8), "{ends:?}");
}

#[test]
fn records_of_a_producer_that_is_gone_arrive_in_part() {
    let mut counts = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let faults = with(|f| f.latency = Duration::from_millis(50));
        let model = KafkaModel::new(&Machine::new(seed), seed, faults);
        model.create("t", 1);
        let client = model.client();
        let mut writer = producer(&*client, "p").unwrap();
        writer.begin().unwrap();
        for value in ["0", "1", "2", "3"] {
            send(&mut *writer, 0, value).unwrap();
        }
        drop(writer);
        client.pause(LONG);
        let rows = values(&model.uncommitted("t")[0]);
        assert!(
            rows.iter()
                .map(String::as_str)
                .eq(["0", "1", "2", "3"][..rows.len()].iter().copied())
        );
        counts.insert(rows.len());
    }
    assert!(counts.len() == 5, "{counts:?}");
}
