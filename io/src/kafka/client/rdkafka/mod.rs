//! `RdKafka`: a real cluster, reached by librdkafka.
//!
//! Owns what librdkafka is asked for each call of the contract. `settings` and `ours` say what it is
//! told, `watch` hears what it says unasked, `ask` is patient, `apart` waits for what may not return,
//! `aside` ends, `session` and `reader` read, `producer` and `deliveries` write, `native` holds all
//! that is `unsafe`. Does not own what an answer means for an epoch.

mod apart;
mod aside;
mod ask;
mod deliveries;
mod failure;
mod groups;
#[cfg(test)]
mod mocked;
mod native;
mod newcomers;
mod ours;
mod producer;
mod reader;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod told;
mod topics;
mod watch;

use super::{
    Client, ClientError, Ends, Failure, Isolation, NewTopic, PartitionReader, Producer,
    ProducerOptions, ReadFrom, Result,
};
use apart::Limits;
use ask::{MACHINE, Until, ask};
use groups::Groups;
use producer::Writer;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use reader::Reader;
use session::{Reading, Sessions};
use settings::Settings;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_sdk::Timestamp;

/// A cluster, by librdkafka.
pub(in crate::kafka) struct RdKafka {
    settings: Arc<Settings>,
    committed: Sessions,
    uncommitted: Sessions,
    groups: Groups,
}

impl RdKafka {
    /// A cluster behind `brokers`. Asks nobody yet; settings that cannot be are refused.
    pub(in crate::kafka) fn new(brokers: &str, given: &BTreeMap<String, String>) -> Result<Self> {
        let settings = Arc::new(Settings::new(brokers, given)?);
        let sessions = |isolation| Sessions::new(Arc::clone(&settings), isolation);
        Ok(RdKafka {
            committed: sessions(Isolation::Committed),
            uncommitted: sessions(Isolation::Uncommitted),
            groups: Groups::new(Arc::clone(&settings)),
            settings,
        })
    }

    fn sessions(&self, isolation: Isolation) -> &Sessions {
        match isolation {
            Isolation::Committed => &self.committed,
            Isolation::Uncommitted => &self.uncommitted,
        }
    }

    /// The first offset, and behind the last that one sees.
    fn watermarks(
        &self,
        isolation: Isolation,
        topic: &str,
        partition: i32,
        until: Until,
    ) -> Result<(u64, u64)> {
        let session = self.sessions(isolation).first()?;
        let action = "ask for the ends of a partition";
        let (low, high) = ask(session.watch(), action, until, |time| {
            let consumer = session.consumer();
            up_to_date(consumer, topic, time, || {
                consumer.fetch_watermarks(topic, partition, time)
            })
        })?;
        Ok((
            u64::try_from(low).unwrap_or(0),
            u64::try_from(high).unwrap_or(0),
        ))
    }

    fn offset_for(
        &self,
        topic: &str,
        partition: i32,
        millis: i64,
        until: Until,
    ) -> Result<Option<u64>> {
        let session = self.uncommitted.first()?;
        let action = "ask for the offset of a time";
        let found = ask(session.watch(), action, until, |time| {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(topic, partition, Offset::Offset(millis))?;
            let consumer = session.consumer();
            let found = up_to_date(consumer, topic, time, || {
                consumer.offsets_for_times(list.clone(), time)
            })?;
            match found.elements().first() {
                Some(of) => of.error().map(|()| of.offset()),
                None => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition)),
            }
        })?;
        Ok(match found {
            Offset::Offset(offset) => u64::try_from(offset).ok(),
            _ => None,
        })
    }
}

/// Asks again with new metadata where a consumer knows of no such partition: it may be newer than
/// what that consumer heard last, which is not what another one has heard.
fn up_to_date<T>(
    consumer: &BaseConsumer<Reading>,
    topic: &str,
    time: Duration,
    ask: impl Fn() -> KafkaResult<T>,
) -> KafkaResult<T> {
    match ask() {
        Err(e) if failure::of(&e) == Failure::NoTopic => {
            consumer.fetch_metadata(Some(topic), time)?;
            ask()
        }
        answer => answer,
    }
}

