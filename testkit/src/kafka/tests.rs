//! The model by itself: what the contract suite, which also runs on a real cluster, cannot ask for.

mod each_fault;

use super::{Call, Faults, KafkaModel, Placed, Row, TransactionState, Way, prefix_of_epochs};
use crate::sim::{How, Machine, Strike};
use std::time::Duration;
use whitebeam_io::kafka::client::{
    Client, Ends, Failure, Isolation, NewRecord, Producer, ProducerOptions, ReadFrom, Result,
};

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_secs(1);

fn model(faults: Faults) -> KafkaModel {
    let model = KafkaModel::new(&Machine::new(7), 7, faults);
    model.create("t", 2);
    model
}

fn options(id: &str) -> ProducerOptions {
    ProducerOptions {
        transactional_id: Some(id.to_owned()),
        transaction_timeout: Duration::from_secs(60),
    }
}

fn producer(client: &dyn Client, id: &str) -> Result<Box<dyn Producer>> {
    let mut producer = client.producer(&options(id))?;
    producer.init(LONG)?;
    Ok(producer)
}

fn send(producer: &mut dyn Producer, partition: u32, value: &str) -> Result<()> {
    producer.send(&NewRecord {
        topic: "t",
        partition,
        timestamp: None,
        key: None,
        value: Some(value.as_bytes()),
    })
}

fn write(producer: &mut dyn Producer, values: &[(u32, &str)]) -> Result<()> {
    producer.begin()?;
    for (partition, value) in values {
        send(producer, *partition, value)?;
    }
    while producer.in_flight() > 0 {
        producer.deliveries(SHORT);
    }
    Ok(())
}

fn failure<T>(result: Result<T>) -> Option<Failure> {
    result.err().map(|e| e.failure)
}

fn values(rows: &[Placed]) -> Vec<String> {
    let value = |row: &Placed| String::from_utf8(row.row.value.clone().unwrap()).unwrap();
    rows.iter().map(value).collect()
}

fn seen(model: &KafkaModel) -> Vec<Vec<String>> {
    let partitions = model.committed("t");
    partitions.iter().map(|rows| values(rows)).collect()
}

#[test]
fn a_lost_marker_holds_a_partition_until_the_next_transaction_of_the_producer_commits() {
    let model = model(Faults::none());
    let client = model.client();
    model.lose_next_marker("t", 1);
    let mut first = producer(&*client, "p").unwrap();
    write(&mut *first, &[(0, "a"), (1, "b")]).unwrap();
    first.commit(LONG).unwrap();
    let state = Some(TransactionState::CompleteCommit);
    assert_eq!(model.transaction("p"), state);
    model.append("t", 1, Row::of("other"));
    assert_eq!(seen(&model), [vec!["a"], vec![]]);

    // To fence does not help: the coordinator knows of nothing that is open.
    let mut second = producer(&*client, "p").unwrap();
    write(&mut *second, &[(0, "c")]).unwrap();
    second.commit(LONG).unwrap();
    assert_eq!(seen(&model), [vec!["a", "c"], vec![]]);

    write(&mut *second, &[(1, "d")]).unwrap();
    second.commit(LONG).unwrap();
    assert_eq!(seen(&model), [vec!["a", "c"], vec!["b", "other", "d"]]);
    model.check_invariants().unwrap();
}

#[test]
fn a_lost_marker_is_lost_with_its_records_when_the_next_transaction_aborts() {
    let model = model(Faults::none());
    let client = model.client();
    model.lose_next_marker("t", 1);
    let mut first = producer(&*client, "p").unwrap();
    write(&mut *first, &[(1, "b")]).unwrap();
    first.commit(LONG).unwrap();
    let mut second = producer(&*client, "p").unwrap();
    write(&mut *second, &[(1, "d")]).unwrap();
    second.abort(LONG).unwrap();
    model.append("t", 1, Row::of("other"));
    assert_eq!(seen(&model), [vec![], vec!["other"]]);
}

#[test]
fn a_late_marker_moves_one_partition_later_than_the_other_and_init_waits_for_it() {
    let model = model(Faults::none());
    let client = model.client();
    model.delay_next_marker("t", 1, Duration::from_secs(3));
    let mut first = producer(&*client, "p").unwrap();
    write(&mut *first, &[(0, "a"), (1, "b")]).unwrap();
    first.commit(LONG).unwrap();
    assert_eq!(seen(&model), [vec!["a"], vec![]]);
    let mut second = client.producer(&options("p")).unwrap();
    assert_eq!(failure(second.init(SHORT)), Some(Failure::Unknown));
    assert_eq!(
        model.transaction("p"),
        Some(TransactionState::PrepareCommit)
    );
    second.init(LONG).unwrap();
    assert_eq!(seen(&model), [vec!["a"], vec!["b"]]);
    assert!(client.monotonic() >= Duration::from_secs(3));
}

