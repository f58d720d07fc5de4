//! The Kafka sink over the model of a cluster: every crash point, every fault, rivals, and what
//! nobody can repair.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod rig;

use rig::{How, ID, PROGRESS, Rig, TOPIC};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_io::kafka::SINK_POINTS;
use whitebeam_io::kafka::client::Failure;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_testkit::kafka::{Call, Faults, Way};
use whitebeam_testkit::sim::{self, Strike};
use whitebeam_tests::random::{choices, seeds};

const EPOCHS: u64 = 4;

fn quiet(seed: u64) -> Rig {
    Rig::new(seed, Faults::none(), How::Exactly, EPOCHS)
}

fn at(label: &'static str, nth: u64) -> Strike {
    let how = sim::How::Kill;
    Strike::Point { label, nth, how }
}

fn amid(nth: u64) -> Strike {
    let how = sim::How::Kill;
    Strike::Operation { nth, how }
}

#[test]
fn without_faults_every_record_is_there_once() {
    let rig = quiet(1);
    assert_eq!(rig.run(&[]).unwrap(), 0);
    rig.judge_exactly();
    assert_eq!(rig.store().recovered, [None]);
    assert!(rig.model.transaction(ID).is_some());
}

/// Runs through these crashes, and judges.
fn survive(seed: u64, prepare: impl Fn(&Rig), strikes: &[Strike]) -> Rig {
    let rig = quiet(seed);
    prepare(&rig);
    let ran = rig.run(strikes);
    if let Err(e) = &ran {
        panic!("seed {seed} {strikes:?}: {e}");
    }
    rig.judge_exactly_in(&format!("seed {seed} {strikes:?}"));
    rig
}

/// The points that every run meets.
fn on_the_way() -> impl Iterator<Item = &'static str> {
    let points = SINK_POINTS.iter().copied();
    let of_the_runner = ["rig.published", "rig.confirmed", "rig.committed"];
    points
        .filter(|label| !label.starts_with("kafka.repair"))
        .chain(of_the_runner)
}

#[test]
fn a_crash_at_any_point_once_twice_or_in_recovery_changes_nothing() {
    for label in on_the_way() {
        for nth in 1..=4 {
            for strikes in [
                vec![at(label, nth)],
                vec![at(label, nth), at(label, 1)],
                vec![at(label, nth), at(label, 1), at(label, 2)],
            ] {
                let rig = survive(nth, |_| {}, &strikes);
                let hits = rig.machine.hits();
                assert!(hits.contains_key(label), "{label} was never met");
            }
        }
    }
}

#[test]
fn a_crash_at_any_point_and_then_at_any_other_changes_nothing() {
    for first in on_the_way() {
        for second in on_the_way() {
            survive(3, |_| {}, &[at(first, 2), at(second, 1)]);
        }
    }
}

#[test]
fn a_crash_before_amid_or_after_any_call_changes_nothing() {
    let calls = survive(1, |_| {}, &[]).machine.operations();
    for nth in 1..=calls {
        for seed in 0..3 {
            survive(seed, |_| {}, &[amid(nth), amid(1 + nth % 7)]);
        }
    }
}

