//! Brokers that are not there, go away, come back, or do not let everybody in.

use super::{Topic, go_on};
use std::time::{Duration, Instant};
use whitebeam::batch::Batch;
use whitebeam::io::kafka::{Kafka, KafkaPlace, KafkaSource};
use whitebeam::prelude::*;
use whitebeam::source::{Poll, Reader, Source};
use whitebeam_tests::reading::real_pause;
use whitebeam_tests::services;

const PATIENCE: Duration = Duration::from_secs(60);

fn poll(reader: &mut dyn Reader<u32>, seen: &mut Vec<u32>) -> Poll {
    let mut batch = Batch::default();
    let poll = reader.poll(&mut batch).unwrap();
    seen.append(&mut batch.take_values());
    real_pause();
    poll
}

/// Polls until it is so.
fn poll_until(
    reader: &mut dyn Reader<u32>,
    seen: &mut Vec<u32>,
    mut is_so: impl FnMut(Poll, &[u32]) -> bool,
) {
    let begun = Instant::now();
    loop {
        let poll = poll(reader, seen);
        if is_so(poll, seen) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{poll:?} {seen:?}");
    }
}

#[test]
fn a_broker_that_goes_away_makes_no_partition_idle_and_is_read_on_when_it_is_back() {
    let Some(broker) = services::Kafka::start() else {
        return;
    };
    let topic = Topic::new(&broker, "t", 1);
    topic.append(0, 0..10);
    let source = topic.numbers();
    let split = source.discover(&[], 1).unwrap().remove(0);
    let mut reader = source.open(split, None, &Default::default()).unwrap();
    let (reader, mut seen) = (&mut *reader, Vec::new());
    let is_idle = |poll| matches!(poll, Poll::Idle(_));
    let is_waiting = |poll| matches!(poll, Poll::Waiting(_));
    poll_until(reader, &mut seen, |poll, seen| {
        seen.len() == 10 && is_idle(poll)
    });
    type Deed<'a> = (&'a str, &'a dyn Fn(), &'a dyn Fn());
    let deeds: [Deed<'_>; 2] = [
        ("paused", &|| broker.pause(), &|| broker.resume()),
        ("killed", &|| broker.kill(), &|| broker.restart()),
    ];
    for (n, (how, go, come_back)) in (1..).zip(deeds) {
        go();
        poll_until(reader, &mut seen, |poll, _| is_waiting(poll));
        // It stays so.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            assert!(is_waiting(poll(reader, &mut seen)), "{how}");
        }
        come_back();
        topic.append(0, n * 10..n * 10 + 10);
        let all = n as usize * 10 + 10;
        poll_until(reader, &mut seen, |poll, seen| {
            seen.len() == all && is_idle(poll)
        });
    }
    assert_eq!(seen, (0..30).collect::<Vec<_>>());
}

#[test]
fn nobody_at_the_address_is_told_soon() {
    let kafka = Kafka::at("127.0.0.1:1");
    let source = KafkaSource::<u32>::json(&kafka, "t").until(KafkaPlace::Latest);
    let begun = Instant::now();
    let e = go_on(&source, None).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    let text = "topic `t` at 127.0.0.1:1: no broker answered";
    assert!(e.message().contains(text), "{e}");
    assert!(e.to_string().contains("help: check the address"), "{e}");
}

#[test]
fn a_topic_that_is_not_there_is_told() {
    let Some(broker) = services::Kafka::shared() else {
        return;
    };
    let kafka = Kafka::at(broker.address());
    let p = Pipeline::new();
    let orders = KafkaSource::<u32>::json(&kafka, "oders").until(KafkaPlace::Latest);
    let _ = p.read(orders).map(|n| n + 1);
    let e = BatchRunner::new().run(&p).unwrap_err();
    assert_eq!(e.code(), "K001");
    let text = format!("there is no topic `oders` at {}", broker.address());
    assert!(e.message().contains(&text), "{e}");
    assert!(e.to_string().contains("step "), "{e}");
}

/// What nobody may read in an error.
const WRONG: &str = "a-password-that-is-wrong";

#[test]
fn who_may_not_read_is_told_without_secrets() {
    let Some(broker) = services::Kafka::secure() else {
        return;
    };
    let kafka = Kafka::at(broker.address())
        .set("security.protocol", "sasl_plaintext")
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", "somebody")
        .set("sasl.password", WRONG);
    let source = KafkaSource::<u32>::json(&kafka, "t");
    let e = go_on(&source, None).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    assert!(!e.to_string().contains(WRONG), "{e}");
    a_wrong_password_is_told(&broker);
}

#[cfg(not(feature = "kafka-tls"))]
fn a_wrong_password_is_told(_: &services::Kafka) {
    let why = "built without TLS, for want of OpenSSL's headers";
    whitebeam_tests::skip::skip("outage::a_wrong_password_is_told", why);
}

/// Over TLS: the connection is trusted, and only the password is wrong.
#[cfg(feature = "kafka-tls")]
fn a_wrong_password_is_told(broker: &services::Kafka) {
    let credentials = broker.credentials().unwrap();
    let right = credentials.password.as_str();
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let numbers = |password: &str| {
            let kafka = Kafka::at(broker.address())
                .set("security.protocol", "sasl_ssl")
                .set("ssl.ca.location", credentials.ca.to_str().unwrap())
                .set("sasl.mechanism", mechanism)
                .set("sasl.username", &credentials.user)
                .set("sasl.password", password);
            let p = Pipeline::new();
            let numbers = KafkaSource::<u32>::json(&kafka, "t").until(KafkaPlace::Latest);
            let _ = p.read(numbers).named("Numbers").map(|n| n + 1);
            p
        };
        // Who is known hears of the topic.
        let e = BatchRunner::new().run(&numbers(right)).unwrap_err();
        assert_eq!(e.code(), "K001", "{mechanism}: {e}");
        type Run = (&'static str, fn(&Pipeline) -> Option<Error>);
        let runs: [Run; 2] = [
            ("batch", |p| BatchRunner::new().run(p).err()),
            ("streaming", |p| StreamingRunner::new().run(p).err()),
        ];
        for (runner, run) in runs {
            let e = run(&numbers(WRONG)).unwrap();
            assert_eq!(
                e.kind(),
                ErrorKind::Unavailable,
                "{runner} {mechanism}: {e}"
            );
            let told = format!("{e} {e:?}");
            let what = format!(
                "topic `t` at {}: the broker refused who asked",
                broker.address()
            );
            let remedy = "help: check security.protocol, the user and the password";
            for part in [what.as_str(), remedy, "Numbers", "uthentication failed"] {
                assert!(
                    told.contains(part),
                    "{runner} {mechanism}: `{part}` in {told}"
                );
            }
            for secret in [WRONG, right] {
                assert!(!told.contains(secret), "{runner} {mechanism}: {told}");
            }
        }
    }
}