#[test]
fn what_is_unknown_is_found_out_by_the_same_call_and_no_other() {
    for way in [
        Way::AnswerLost,
        Way::RequestLost,
        Way::RequestLate(Duration::from_secs(5)),
    ] {
        let model = model(Faults::none());
        let client = model.client();
        let mut producer = producer(&*client, "p").unwrap();
        write(&mut *producer, &[(0, "a")]).unwrap();
        model.next(Call::Commit, way);
        let before = client.monotonic();
        assert_eq!(failure(producer.commit(SHORT)), Some(Failure::Unknown));
        assert_eq!(client.monotonic() - before, SHORT);
        let is_done = way == Way::AnswerLost;
        assert_eq!(seen(&model)[0].is_empty(), !is_done, "{way:?}");
        assert_eq!(failure(producer.abort(LONG)), Some(Failure::Invalid));
        producer.commit(LONG).unwrap();
        client.pause(LONG);
        assert_eq!(seen(&model)[0], ["a"], "{way:?}");
        model.check_invariants().unwrap();
    }
}

#[test]
fn a_late_end_of_the_same_epoch_tears_the_next_transaction_and_of_an_older_one_does_nothing() {
    for is_fresh in [false, true] {
        let model = model(Faults::none());
        let client = model.client();
        model.next(Call::Commit, Way::Twice(Duration::from_secs(1)));
        let mut writer = producer(&*client, "p").unwrap();
        write(&mut *writer, &[(0, "a")]).unwrap();
        writer.commit(LONG).unwrap();
        if is_fresh {
            writer = producer(&*client, "p").unwrap();
        }
        write(&mut *writer, &[(0, "b")]).unwrap();
        client.pause(Duration::from_secs(2));
        assert_eq!(seen(&model)[0].len(), if is_fresh { 1 } else { 2 });
        assert_eq!(writer.abort(LONG).is_ok(), is_fresh);
        assert_eq!(seen(&model)[0].len(), if is_fresh { 1 } else { 2 });
    }
}

#[test]
fn a_timeout_counts_from_the_beginning_of_its_own_transaction() {
    let model = model(Faults::none());
    let client = model.client();
    let mut writer = producer(&*client, "p").unwrap();
    write(&mut *writer, &[(0, "a")]).unwrap();
    client.pause(Duration::from_secs(50));
    writer.commit(LONG).unwrap();
    write(&mut *writer, &[(0, "b")]).unwrap();
    client.pause(Duration::from_secs(50));
    writer.commit(LONG).unwrap();
    write(&mut *writer, &[(0, "c")]).unwrap();
    client.pause(Duration::from_secs(61));
    assert_eq!(failure(writer.commit(LONG)), Some(Failure::Fenced));
    assert_eq!(seen(&model)[0], ["a", "b"]);
}

#[test]
fn a_process_that_dies_leaves_its_transaction_open_until_it_is_fenced() {
    let machine = Machine::new(1);
    let model = KafkaModel::new(&machine, 1, Faults::none());
    model.create("t", 2);
    let point = Strike::Point {
        label: "sink.half",
        nth: 1,
        how: How::Kill,
    };
    machine.strike([point]);
    let died = machine.run(|process| {
        let client = model.client_of(process);
        let mut producer = producer(&*client, "p").unwrap();
        write(&mut *producer, &[(0, "a")]).unwrap();
        client.point("sink.half");
        producer.commit(LONG).unwrap();
    });
    assert_eq!(died.unwrap_err().label, Some("sink.half"));
    assert_eq!(model.transaction("p"), Some(TransactionState::Ongoing));
    let open = Ends {
        first: 0,
        stable: 0,
        end: 1,
    };
    assert_eq!(model.ends("t", 0), Some(open));
    producer(&*model.client(), "p").unwrap();
    let over = Ends {
        first: 0,
        stable: 2,
        end: 2,
    };
    assert_eq!(model.ends("t", 0), Some(over));
    assert_eq!(seen(&model), [vec![""; 0], vec![]]);
}

/// Every call of a session is struck; done or not done are both seen.
#[test]
fn a_crash_amid_a_commit_leaves_it_done_or_not() {
    let mut outcomes = [0, 0];
    for seed in 0..64 {
        let machine = Machine::new(seed);
        let model = KafkaModel::new(&machine, seed, Faults::none());
        model.create("t", 1);
        let how = How::Kill;
        machine.strike([Strike::Operation { nth: 2, how }]);
        let died = machine.run(|process| {
            let client = model.client_of(process);
            let mut producer = producer(&*client, "p").unwrap();
            write(&mut *producer, &[(0, "a")]).unwrap();
            producer.commit(LONG)
        });
        assert!(died.is_err());
        producer(&*model.client(), "p").unwrap();
        outcomes[model.committed("t")[0].len()] += 1;
    }
    assert!(outcomes.iter().all(|n| *n > 5), "{outcomes:?}");
}

#[test]
fn a_broker_that_is_down_answers_nothing_and_goes_on_when_it_is_back() {
    let model = model(Faults::none());
    let client = model.client();
    let mut writer = producer(&*client, "p").unwrap();
    write(&mut *writer, &[(0, "a")]).unwrap();
    model.broker_down(Duration::from_secs(5));
    assert_eq!(
        failure(client.ends("t", 0, SHORT)),
        Some(Failure::Unreachable)
    );
    assert_eq!(failure(writer.commit(SHORT)), Some(Failure::Unknown));
    writer.commit(LONG).unwrap();
    assert_eq!(client.monotonic().as_secs(), 5);
    assert_eq!(seen(&model)[0], ["a"]);
}

