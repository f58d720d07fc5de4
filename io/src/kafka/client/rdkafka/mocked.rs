//! Reading and writing on librdkafka's own mock cluster: everything that is `unsafe`, where a sanitizer
//! can see it. What a cluster promises is shown on a real one, by `tests/tests/kafka_client.rs`.

use super::super::{
    Client, Isolation, NewRecord, PartitionReader, Polled, ProducerOptions, ReadFrom, Record,
};
use super::RdKafka;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use std::collections::BTreeMap;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

struct Mock {
    client: RdKafka,
    /// Lives longer than its clients.
    cluster: MockCluster<'static, DefaultProducerContext>,
}

fn mock(partitions: i32) -> Mock {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", partitions, 1).unwrap();
    let client = RdKafka::new(&cluster.bootstrap_servers(), &BTreeMap::new()).unwrap();
    Mock { client, cluster }
}

fn reader(client: &RdKafka, partition: u32, offset: u64) -> Box<dyn PartitionReader> {
    let of = ReadFrom {
        topic: "t".to_owned(),
        partition,
        offset,
        isolation: Isolation::Uncommitted,
    };
    client.reader(&of).unwrap()
}

fn fill(client: &RdKafka, records: impl Iterator<Item = (u32, Option<Vec<u8>>)>) {
    let options = ProducerOptions {
        transactional_id: None,
        transaction_timeout: LONG,
    };
    let mut producer = client.producer(&options).unwrap();
    let mut sent = 0;
    for (partition, value) in records {
        let record = NewRecord {
            topic: "t",
            partition,
            timestamp: None,
            key: Some(b"key"),
            value: value.as_deref(),
        };
        producer.send(&record).unwrap();
        sent += 1;
    }
    let mut delivered = 0;
    while delivered < sent {
        let told = producer.deliveries(LONG);
        assert_eq!(told.failed, []);
        delivered += told.delivered;
    }
}

/// Polls until something is handed over or the end is reached.
fn poll(
    reader: &mut dyn PartitionReader,
    most: usize,
    take: &mut dyn FnMut(&Record<'_>) -> bool,
) -> Polled {
    for _ in 0..3000 {
        let mut any = false;
        let polled = reader.poll(most, &mut |record| {
            any = true;
            take(record)
        });
        let polled = polled.unwrap();
        if any || polled.at_end {
            return polled;
        }
        #[allow(clippy::disallowed_methods, reason = "librdkafka's threads bring it")]
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing came");
}

#[test]
fn records_are_lent_whole_and_those_not_looked_at_are_freed() {
    let mock = mock(2);
    let value =
        |n: u64| (!n.is_multiple_of(7)).then(|| n.to_string().repeat(n as usize % 50).into_bytes());
    fill(&mock.client, (0..2500).map(|n| (0, value(n))));
    // Dropped while its queue, and what was taken from it, is full.
    for from in [0, 700] {
        let mut reader = reader(&mock.client, 0, from);
        let mut first = None;
        poll(&mut *reader, 10, &mut |record| {
            first = Some((record.offset, record.value.map(<[u8]>::to_vec)));
            false
        });
        assert_eq!(first, Some((from, value(from))));
    }
    let mut reader = reader(&mock.client, 0, 0);
    let mut next = 0;
    while next < 2500 {
        let polled = poll(&mut *reader, 900, &mut |record| {
            assert_eq!(record.offset, next);
            assert_eq!(record.key, Some(&b"key"[..]));
            assert_eq!(record.value, value(next).as_deref());
            assert!(record.timestamp.is_some());
            next += 1;
            true
        });
        assert_eq!(polled.next, next);
    }
    let end = poll(&mut *reader, 1, &mut |_| true);
    let at_end = true;
    assert_eq!(end, Polled { next: 2500, at_end });
    assert_eq!(reader.known_end(), Some(2500));
    drop(reader);
    drop(mock.client);
    drop(mock.cluster);
}

#[test]
fn headers_are_found_in_order() {
    let mock = mock(1);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", mock.cluster.bootstrap_servers());
    let producer: BaseProducer = config.create().unwrap();
    let headers = [("a", Some("1")), ("b", None), ("a", Some(""))];
    let mut owned = OwnedHeaders::new();
    for (key, value) in headers {
        owned = owned.insert(Header { key, value });
    }
    let record = BaseRecord::<str, str>::to("t").partition(0).payload("v");
    producer.send(record.headers(owned)).unwrap();
    producer.flush(LONG).unwrap();
    let mut reader = reader(&mock.client, 0, 0);
    let mut found = Vec::new();
    poll(&mut *reader, 1, &mut |record| {
        let headers = record.headers.iter();
        found.extend(headers.map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))));
        true
    });
    let expected =
        headers.map(|(name, value)| (name.to_owned(), value.map(|v| v.as_bytes().to_vec())));
    assert_eq!(found, expected);
}

#[test]
fn commits_of_a_group_are_answered() {
    let mock = mock(2);
    let offsets = BTreeMap::from([(0, 5), (1, 7)]);
    let client = &mock.client;
    client
        .commit_group_offsets("g", "t", &offsets, LONG)
        .unwrap();
    assert_eq!(client.group_offsets("g", "t", 2, LONG).unwrap(), offsets);
}
