//! `World`: what the cases share: topics of their own, producers, and patience.
//!
//! Owns the waiting. Invariant: nothing waits for ever.

use super::Surroundings;
use crate::contract::Broken;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use whitebeam_io::kafka::client::{
    Client, ClientError, Deliveries, Ends, Failure, Isolation, NewRecord, NewTopic,
    PartitionReader, Polled, Producer, ProducerOptions, ReadFrom,
};
use whitebeam_sdk::Timestamp;

/// How long anything may take on a healthy cluster.
pub(super) const LONG: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(5);

impl From<ClientError> for Broken {
    fn from(e: ClientError) -> Self {
        Broken(format!("{e} ({:?})", e.failure))
    }
}

pub(super) type Outcome<T = ()> = Result<T, Broken>;

/// Breaks unless two are equal.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, is: &T, should: &T) -> Outcome {
    match is == should {
        true => Ok(()),
        false => Err(Broken(format!("{what}: {is:?}, not {should:?}"))),
    }
}

/// Breaks unless it holds.
pub(super) fn holds(what: &str, is: bool) -> Outcome {
    match is {
        true => Ok(()),
        false => Err(Broken(what.to_owned())),
    }
}

/// Breaks unless it failed so.
pub(super) fn fails<T>(what: &str, is: Result<T, ClientError>, should: Failure) -> Outcome {
    let failure = is.as_ref().err().map(|e| e.failure);
    match failure == Some(should) {
        true => Ok(()),
        false => {
            let is = is.err().map_or("success".into(), |e| format!("{e:?}"));
            Err(Broken(format!("{what}: {is}, not {should:?}")))
        }
    }
}

/// A record as a reader got it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Got {
    pub(super) offset: u64,
    pub(super) time: Option<Timestamp>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Got {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

pub(super) fn texts(got: &[Got]) -> Vec<String> {
    got.iter().map(Got::text).collect()
}

/// A record with a value alone.
pub(super) fn plain<'a>(topic: &'a str, partition: u32, value: &'a str) -> NewRecord<'a> {
    NewRecord {
        topic,
        partition,
        timestamp: None,
        key: None,
        value: Some(value.as_bytes()),
    }
}

pub(super) struct World<'a> {
    pub(super) around: &'a dyn Surroundings,
    pub(super) client: &'a dyn Client,
}

impl<'a> World<'a> {
    pub(super) fn new(around: &'a dyn Surroundings) -> Self {
        World {
            client: around.client(),
            around,
        }
    }

    /// A name that nobody else has.
    pub(super) fn name(&self) -> String {
        format!("contract-{:032x}", self.client.unique())
    }

    /// A new topic that is there.
    pub(super) fn topic(&self, partitions: u32) -> Outcome<String> {
        self.made(partitions, false)
    }

    /// A new compacted topic that is there.
    pub(super) fn compacted(&self) -> Outcome<String> {
        self.made(1, true)
    }

    fn made(&self, partitions: u32, compacted: bool) -> Outcome<String> {
        let name = self.name();
        let topic = NewTopic {
            name: name.clone(),
            partitions,
            compacted,
        };
        self.client.create_topic(&topic, LONG)?;
        self.until("the new topic is seen", || {
            Ok(self.client.partitions(&name, LONG)? == Some(partitions))
        })?;
        Ok(name)
    }

    /// Waits until something holds.
    pub(super) fn until(&self, what: &str, mut holds: impl FnMut() -> Outcome<bool>) -> Outcome {
        let start = self.client.monotonic();
        while !holds()? {
            if self.client.monotonic().saturating_sub(start) > LONG {
                return Err(Broken(format!("waited too long until {what}")));
            }
            self.client.pause(TICK);
        }
        Ok(())
    }

    /// A producer without transactions.
    pub(super) fn producer(&self) -> Outcome<Box<dyn Producer>> {
        let producer = self.client.producer(&ProducerOptions {
            transactional_id: None,
            transaction_timeout: LONG,
        })?;
        Ok(producer)
    }

    /// A producer of transactions, not initialised.
    pub(super) fn newcomer(&self, id: &str, timeout: Duration) -> Outcome<Box<dyn Producer>> {
        let producer = self.client.producer(&ProducerOptions {
            transactional_id: Some(id.to_owned()),
            transaction_timeout: timeout,
        })?;
        Ok(producer)
    }

    /// A producer of transactions, ready to begin one.
    pub(super) fn writer(&self, id: &str) -> Outcome<Box<dyn Producer>> {
        let mut producer = self.newcomer(id, LONG)?;
        producer.init(LONG)?;
        Ok(producer)
    }