#[test]
fn epochs_that_go_back_or_come_in_two_parts_are_told() {
    let cases: [(&[&[&str]], bool); 4] = [
        (&[&["1", "1", "2"], &["4"]], true),
        (&[&["1", "2", "1"]], false),
        (&[&["2"], &["1"]], false),
        (&[&["1"], &["1"]], false),
    ];
    for (transactions, is_right) in cases {
        let model = model(Faults::none());
        let epoch = |record: &Placed| {
            let value = record.row.value.as_deref()?;
            std::str::from_utf8(value).ok()?.parse().ok()
        };
        model.watch(prefix_of_epochs("t", epoch));
        let mut writer = producer(&*model.client(), "p").unwrap();
        for transaction in transactions {
            let rows: Vec<_> = transaction.iter().map(|value| (0, *value)).collect();
            write(&mut *writer, &rows).unwrap();
            writer.commit(LONG).unwrap();
        }
        let result = model.check_invariants();
        assert_eq!(result.is_ok(), is_right, "{transactions:?}: {result:?}");
    }
}

#[test]
fn retention_truncation_and_deletion_show_to_readers() {
    let model = model(Faults::none());
    let client = model.client();
    for value in ["a", "b", "c", "d"] {
        model.append("t", 0, Row::of(value));
    }
    let poll = |offset| {
        let mut reader = client.reader(&ReadFrom {
            topic: "t".into(),
            partition: 0,
            offset,
            isolation: Isolation::Committed,
        })?;
        let mut count = 0;
        reader.poll(10, &mut |_| {
            count += 1;
            true
        })?;
        Ok(count)
    };
    assert_eq!(poll(1), Ok(3));
    model.retain_from("t", 0, 2);
    assert_eq!(failure(poll(1)), Some(Failure::OffsetOutOfRange));
    assert_eq!(poll(2), Ok(2));
    model.truncate("t", 0, 3);
    assert_eq!(failure(poll(4)), Some(Failure::OffsetOutOfRange));
    model.append("t", 0, Row::of("other d"));
    assert_eq!(model.committed("t")[0][1].leader_epoch, 1);
    model.delete("t");
    assert_eq!(failure(poll(2)), Some(Failure::NoTopic));
    assert_eq!(client.partitions("t", LONG), Ok(None));
}

#[test]
fn compaction_keeps_the_newest_of_each_key_that_is_decided() {
    let model = model(Faults::none());
    model.create_compacted("c", 1);
    for (key, value) in [("k", "1"), ("l", "1"), ("k", "2"), ("m", "1")] {
        model.append("c", 0, Row::of(value).key(key));
    }
    model.compact("c");
    let rows = model.committed("c").remove(0);
    let offsets: Vec<_> = rows.iter().map(|row| row.offset).collect();
    assert_eq!(offsets, [1, 2, 3]);
}

/// A session with every fault: what it does and meets is drawn.
fn session(seed: u64, faults: Faults) -> (u64, Vec<Vec<String>>) {
    let machine = Machine::new(seed);
    let model = KafkaModel::new(&machine, seed, faults);
    model.create("t", 2);
    let mut next = 0;
    for _ in 0..6 {
        let client = model.client();
        let Ok(mut writer) = producer(&*client, "p") else {
            continue;
        };
        for _ in 0..3 {
            next += 1;
            let (a, b) = (format!("{next}a"), format!("{next}b"));
            if write(&mut *writer, &[(0, &a), (1, &b)]).is_err() {
                break;
            }
            let mut ended = writer.commit(SHORT);
            while matches!(
                failure(ended.clone()),
                Some(Failure::Unknown | Failure::Retriable)
            ) {
                ended = writer.commit(SHORT);
            }
            if failure(ended) == Some(Failure::Abortable) && writer.abort(LONG).is_err() {
                break;
            }
        }
    }
    model.heal();
    model.quiesce();
    model.check_invariants().unwrap();
    (machine.trace(), seen(&model))
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let mut traces = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let once = session(seed, Faults::rough());
        assert_eq!(once, session(seed, Faults::rough()), "seed {seed}");
        traces.insert(once.0);
    }
    assert_eq!(traces.len(), 100);
}

/// A contract case on models of many seeds.
fn keeps(faults: &Faults, seeds: u64) {
    for case in super::contract::CASES {
        for seed in 0..seeds {
            let machine = Machine::new(seed);
            let model = KafkaModel::new(&machine, seed, faults.clone());
            let around = super::contract::ModelSurroundings::new(&model);
            let outcome = case.run(&around);
            outcome
                .map_err(|e| e.to_string())
                .and_then(|()| model.check_invariants())
                .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
    }
}

#[test]
fn the_model_keeps_the_contract() {
    keeps(&Faults::none(), 3);
}

#[test]
fn the_model_keeps_the_contract_when_things_take_their_time() {
    keeps(&Faults::benign(), 200);
}