/// Every way of every call, at the first, second, .. such call.
#[test]
fn every_fault_of_every_call_alone_changes_nothing() {
    let late = Duration::from_secs(20);
    for call in [
        Call::Partitions,
        Call::CreateTopic,
        Call::Ends,
        Call::Init,
        Call::Commit,
        Call::Poll,
    ] {
        for way in [
            Way::AnswerLost,
            Way::RequestLost,
            Way::RequestLate(late),
            Way::Twice(late),
            Way::Refused(Failure::Retriable),
            Way::Refused(Failure::Abortable),
            Way::Refused(Failure::Fenced),
            Way::Refused(Failure::Fatal),
            Way::GivenUp,
        ] {
            let only_of_ends = matches!(way, Way::RequestLate(_) | Way::Twice(_));
            let is_refusal = matches!(way, Way::Refused(_));
            let is_producers = matches!(call, Call::Init | Call::Commit);
            let is_sense = match way {
                Way::Refused(Failure::Retriable) => true,
                Way::Refused(Failure::Abortable) => call == Call::Commit,
                Way::Refused(_) | Way::GivenUp => is_producers,
                _ => call != Call::Poll && (!only_of_ends || call == Call::Commit),
            };
            if !is_sense || (call == Call::Poll && !is_refusal) {
                continue;
            }
            for nth in 1..=3 {
                let forced = |rig: &Rig| {
                    for _ in 1..nth {
                        rig.model.next(call, Way::Answered);
                    }
                    rig.model.next(call, way);
                };
                survive(nth, forced, &[]);
                survive(nth, forced, &[at("sink.commit_sent", 1)]);
            }
        }
    }
}

#[test]
fn a_record_that_is_not_delivered_takes_its_transaction_back() {
    for failure in [Failure::Retriable, Failure::Fatal, Failure::Fenced] {
        for (topic, partition) in [(TOPIC, 0), (TOPIC, 2), (PROGRESS, 0)] {
            survive(
                1,
                |rig| rig.model.lose_next_record(topic, partition, failure),
                &[],
            );
        }
    }
}

#[test]
fn transactions_that_the_cluster_ends_are_sent_again() {
    for label in ["kafka.begin", "sink.half", "sink.marker_sent", "sink.init"] {
        for nth in 1..=4 {
            let rig = quiet(nth);
            let model = rig.model.clone();
            let moment = sim::Moment::Point { label, nth };
            rig.machine
                .meanwhile(moment, move || model.time_out_transactions());
            rig.run(&[]).unwrap();
            rig.judge_exactly();
        }
    }
}

#[test]
fn transactions_get_more_time_when_epochs_take_long_and_say_so_when_they_get_none() {
    for longest in [Duration::from_secs(900), Duration::from_millis(150)] {
        let faults = Faults {
            latency: Duration::from_millis(100),
            queue: 1,
            longest_transaction: longest,
            ..Faults::none()
        };
        let rig = Rig::new(1, faults, How::Exactly, EPOCHS);
        let ran = rig.machine.run(|env| {
            let sink = rig::sink(&rig.model.kafka_of(env), How::Exactly);
            let sink = sink.transaction_timeout(Duration::from_millis(120));
            rig.drive(env, &sink)
        });
        match ran.unwrap() {
            Ok(()) => assert!(longest > Duration::from_secs(1)),
            Err(e) => {
                assert!(longest < Duration::from_secs(1), "{e}");
                assert_eq!(e.kind(), whitebeam_sdk::ErrorKind::Unavailable);
                assert!(e.to_string().contains("transaction.max.timeout.ms"), "{e}");
                continue;
            }
        }
        rig.judge_exactly();
    }
}

/// Where an end marker is lost, and for the how manieth transaction there.
const ENDS: [(&str, u32); 3] = [(TOPIC, 0), (TOPIC, 1), (PROGRESS, 0)];

