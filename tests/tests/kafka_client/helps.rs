//! Topics, records and patience.

use std::sync::Arc;
use std::time::{Duration, Instant};

use whitebeam_io::kafka::Kafka as Cluster;
use whitebeam_io::kafka::client::{
    Client, Isolation, NewRecord, NewTopic, PartitionReader, Producer, ProducerOptions, ReadFrom,
};
use whitebeam_tests::services::Kafka;

/// How long anything may take.
const LONG: Duration = Duration::from_secs(60);

pub(crate) fn client(broker: &Kafka) -> Arc<dyn Client> {
    Cluster::at(broker.address()).client().unwrap()
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A topic of one's own.
pub(crate) struct Topic<'a> {
    client: &'a dyn Client,
    pub(crate) name: String,
}

impl<'a> Topic<'a> {
    pub(crate) fn new(client: &'a dyn Client, partitions: u32) -> Self {
        let name = format!("client-{:032x}", client.unique());
        let topic = NewTopic {
            name: name.clone(),
            partitions,
            compacted: false,
        };
        client.create_topic(&topic, LONG).unwrap();
        until("the topic is there", || {
            client.partitions(&name, LONG).unwrap() == Some(partitions)
        });
        Topic { client, name }
    }

    /// Writes values; gives them back.
    pub(crate) fn fill(&self, values: impl IntoIterator<Item = (u32, String)>) -> Vec<String> {
        let mut producer = producer(self.client, None);
        let mut sent = Vec::new();
        for (partition, value) in values {
            let record = NewRecord {
                topic: &self.name,
                partition,
                timestamp: None,
                key: None,
                value: Some(value.as_bytes()),
            };
            producer.send(&record).unwrap();
            sent.push(value);
        }
        let mut delivered = 0;
        until("records are delivered", || {
            let told = producer.deliveries(Duration::from_millis(100));
            assert_eq!(told.failed, []);
            delivered += told.delivered;
            delivered == sent.len() as u64
        });
        sent
    }
}

pub(crate) fn transactional(client: &dyn Client, id: &str) -> Box<dyn Producer> {
    producer(client, Some(id))
}

fn producer(client: &dyn Client, id: Option<&str>) -> Box<dyn Producer> {
    let options = ProducerOptions {
        transactional_id: id.map(str::to_owned),
        transaction_timeout: LONG,
    };
    client.producer(&options).unwrap()
}

pub(crate) fn reader(
    client: &dyn Client,
    topic: &str,
    partition: u32,
    offset: u64,
) -> Box<dyn PartitionReader> {
    let of = ReadFrom {
        topic: topic.to_owned(),
        partition,
        offset,
        isolation: Isolation::Committed,
    };
    client.reader(&of).unwrap()
}

/// Reads until the reader stands at `to`; the values as text.
pub(crate) fn read_to(reader: &mut dyn PartitionReader, to: u64) -> Vec<String> {
    let mut values = Vec::new();
    until("records come", || {
        let polled = reader.poll(50, &mut |record| {
            let value = record.value.unwrap_or_default();
            values.push(String::from_utf8_lossy(value).into_owned());
            true
        });
        polled.unwrap().next >= to
    });
    values
}

pub(crate) fn at_end(reader: &mut dyn PartitionReader) -> bool {
    reader.poll(50, &mut |_| true).unwrap().at_end
}
