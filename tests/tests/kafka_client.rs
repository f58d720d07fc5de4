//! The client over librdkafka: it keeps the contract of all clients on a real cluster, shares its
//! consumers, refuses settings that are not the user's, says what is wrong in time, and no secrets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for real servers"
)]

#[path = "kafka_client/helps.rs"]
mod helps;
#[cfg(feature = "kafka-tls")]
#[path = "kafka_client/logged.rs"]
mod logged;
#[path = "kafka_client/sharing.rs"]
mod sharing;
#[path = "kafka_client/trouble.rs"]
mod trouble;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use whitebeam_io::kafka::Kafka as Cluster;
use whitebeam_io::kafka::client::Client;
use whitebeam_testkit::kafka::Row;
use whitebeam_testkit::kafka::contract::{CASES, Case, Surroundings};
use whitebeam_tests::services::Kafka;

/// A broker and a client of it.
struct Real<'a> {
    broker: &'a Kafka,
    client: Arc<dyn Client>,
}

impl<'a> Real<'a> {
    fn new(broker: &'a Kafka) -> Self {
        Real {
            client: Cluster::at(broker.address()).client().unwrap(),
            broker,
        }
    }
}

impl Surroundings for Real<'_> {
    fn client(&self) -> &dyn Client {
        &*self.client
    }

    fn stop_broker(&self) {
        self.broker.kill();
    }

    fn start_broker(&self) {
        self.broker.restart();
    }

    fn start_broker_during(&self, after: Duration, call: &mut dyn FnMut()) {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(after);
                self.broker.restart();
            });
            call();
        });
    }

    fn timeout_grace(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn append(&self, topic: &str, partition: u32, row: &Row) -> bool {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &row.headers {
            let value = value.as_deref();
            headers = headers.insert(Header { key, value });
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.broker.address());
        let producer: BaseProducer = config.create().unwrap();
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition.cast_signed());
        record.key = row.key.as_deref();
        record.payload = row.value.as_deref();
        producer.send(record.headers(headers)).unwrap();
        producer.flush(Duration::from_secs(30)).unwrap();
        true
    }
}

fn run(broker: &Kafka, cases: impl Iterator<Item = &'static Case>) {
    let real = Real::new(broker);
    let mut broken = Vec::new();
    for case in cases {
        let start = real.client.monotonic();
        let outcome = case.run(&real);
        let took = real.client.monotonic().saturating_sub(start);
        eprintln!("{:8.3} s  {}  {outcome:?}", took.as_secs_f64(), case.name);
        if case.stops_the_broker() && !broker.answers() {
            broker.restart();
        }
        broken.extend(outcome.err());
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_real_cluster_keeps_the_contract() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    run(broker, CASES.iter().filter(|case| !case.stops_the_broker()));
}

#[test]
fn a_real_cluster_that_fails_keeps_the_contract() {
    let Some(broker) = Kafka::start() else { return };
    run(&broker, CASES.iter().filter(|case| case.stops_the_broker()));
}