    /// Sends a record, and waits where the queue is full.
    pub(super) fn send(&self, producer: &mut dyn Producer, record: &NewRecord<'_>) -> Outcome {
        let mut sent = producer.send(record);
        let start = self.client.monotonic();
        while matches!(&sent, Err(e) if e.failure == Failure::Full) {
            if self.client.monotonic().saturating_sub(start) > LONG {
                break;
            }
            self.client.pause(TICK);
            sent = producer.send(record);
        }
        Ok(sent?)
    }

    /// Waits until it is known of every record what has become of it.
    pub(super) fn deliver(&self, producer: &mut dyn Producer) -> Outcome<Deliveries> {
        let mut all = Deliveries::default();
        self.until("records are delivered", || {
            let some = producer.deliveries(Duration::from_millis(100));
            all.delivered += some.delivered;
            all.failed.extend(some.failed);
            for (place, (first, last)) in some.offsets {
                let range = all.offsets.entry(place).or_insert((first, last));
                *range = (range.0.min(first), range.1.max(last));
            }
            Ok(producer.in_flight() == 0)
        })?;
        let rest = producer.deliveries(Duration::ZERO);
        all.delivered += rest.delivered;
        all.failed.extend(rest.failed);
        for (place, (first, last)) in rest.offsets {
            let range = all.offsets.entry(place).or_insert((first, last));
            *range = (range.0.min(first), range.1.max(last));
        }
        Ok(all)
    }

    /// Sends values to partitions; all arrive.
    pub(super) fn fill(
        &self,
        producer: &mut dyn Producer,
        topic: &str,
        values: &[(u32, &str)],
    ) -> Outcome<BTreeMap<(String, u32), (u64, u64)>> {
        for (partition, value) in values {
            self.send(producer, &plain(topic, *partition, value))?;
        }
        let deliveries = self.deliver(producer)?;
        same("failed deliveries", &deliveries.failed, &Vec::new())?;
        same("deliveries", &deliveries.delivered, &(values.len() as u64))?;
        Ok(deliveries.offsets)
    }

    /// One whole transaction, open until `end`.
    pub(super) fn transaction(
        &self,
        producer: &mut dyn Producer,
        topic: &str,
        values: &[(u32, &str)],
        end: impl FnOnce(&mut dyn Producer) -> Result<(), ClientError>,
    ) -> Outcome {
        producer.begin()?;
        self.fill(producer, topic, values)?;
        Ok(end(producer)?)
    }

    pub(super) fn ends(&self, topic: &str, partition: u32) -> Outcome<Ends> {
        Ok(self.client.ends(topic, partition, LONG)?)
    }

    /// Waits until everything in a partition is decided: end markers may come later than answers.
    pub(super) fn decided(&self, topic: &str, partition: u32) -> Outcome<Ends> {
        self.until("everything is decided", || {
            let ends = self.ends(topic, partition)?;
            Ok(ends.stable == ends.end)
        })?;
        self.ends(topic, partition)
    }

    pub(super) fn reader(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
        isolation: Isolation,
    ) -> Outcome<Box<dyn PartitionReader>> {
        Ok(self.client.reader(&ReadFrom {
            topic: topic.to_owned(),
            partition,
            offset,
            isolation,
        })?)
    }

    /// Reads from an offset until the reader stands at `to` or behind it.
    pub(super) fn read(
        &self,
        topic: &str,
        partition: u32,
        (from, to): (u64, u64),
        isolation: Isolation,
    ) -> Outcome<Vec<Got>> {
        let mut reader = self.reader(topic, partition, from, isolation)?;
        let mut got = Vec::new();
        let mut next = from;
        self.until("a reader has come to the end", || {
            next = poll(&mut *reader, 7, &mut got)?.next;
            Ok(next >= to)
        })?;
        // And nothing comes behind it.
        poll(&mut *reader, 7, &mut got)?;
        Ok(got)
    }

    /// What a reader of committed records sees of a partition, up to its end now.
    pub(super) fn committed(&self, topic: &str, partition: u32) -> Outcome<Vec<String>> {
        let ends = self.ends(topic, partition)?;
        let range = (ends.first, ends.stable);
        let got = self.read(topic, partition, range, Isolation::Committed)?;
        Ok(texts(&got))
    }
}

/// One poll, which keeps what comes and checks that positions only rise.
pub(super) fn poll(
    reader: &mut dyn PartitionReader,
    most: usize,
    got: &mut Vec<Got>,
) -> Outcome<Polled> {
    let before = got.len();
    let polled = reader.poll(most, &mut |record| {
        got.push(Got {
            offset: record.offset,
            time: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record
                .headers
                .iter()
                .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
                .collect(),
        });
        true
    })?;
    holds(
        "a poll gave more than it was asked for",
        got.len() - before <= most,
    )?;
    let last = got.last().map_or(0, |got| got.offset + 1);
    holds(
        "a reader stands before what it has read",
        polled.next >= last,
    )?;
    let rising = got.windows(2).all(|two| two[0].offset < two[1].offset);
    holds("offsets do not rise", rising)?;
    Ok(polled)
}