fn lose(rig: &Rig, (topic, partition): (&'static str, u32), nth: u64) {
    for _ in 1..nth {
        rig.model
            .delay_next_marker(topic, partition, Duration::from_micros(1));
    }
    rig.model.lose_next_marker(topic, partition);
}

#[test]
fn a_lost_end_of_a_transaction_is_repaired_before_its_epoch_is_said_to_be_committed() {
    for place in ENDS {
        for nth in 1..=3 {
            let rig = survive(nth, |rig| lose(rig, place, nth), &[]);
            let met: Vec<_> = rig.machine.hits().into_keys().collect();
            assert!(
                met.iter().any(|label| label.starts_with("kafka.repair")),
                "{met:?}"
            );
        }
    }
    let all = |rig: &Rig| ENDS.iter().for_each(|place| lose(rig, *place, 2));
    survive(1, all, &[]);
}

/// However little time a call has beside what may be waited for, and in however many partitions.
#[test]
fn a_lost_end_of_a_transaction_is_repaired_however_short_a_call_is() {
    const PARTITIONS: u32 = 20;
    let mut everywhere: Vec<_> = (0..PARTITIONS).map(|n| (TOPIC, n)).collect();
    everywhere.push((PROGRESS, 0));
    let (out, progress) = everywhere.split_at(PARTITIONS as usize);
    for (patience, visible) in [
        (2_000, 60_000),
        (2_000, 2_000),
        (2_000, 600),
        (60_000, 60_000),
    ] {
        for places in [out, progress, &everywhere] {
            let faults = Faults {
                latency: Duration::from_millis(5),
                ..Faults::none()
            };
            let rig = Rig::new(1, faults, How::Exactly, EPOCHS);
            rig.model.grow(TOPIC, PARTITIONS);
            places.iter().for_each(|place| lose(&rig, *place, 2));
            let ran = rig.machine.run(|env| {
                let millis = Duration::from_millis;
                let sink = rig::sink(&rig.model.kafka_of(env), How::Exactly)
                    .patience(millis(patience))
                    .transaction_timeout(millis(1_000))
                    .visible_within(millis(visible));
                rig.drive(env, &sink)
            });
            let case = format!("{patience} {visible} {places:?}");
            ran.unwrap().unwrap_or_else(|e| panic!("{case}: {e}"));
            rig.judge_exactly_in(&case);
            let met = rig.machine.hits();
            assert!(met.keys().any(|label| label.starts_with("kafka.repair")));
        }
    }
}

#[test]
fn a_crash_while_the_end_of_a_transaction_is_missing_loses_and_repeats_nothing() {
    let mut labels: Vec<_> = on_the_way().collect();
    labels.extend(
        SINK_POINTS
            .iter()
            .filter(|label| label.starts_with("kafka.repair")),
    );
    let mut met = BTreeSet::new();
    for place in ENDS {
        for lost in 1..=3 {
            for label in &labels {
                for nth in 1..=4 {
                    let once = survive(nth, |rig| lose(rig, place, lost), &[at(label, nth)]);
                    let twice = [at(label, nth), at("sink.marker_sent", 1)];
                    let twice = survive(nth, |rig| lose(rig, place, lost), &twice);
                    let hits = [once, twice].map(|rig| rig.machine.hits());
                    met.extend(hits.into_iter().flat_map(BTreeMap::into_keys));
                }
            }
        }
    }
    let unmet = SINK_POINTS.iter().filter(|label| !met.contains(*label));
    assert_eq!(unmet.count(), 0, "{met:?}");
}

#[test]
fn a_crash_amid_any_call_while_ends_of_transactions_are_missing_changes_nothing() {
    for place in ENDS {
        let prepare = |rig: &Rig| lose(rig, place, 2);
        let calls = survive(1, prepare, &[]).machine.operations();
        for nth in 1..=calls {
            survive(nth, prepare, &[amid(nth)]);
            survive(nth, prepare, &[amid(nth), amid(5)]);
        }
    }
}

#[test]
fn an_open_transaction_of_somebody_else_delays_and_nothing_more() {
    use whitebeam_io::kafka::client::{NewRecord, ProducerOptions};
    for (topic, nth) in [(TOPIC, 1), (TOPIC, 2), (PROGRESS, 1), (PROGRESS, 3)] {
        let rig = quiet(nth);
        let client = rig.model.client();
        let write = move || {
            let mut other = client
                .producer(&ProducerOptions {
                    transactional_id: Some("other".to_owned()),
                    transaction_timeout: Duration::from_secs(300),
                })
                .unwrap();
            other.init(Duration::from_secs(5)).unwrap();
            other.begin().unwrap();
            let record = NewRecord {
                topic,
                partition: 0,
                timestamp: None,
                key: Some(b"other"),
                value: Some(b"[9,9,9]"),
            };
            other.send(&record).unwrap();
            other.deliveries(Duration::from_secs(1));
            // Nobody ends it before it times out.
            std::mem::forget(other);
        };
        let label = "kafka.begin";
        let moment = sim::Moment::Point { label, nth };
        rig.machine.meanwhile(moment, write);
        rig.run(&[]).unwrap();
        rig.judge_exactly();
        let hits = rig.machine.hits();
        assert!(!hits.keys().any(|label| label.starts_with("kafka.repair")));
    }
}

/// What another sink leaves open in its progress topic, which no other sink can end.
#[test]
fn what_holds_back_one_sink_holds_back_no_other_unless_they_share_a_progress_topic() {
    for shared in [None, Some("shared")] {
        let rig = quiet(1);
        let begin = |id: &str| {
            let sink = rig::sink(&rig.model.kafka(), How::Exactly).exactly_once(id);
            let sink = match shared {
                Some(shared) => sink.progress_topic(shared),
                None => sink,
            };
            let clock = rig.machine.start();
            let began = clock.monotonic();
            let recovered = sink.recover();
            (recovered, clock.monotonic() - began, sink)
        };
        for id in ["one", "two"] {
            begin(id).0.unwrap();
        }
        let (_, _, other) = begin("other");
        let mut writer = other.open(Shard { index: 0, of: 1 }).unwrap();
        writer.write(&Batch::of(rig::events(1))).unwrap();
        let staged = writer.stage(Epoch(1)).unwrap();
        // It is killed after its commit was answered, and nobody goes on from it.
        let progress = shared.unwrap_or("whitebeam-progress-other");
        rig.model.lose_next_marker(progress, 0);
        rig.machine.strike([at("sink.commit_sent", 1)]);
        let killed = rig.machine.step(|| other.commit(Epoch(1), staged));
        assert!(killed.is_err(), "{killed:?}");

        for id in ["one", "two"] {
            let (recovered, took, _) = begin(id);
            match shared {
                Some(_) => {
                    let e = recovered.unwrap_err();
                    assert_eq!(e.kind(), whitebeam_sdk::ErrorKind::Unavailable, "{e}");
                }
                None => {
                    assert_eq!(recovered.unwrap(), None);
                    assert!(took < Duration::from_secs(1), "{took:?}");
                }
            }
        }
    }
}

/// One process stands still while another takes over and comes to its end; then it goes on.
#[test]
fn of_two_instances_the_older_one_ends_and_nothing_is_there_twice() {
    let mut refused = 0;
    let mut by_sink = 0;
    for label in on_the_way() {
        for nth in 1..=5 {
            let rig = quiet(nth);
            let newer = rig.clone();
            let moment = sim::Moment::Point { label, nth };
            rig.machine.meanwhile(moment, move || {
                let env = newer.machine.start();
                newer.process(&env).unwrap();
            });
            let env = rig.machine.start();
            match rig.machine.step(|| rig.process(&env)).unwrap() {
                Ok(()) => {}
                Err(e) => {
                    refused += 1;
                    by_sink += u32::from(e.code() == "K201");
                    assert!(matches!(e.code(), "K201" | "R202"), "{label} {nth}: {e}");
                }
            }
            rig.judge_exactly();
        }
    }
    assert!(refused > 20 && by_sink > 10, "{refused} {by_sink}");
}

/// The older one has committed an epoch, and waits for an end that is lost. The newer one takes it over,
/// and is killed amid the repair, when what was held back is gone. To the older one this looks as if
/// the end had come.
#[test]
fn an_instance_that_was_taken_over_does_not_say_that_an_epoch_is_there_that_the_other_took_back() {
    for partition in 0..2 {
        let rig = quiet(1);
        let older = rig::sink(&rig.model.kafka(), How::Exactly);
        older.recover().unwrap();
        let staged = stage(&older, 1);
        rig.model.lose_next_marker(TOPIC, partition);
        let (newer, owed) = (rig.clone(), staged.clone());
        let label = "kafka.commit_acked";
        let moment = sim::Moment::Point { label, nth: 1 };
        rig.machine.meanwhile(moment, move || {
            let sink = rig::sink(&newer.model.kafka(), How::Exactly);
            assert_eq!(sink.recover().unwrap(), None);
            newer.machine.strike([at("kafka.repair_taken_back", 1)]);
            let killed = newer.machine.step(|| sink.commit(Epoch(1), owed));
            assert!(killed.is_err(), "{killed:?}");
        });
        let e = older.commit(Epoch(1), staged.clone()).unwrap_err();
        assert_eq!(e.code(), "K201", "{e}");
        let last = rig::sink(&rig.model.kafka(), How::Exactly);
        assert_eq!(last.recover().unwrap(), None);
        last.commit(Epoch(1), staged).unwrap();
        assert_eq!(all_of(&rig), rig::expected(1));
    }
}

/// The marker that announces a repair has no end either, and the call ends before that is noticed. The
/// next call must not take it back and go on as if it were there.
#[test]
fn a_repair_that_was_announced_is_not_taken_back_by_who_announced_it() {
    for partition in 0..2 {
        let rig = quiet(1);
        let sink = rig::sink(&rig.model.kafka(), How::Exactly);
        sink.recover().unwrap();
        let staged = stage(&sink, 1);
        rig.model.lose_next_marker(TOPIC, partition);
        let label = "kafka.commit_acked";
        let moment = sim::Moment::Point { label, nth: 2 };
        let model = rig.model.clone();
        rig.machine.meanwhile(moment, move || {
            let refused = Way::Refused(Failure::Fatal);
            model.next(Call::Ends, refused);
        });
        rig.model
            .delay_next_marker(PROGRESS, 0, Duration::from_micros(1));
        rig.model.lose_next_marker(PROGRESS, 0);
        rig.machine.strike([at("kafka.repair_taken_back", 1)]);
        let killed = rig.machine.step(|| sink.commit(Epoch(1), staged.clone()));
        assert!(killed.is_err(), "{killed:?}");
        let last = rig::sink(&rig.model.kafka(), How::Exactly);
        assert_eq!(last.recover().unwrap(), None);
        last.commit(Epoch(1), staged).unwrap();
        assert_eq!(all_of(&rig), rig::expected(1));
    }
}

/// The older one has written a marker whose end is lost: that of its start, or of a repair. The newer
/// one takes it back, not knowing that it was committed, and is killed before it has written its own.
#[test]
fn an_instance_whose_marker_another_has_taken_back_ends() {
    for (nth, is_start) in [(1, true), (2, false)] {
        let rig = quiet(nth);
        let sink = rig::sink(&rig.model.kafka(), How::Exactly);
        let mut owed = None;
        if !is_start {
            sink.recover().unwrap();
            owed = Some(stage(&sink, 1));
            rig.model.lose_next_marker(TOPIC, 0);
            rig.model
                .delay_next_marker(PROGRESS, 0, Duration::from_micros(1));
        }
        rig.model.lose_next_marker(PROGRESS, 0);
        let newer = rig.clone();
        let label = "kafka.commit_acked";
        let moment = sim::Moment::Point { label, nth };
        rig.machine.meanwhile(moment, move || {
            let sink = rig::sink(&newer.model.kafka(), How::Exactly);
            newer.machine.strike([at("kafka.repair_ended", 1)]);
            let killed = newer.machine.step(|| sink.recover());
            assert!(killed.is_err(), "{killed:?}");
        });
        let e = match &owed {
            None => sink.recover().map(|_| ()).unwrap_err(),
            Some(owed) => sink.commit(Epoch(1), owed.clone()).map(|_| ()).unwrap_err(),
        };
        assert_eq!(e.code(), "K201", "{e}");
        let last = rig::sink(&rig.model.kafka(), How::Exactly);
        assert_eq!(last.recover().unwrap(), None);
        let owed = owed.unwrap_or_else(|| stage(&last, 1));
        last.commit(Epoch(1), owed).unwrap();
        assert_eq!(all_of(&rig), rig::expected(1));
    }
}

/// What a writer hands over of an epoch.
fn stage<S>(sink: &S, epoch: u64) -> Vec<S::Staged>
where
    S: Sink<rig::Event>,
{
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    writer.write(&Batch::of(rig::events(epoch))).unwrap();
    writer.stage(Epoch(epoch)).unwrap()
}

/// What a reader of committed records sees, each once.
fn all_of(rig: &Rig) -> BTreeSet<rig::Event> {
    let shown: Vec<_> = rig.shown().into_iter().flatten().collect();
    let set: BTreeSet<_> = shown.iter().copied().collect();
    assert_eq!(set.len(), shown.len(), "{shown:?}");
    set
}

#[test]
fn a_progress_topic_that_was_deleted_is_told_and_nothing_is_sent() {
    for label in [
        "rig.published",
        "sink.marker_sent",
        "sink.commit_sent",
        "rig.committed",
    ] {
        for nth in 1..=3 {
            let rig = quiet(nth);
            rig.machine.strike([at(label, nth)]);
            rig.machine.run(|env| rig.process(env)).unwrap_err();
            let is_owed = {
                let store = rig.store();
                store
                    .published
                    .keys()
                    .last()
                    .is_some_and(|e| *e > store.noted)
            };
            if !is_owed {
                continue;
            }
            rig.model.quiesce();
            let before = rig.model.uncommitted(TOPIC);
            rig.model.delete(PROGRESS);
            let e = rig.run(&[]).unwrap_err();
            assert_eq!(e.code(), "K202", "{label} {nth}: {e}");
            assert!(e.to_string().contains(PROGRESS), "{e}");
            assert_eq!(rig.model.uncommitted(TOPIC), before);
        }
    }
}

#[test]
fn a_progress_topic_that_is_deleted_under_way_ends_the_run() {
    for nth in 2..=4 {
        let rig = quiet(nth);
        let model = rig.model.clone();
        let label = "rig.confirmed";
        let moment = sim::Moment::Point { label, nth };
        rig.machine
            .meanwhile(moment, move || model.delete(PROGRESS));
        let e = rig.run(&[]).unwrap_err();
        assert_eq!(e.code(), "K202", "{e}");
    }
}

#[test]
fn a_checkpoint_that_is_older_than_the_marker_is_seen_by_the_runner() {
    let rig = quiet(1);
    rig.run(&[]).unwrap();
    {
        let mut store = rig.store();
        store.published.remove(&EPOCHS);
        store.noted = EPOCHS - 1;
    }
    let e = rig.run(&[]).unwrap_err();
    assert_eq!(e.code(), "R206");
    assert_eq!(rig.store().recovered, [None, Some(EPOCHS)]);
    rig.judge_exactly();
}

/// Faults of all kinds, and crashes.
fn rough(seed: u64, how: How) -> Rig {
    let rig = Rig::new(seed, Faults::rough(), how, EPOCHS);
    let mut choose = choices(seed);
    let labels: Vec<_> = on_the_way().collect();
    let mut strikes = Vec::new();
    for _ in 0..3 + choose(3) {
        strikes.push(match choose(2) {
            0 => at(labels[choose(labels.len() as u64) as usize], 1 + choose(3)),
            _ => amid(1 + choose(120)),
        });
    }
    if let Err(e) = rig.run(&strikes) {
        panic!("WHITEBEAM_SEED={seed} {how:?} {strikes:?}: {e}");
    }
    rig
}

#[test]
fn exactly_once_keeps_its_promise_among_random_faults() {
    for seed in seeds(10_000) {
        let rig = rough(seed, How::Exactly);
        rig.judge_exactly_in(&format!("WHITEBEAM_SEED={seed}"));
    }
}

#[test]
fn the_same_seed_does_the_same() {
    let trace = |seed| rough(seed, How::Exactly).machine.trace();
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}

/// What is there in the end of a run with faults of all kinds but one, killed three times between what
/// the runner does with an epoch.
fn crashed_at_random(seed: u64, how: How) -> Vec<rig::Event> {
    let mut faults = Faults::rough();
    // A record that is given up ends the run: another begins from the last checkpoint.
    faults.undelivered = 0.0;
    let rig = Rig::new(seed, faults, how, EPOCHS);
    let mut choose = choices(seed);
    let labels = ["rig.wrote", "rig.settled", "rig.published", "rig.confirmed"];
    let strike = |_| at(labels[choose(4) as usize], 1 + choose(3));
    let strikes: Vec<_> = (0..3).map(strike).collect();
    rig.run(&strikes).unwrap();
    rig.shown().into_iter().flatten().collect()
}

#[test]
fn at_least_once_loses_nothing_among_random_faults() {
    let mut repeated = 0;
    for seed in seeds(200) {
        let all = crashed_at_random(seed, How::AtLeast);
        let seen = all.iter().copied().collect();
        assert_eq!(rig::expected(EPOCHS), seen, "WHITEBEAM_SEED={seed}");
        repeated += u32::from(all.len() > seen.len());
    }
    assert!(
        repeated > 0,
        "nothing was ever repeated: no crash did anything"
    );
}

#[test]
fn at_least_once_ends_the_run_when_a_record_is_given_up() {
    let rig = Rig::new(1, Faults::none(), How::AtLeast, EPOCHS);
    rig.model.lose_next_record(TOPIC, 1, Failure::Fatal);
    let e = rig.run(&[]).unwrap_err();
    assert_eq!(e.code(), "K204");
    assert!(rig.store().published.is_empty(), "{e}");
    rig.run(&[]).unwrap();
    let seen = rig.shown().into_iter().flatten().collect();
    assert_eq!(rig::expected(EPOCHS), seen);
}

#[test]
fn at_most_once_repeats_nothing_among_random_faults() {
    let mut lost = 0;
    for seed in seeds(200) {
        let all = crashed_at_random(seed, How::AtMost);
        let seen: BTreeSet<_> = all.iter().copied().collect();
        assert_eq!(all.len(), seen.len(), "WHITEBEAM_SEED={seed}: {all:?}");
        assert!(seen.is_subset(&rig::expected(EPOCHS)));
        lost += u32::from(seen != rig::expected(EPOCHS));
    }
    assert!(lost > 0, "nothing was ever lost: no crash did anything");
}

#[test]
fn what_was_given_up_fails_the_checkpoint_and_every_later_one() {
    let rig = Rig::new(1, Faults::none(), How::AtLeast, EPOCHS);
    let sink = rig::sink(&rig.model.kafka(), How::AtLeast);
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    for partition in 0..rig::PARTITIONS {
        rig.model.lose_next_record(TOPIC, partition, Failure::Fatal);
    }
    writer.write(&Batch::of(vec![(1, 1, 1)])).unwrap();
    for epoch in 1..=2 {
        let e = sink.settle(Epoch(epoch)).unwrap_err();
        assert_eq!(e.code(), "K204", "{e}");
    }
}

#[test]
fn at_most_once_a_commit_that_is_made_again_sends_nothing() {
    let rig = Rig::new(1, Faults::none(), How::AtMost, EPOCHS);
    let sink = rig::sink(&rig.model.kafka(), How::AtMost);
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    writer.write(&Batch::of(rig::events(1))).unwrap();
    let staged = writer.stage(Epoch(1)).unwrap();
    for committed in [Committed::Now, Committed::Before] {
        assert_eq!(sink.commit(Epoch(1), staged.clone()).unwrap(), committed);
    }
    assert_eq!(
        rig.shown().into_iter().flatten().count() as u64,
        rig::PER_EPOCH
    );
}
