//! `KafkaSource`: reads a topic of Kafka, without end or up to one.
//!
//! Owns the settings; `split` finds partitions and stores positions, `partition` reads records and
//! knows them again, `reader` makes batches of them, `yields` says what a record becomes. Where times
//! come from and what becomes of undecodable records is [`record`](crate::record)'s. Transport is
//! the client's.

mod build;
mod error;
mod held;
mod mark;
mod partition;
mod place;
mod reader;
mod record;
mod split;
mod topic;
mod yields;

pub use build::{DisorderedSource, EventTime, OrderedSource, RecordTime, RecordsSource};
pub use partition::Gap;
pub use place::KafkaPlace;
pub use record::KafkaRecord;
pub use split::KafkaSplit;
pub use yields::{AsRecord, OrTombstone, ValueOf, WithRecord, Yields};

use super::Kafka;
use super::client::Isolation;
use crate::codec::Json;
use crate::record::{ByValue, Fail, OnError, RecordTiming};
use partition::OnLoss;
use reader::KafkaReader;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use topic::Topic;
use whitebeam_sdk::source::{Boundedness, Position, ReadOptions, Reader, Source, Untimed};
use whitebeam_sdk::time::Duration;
use whitebeam_sdk::{Element, Result};

/// Reads the records of a topic.
///
/// - Every partition is a split: its records come in their order, and others' in between. New
///   partitions are read from their first record.
/// - It begins at the earliest record, or [`from`](Self::from) another place. Without
///   [`until`](Self::until) it goes on for ever; with it, it is an input that ends, which batch runs
///   read as well.
/// - Only committed records are read, unless it is told to
///   [`read_uncommitted`](Self::read_uncommitted).
/// - [`event_time`](Self::event_time) or [`record_time`](Self::record_time) give the elements
///   their timestamps and each partition its watermark. A partition without new records holds the
///   watermark back, unless [`idle_after`](Self::idle_after) says for how long.
/// - An element is the record's value as the codec reads it; [`records`](Self::records) and
///   [`with_record`](Self::with_record) add key, headers, partition, offset and timestamp. Tombstones
///   (records without value) are passed over, or [kept](Self::keep_tombstones).
///
/// # What it goes on from
///
/// The checkpoint alone: offsets that a group has committed are a place to begin at, and can be
/// [kept up to date](Self::commit_group_offsets) for who watches the group. When reading goes on, it
/// looks again at the last record that was read, and fails where it is another one: the topic was
/// deleted and made again, or cut. Where it is gone because the topic is compacted, the next one is
/// taken without a look: a topic that was made again and is longer by now than what was read cannot
/// be told from a compacted one then.
///
/// ```
/// # use whitebeam_sdk::source::Source;
/// # use whitebeam_sdk::time::{Timestamp, seconds};
/// use whitebeam_io::kafka::{Kafka, KafkaPlace, KafkaSource};
///
/// let kafka = Kafka::at("localhost:9092");
/// let orders = KafkaSource::<(String, i64)>::json(&kafka, "orders")
///     .from(KafkaPlace::Earliest)
///     .event_time(|(_, at)| Timestamp::from_secs(*at))
///     .bounded_out_of_orderness(seconds(30))
///     .idle_after(seconds(60))
///     .commit_group_offsets("revenue");
/// assert_eq!(orders.describe(), "JSON records of topic orders at localhost:9092");
/// ```
pub struct KafkaSource<T, R = ValueOf<Json>, W = ByValue<Untimed>, P = Fail> {
    settings: Settings,
    yields: R,
    timing: W,
    types: PhantomData<fn() -> (T, P)>,
}

/// What does not depend on the elements.
#[derive(Clone)]
struct Settings {
    kafka: Kafka,
    topic: String,
    from: KafkaPlace,
    until: Option<KafkaPlace>,
    idle_after: Option<Duration>,
    isolation: Isolation,
    group: Option<String>,
    on_loss: Option<OnLoss>,
    /// When it is told that open transactions hold readers back.
    alarm_after: std::time::Duration,
}

impl Settings {
    fn open_topic(&self) -> Result<Topic> {
        Ok(Topic::new(
            self.kafka.client()?,
            &self.topic,
            self.isolation,
            self.alarm_after,
        ))
    }
}

impl<T, R, W, P> fmt::Debug for KafkaSource<T, R, W, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        write!(f, "KafkaSource({} from {:?}", settings.topic, settings.from)?;
        match &settings.until {
            Some(until) => write!(f, " until {until:?})"),
            None => f.write_str(")"),
        }
    }
}

impl<T, R, W, P> Source for KafkaSource<T, R, W, P>
where
    T: Element,
    R: Yields<T>,
    W: RecordTiming<P::Out>,
    P: OnError<T>,
{
    type Split = KafkaSplit;
    type Out = P::Out;

    fn discover(&self, known: &[KafkaSplit], _: usize) -> Result<Vec<KafkaSplit>> {
        let (from, until) = (&self.settings.from, self.settings.until.as_ref());
        split::discover(&self.settings.open_topic()?, known, from, until)
    }

    fn end_now(&self, splits: Vec<KafkaSplit>) -> Result<Vec<KafkaSplit>> {
        split::end_now(&self.settings.open_topic()?, splits)
    }

    fn open(
        &self,
        split: KafkaSplit,
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<P::Out>>> {
        let topic = self.settings.open_topic()?;
        let how = (self.yields.clone(), self.timing.clone());
        let on_loss = self.settings.on_loss.clone();
        let reader =
            KafkaReader::<T, R, W, P>::open(topic, split, at.as_ref(), *options, how, on_loss)?;
        Ok(Box::new(reader))
    }

    fn boundedness(&self) -> Boundedness {
        match self.settings.until {
            Some(_) => Boundedness::Bounded,
            None => Boundedness::Unbounded,
        }
    }

    fn idle_after(&self) -> Option<Duration> {
        self.settings.idle_after
    }

    fn checkpointed(&self, at: &[(KafkaSplit, Position)]) -> Result<()> {
        let Some(group) = &self.settings.group else {
            return Ok(());
        };
        let topic = &self.settings.topic;
        let offset = |(split, at): &(KafkaSplit, Position)| {
            let stand = split.stand(at, topic)?;
            Ok((split.partition, stand.reached.next))
        };
        let offsets = at.iter().map(offset).collect::<Result<BTreeMap<_, _>>>()?;
        if offsets.is_empty() {
            return Ok(());
        }
        let topic = self.settings.open_topic()?;
        topic.commit_group_offsets(group, &offsets)
    }

    fn describe(&self) -> String {
        let Settings { kafka, topic, .. } = &self.settings;
        format!("{} records of topic {topic} at {kafka}", self.yields.name())
    }

    fn describe_split(&self, split: &KafkaSplit) -> String {
        split.describe(&self.settings.topic)
    }
}