impl Client for RdKafka {
    fn partitions(&self, topic: &str, within: Duration) -> Result<Option<u32>> {
        named(topic)?;
        let session = self.committed.first()?;
        let action = "ask for the partitions of a topic";
        let found = ask(session.watch(), action, Until::within(within), |time| {
            let metadata = session.consumer().fetch_metadata(Some(topic), time)?;
            let Some(found) = metadata.topics().first() else {
                return Ok(None);
            };
            match found.error().map(RDKafkaErrorCode::from) {
                None => Ok(Some(found.partitions().len())),
                Some(code) if failure::of_code(code) == Failure::NoTopic => Ok(None),
                Some(code) => Err(KafkaError::MetadataFetch(code)),
            }
        })?;
        Ok(found.and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0))
    }

    fn create_topic(&self, topic: &NewTopic, within: Duration) -> Result<()> {
        let until = Until::within(within);
        // Who is refused, or finds nobody, is told so at once.
        let there = self.partitions(&topic.name, until.left())?;
        if there.is_some() {
            let said = "there is one of that name";
            return Err(ClientError::new(Failure::Exists, "make a topic", said));
        }
        topics::create(&self.settings, topic, until)
    }

    fn ends(&self, topic: &str, partition: u32, within: Duration) -> Result<Ends> {
        named(topic)?;
        let partition = numbered(partition)?;
        let until = Until::within(within);
        // In this order: what was decided stays so.
        let (first, stable) = self.watermarks(Isolation::Committed, topic, partition, until)?;
        let (_, end) = self.watermarks(Isolation::Uncommitted, topic, partition, until)?;
        Ok(Ends { first, stable, end })
    }

    fn offset_at(
        &self,
        topic: &str,
        partition: u32,
        time: Timestamp,
        within: Duration,
    ) -> Result<u64> {
        named(topic)?;
        let partition = numbered(partition)?;
        let until = Until::within(within);
        // Kafka counts milliseconds: one that began before `time` is not `time` or later.
        let millis = time.micros().div_euclid(1000) + i64::from(time.micros().rem_euclid(1000) > 0);
        // Asked first: a record that comes in between is behind it.
        let (_, end) = self.watermarks(Isolation::Uncommitted, topic, partition, until)?;
        let found = self.offset_for(topic, partition, millis.max(0), until)?;
        Ok(found.unwrap_or(end))
    }

    fn group_offsets(
        &self,
        group: &str,
        topic: &str,
        partitions: u32,
        within: Duration,
    ) -> Result<BTreeMap<u32, u64>> {
        named(topic)?;
        self.groups.offsets(group, topic, partitions, within)
    }

    fn commit_group_offsets(
        &self,
        group: &str,
        topic: &str,
        offsets: &BTreeMap<u32, u64>,
        within: Duration,
    ) -> Result<()> {
        named(topic)?;
        self.groups.commit(group, topic, offsets, within)
    }

    fn reader(&self, of: &ReadFrom) -> Result<Box<dyn PartitionReader>> {
        let (session, assigned) = self.sessions(of.isolation).read(of)?;
        Ok(Box::new(Reader::new(of, session, assigned)))
    }

    fn producer(&self, of: &ProducerOptions) -> Result<Box<dyn Producer>> {
        Ok(Box::new(Writer::new(&self.settings, of, Limits::USUAL)?))
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "waiting is what this call is for"
    )]
    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn monotonic(&self) -> Duration {
        MACHINE.monotonic()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(MACHINE.now().0)
    }

    fn unique(&self) -> u128 {
        MACHINE.unique()
    }

    fn point(&self, label: &'static str) {
        MACHINE.point(label);
    }

    fn describe(&self) -> String {
        self.settings.brokers.clone()
    }
}

impl fmt::Debug for RdKafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RdKafka({})", self.settings.brokers)
    }
}

/// librdkafka's wrapper ends the program at a name with a zero in it.
fn named(topic: &str) -> Result<()> {
    if topic.is_empty() || topic.contains('\0') {
        let said = format!("{topic:?} is not the name of a topic");
        return Err(ClientError::new(Failure::Invalid, "ask for a topic", said));
    }
    Ok(())
}

fn numbered(partition: u32) -> Result<i32> {
    i32::try_from(partition).map_err(|_| {
        let said = format!("no partition has the number {partition}");
        ClientError::new(Failure::Invalid, "ask for a partition", said)
    })
}
