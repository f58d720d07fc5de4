//! `KafkaSink`: writes elements to a topic as records, once, at least once or at most once.
//!
//! Owns the settings, and which of the three ways is gone. `writer` owns the encoding, `staged` what
//! waits in a checkpoint, `session` the protocol of exactly once with its `marker`, `visible` the time
//! before and after a commit, `direct` what is sent without transactions. Invariant: an epoch that is said to be
//! committed can be read.

mod delivery;
mod direct;
mod error;
mod marker;
mod patience;
mod place;
mod progress;
mod session;
mod staged;
mod transaction;
mod undecided;
mod visible;
mod writer;

pub use staged::StagedRecords;
pub use writer::KafkaSinkWriter;

use super::Kafka;
use super::client::{ClientError, Failure};
use super::error::failed;
use crate::codec::{Codec, Json, Postcard};
use crate::key::{KeyBy, KeyOf, NoKey};
use delivery::{Delivery, State};
use patience::Patience;
use place::Place;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink};
use whitebeam_sdk::{Element, Result};
use writer::IsTombstone;

/// Every labelled crash point of the sink.
pub const POINTS: &[&str] = &[
    "sink.init",
    "sink.marker_read",
    "kafka.begin",
    "sink.half",
    "sink.marker_sent",
    "sink.commit_sent",
    "kafka.commit_acked",
    "kafka.visible",
    "kafka.repair_witnessed",
    "kafka.repair_ended",
    "kafka.repair_announced",
    "kafka.repair_taken_back",
];

/// What a client takes in one message, if nobody has told it otherwise.
const MAX_RECORD: usize = 1_000_000;

/// Writes elements to a topic as records.
///
/// How often a record arrives is a choice:
/// - [`exactly_once`](Self::exactly_once): what an epoch wrote lies in its checkpoint until the
///   checkpoint is durable, and is sent in one short transaction then. Readers of committed records
///   see each record once, whatever is killed. A topic of markers says which epoch was the last.
/// - [`at_least_once`](Self::at_least_once), the default: sent at once; a checkpoint waits until
///   everything has arrived. After a failure, what came after the last checkpoint is there again.
/// - [`at_most_once`](Self::at_most_once): sent after its checkpoint, by the process that wrote it or
///   never. After a failure an epoch may be missing; nothing is there twice.
///
/// Records of equal keys go to one partition ([`key_by`](Self::key_by)), the one that Kafka's own
/// clients choose; without a key they go round. What is promised in detail, by which mechanism, and
/// which rights it needs: `docs/guarantees.md`.
///
/// ```
/// # use whitebeam_sdk::sink::Sink;
/// use whitebeam_io::kafka::{Kafka, KafkaSink};
/// let kafka = Kafka::at("localhost:9092");
/// let sink = KafkaSink::<(String, i64)>::json(&kafka, "revenue")
///     .key_by(|(country, _)| country.clone())
///     .exactly_once("revenue");
/// assert_eq!(
///     sink.describe(),
///     "JSON records to topic revenue at localhost:9092, exactly once as revenue"
/// );
/// ```
pub struct KafkaSink<T, C = Json, K = NoKey> {
    settings: Settings,
    codec: C,
    key: K,
    is_tombstone: Option<IsTombstone<T>>,
    state: Mutex<State>,
    types: PhantomData<fn(T)>,
}

/// Everything but the types.
#[derive(Clone, Debug)]
struct Settings {
    kafka: Kafka,
    topic: String,
    delivery: Delivery,
    namespace: String,
    /// The topic of the markers, if one was given.
    progress: Option<String>,
    create: Option<u32>,
    max_record: usize,
    event_times: bool,
    patience: Patience,
}

impl<T: Element> KafkaSink<T> {
    /// Values, and keys, are JSON.
    pub fn json(kafka: &Kafka, topic: impl Into<String>) -> Self {
        KafkaSink::with_codec(kafka, topic, Json)
    }
}

impl<T: Element> KafkaSink<T, Postcard> {
    /// Values, and keys, are in postcard's form.
    pub fn postcard(kafka: &Kafka, topic: impl Into<String>) -> Self {
        KafkaSink::with_codec(kafka, topic, Postcard)
    }
}

impl<T: Element, C: Codec<T>> KafkaSink<T, C> {
    /// Values, and keys, are in the form of `codec`.
    pub fn with_codec(kafka: &Kafka, topic: impl Into<String>, codec: C) -> Self {
        KafkaSink {
            settings: Settings {
                kafka: kafka.clone(),
                topic: topic.into(),
                delivery: Delivery::AtLeast,
                namespace: "whitebeam".to_owned(),
                progress: None,
                create: None,
                max_record: MAX_RECORD,
                event_times: false,
                patience: Patience::default(),
            },
            codec,
            key: NoKey,
            is_tombstone: None,
            state: Mutex::default(),
            types: PhantomData,
        }
    }

    /// Gives every record a key, in the form of the codec.
    pub fn key_by<Q, F>(self, find: F) -> KafkaSink<T, C, KeyBy<F, C, Q>>
    where
        F: Fn(&T) -> Q + Send + Sync + 'static,
        C: Codec<Q>,
        Q: 'static,
    {
        let codec = self.codec.clone();
        self.key_as(codec, find)
    }

    /// Gives every record a key in the form of another codec, such as text beside JSON values.
    ///
    /// ```
    /// use whitebeam_io::codec::Raw;
    /// use whitebeam_io::kafka::{Kafka, KafkaSink};
    /// let sink = KafkaSink::<(String, i64)>::json(&Kafka::at("localhost:9092"), "revenue")
    ///     .key_as(Raw, |(country, _)| country.clone().into_bytes());
    /// ```
    pub fn key_as<Q, F, D>(self, codec: D, find: F) -> KafkaSink<T, C, KeyBy<F, D, Q>>
    where
        F: Fn(&T) -> Q + Send + Sync + 'static,
        D: Codec<Q>,
        Q: 'static,
    {
        KafkaSink {
            settings: self.settings,
            codec: self.codec,
            key: KeyBy::new(find, codec),
            is_tombstone: self.is_tombstone,
            state: Mutex::default(),
            types: PhantomData,
        }
    }
}

impl<T, C, K> KafkaSink<T, C, K> {
    /// Every record is there once for readers of committed records, as long as the run keeps
    /// checkpoints; without any, once for each run that comes to its end. `id` names this sink among
    /// all of a cluster, and its progress topic, and stays the same for ever: whoever begins under it
    /// ends all others.
    #[must_use]
    pub fn exactly_once(mut self, id: impl Into<String>) -> Self {
        self.settings.delivery = Delivery::Exactly(id.into());
        self
    }

    /// Every record is there, perhaps more than once. This is the default.
    #[must_use]
    pub fn at_least_once(mut self) -> Self {
        self.settings.delivery = Delivery::AtLeast;
        self
    }

    /// No record is there more than once; some may be missing after a failure.
    #[must_use]
    pub fn at_most_once(mut self) -> Self {
        self.settings.delivery = Delivery::AtMost;
        self
    }

    /// Elements for which `is` holds are written as a key without value: in a compacted topic they
    /// remove it.
    #[must_use]
    pub fn tombstones_when(mut self, is: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.is_tombstone = Some(Arc::new(is));
        self
    }

    /// Records carry the timestamps of their elements, instead of the time at which they are sent.
    /// Newer brokers refuse times that lie more than an hour ahead.
    #[must_use]
    pub fn event_times(mut self) -> Self {
        self.settings.event_times = true;
        self
    }

    /// Makes the topic with so many partitions, if it is not there.
    #[must_use]
    pub fn create(mut self, partitions: u32) -> Self {
        self.settings.create = Some(partitions);
        self
    }

    /// The topic of the markers, instead of `whitebeam-progress-<id>`: one partition, compacted. It is
    /// made if it is not there. Sinks may share one; then what holds readers back there holds back all
    /// of them.
    #[must_use]
    pub fn progress_topic(mut self, name: impl Into<String>) -> Self {
        self.settings.progress = Some(name.into());
        self
    }

    /// Transactional ids begin with this, instead of `whitebeam`, and so do the names of progress
    /// topics, for clusters whose rights are given by prefix: the id is `<namespace>.<id>.<shard>`,
    /// with one shard, 0.
    #[must_use]
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.settings.namespace = name.into();
        self
    }

    /// The largest record, with its key and 128 bytes besides; 1,000,000 if nothing is said, as the
    /// client has it. To be raised together with `message.max.bytes` of the client and
    /// `max.message.bytes` of the topic.
    #[must_use]
    pub fn max_record_bytes(mut self, most: usize) -> Self {
        self.settings.max_record = most;
        self
    }

    /// How long a transaction may be open before the cluster ends it; a minute, if nothing is said.
    /// It grows by itself, up to a quarter of an hour, when epochs take a good part of it.
    #[must_use]
    pub fn transaction_timeout(mut self, time: Duration) -> Self {
        self.settings.patience.first = time;
        self.settings.patience.transaction = time;
        self
    }

    /// How long a call waits for a cluster that does not answer before it fails (a run calls again
    /// for what it has promised); a minute, if nothing is said.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.settings.patience.call = time;
        self
    }

    /// How long committed records may stay invisible before something is done about it: ten seconds,
    /// if nothing is said, and never more than a quarter of [`patience`](Self::patience).
    #[must_use]
    pub fn visible_within(mut self, time: Duration) -> Self {
        self.settings.patience.visible = time;
        self
    }

    /// A panic leaves the state whole: it is changed in single assignments.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    fn place(&self) -> Result<Place> {
        let (id, progress) = match (&self.delivery, &self.progress) {
            (Delivery::Exactly(id), given) => {
                let progress = match given {
                    Some(given) => given.clone(),
                    None => progress::topic_of(&self.namespace, id)?,
                };
                (format!("{}.{id}.0", self.namespace), progress)
            }
            _ => Default::default(),
        };
        Ok(Place {
            client: self.kafka.client()?,
            topic: self.topic.clone(),
            progress,
            id,
        })
    }

    /// How many partitions the topic has; it is made if it is to be.
    fn partitions(&self, place: &Place) -> Result<u32> {
        let until = place.until(self.patience.call);
        let found = place.partitions(&self.topic, self.create.map(|n| (n, false)), until);
        let missing = || ClientError::new(Failure::NoTopic, "find the topic", "it is not there");
        found
            .and_then(|found| found.ok_or_else(missing))
            .map_err(|e| failed(&place.client.describe(), &self.topic, e))
    }
}

impl<T, C, K> fmt::Debug for KafkaSink<T, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KafkaSink").field(&self.settings).finish()
    }
}

impl<T: Element, C: Codec<T>, K: KeyOf<T>> Sink<T> for KafkaSink<T, C, K> {
    type Staged = StagedRecords;
    type Writer = KafkaSinkWriter<T, C, K>;

    fn open(&self, shard: Shard) -> Result<Self::Writer> {
        let run = self.state().run(&self.settings)?;
        let (codec, key) = (self.codec.clone(), self.key.clone());
        let is_tombstone = self.is_tombstone.clone();
        Ok(KafkaSinkWriter::new(run, shard, codec, key, is_tombstone))
    }

    fn recover(&self) -> Result<Option<Epoch>> {
        self.state().recover(&self.settings)
    }

    fn settle(&self, _: Epoch) -> Result<()> {
        let direct = self.state().direct();
        direct.map_or(Ok(()), |direct| direct.settle())
    }

    fn commit(&self, epoch: Epoch, staged: Vec<StagedRecords>) -> Result<Committed> {
        self.state().commit(&self.settings, epoch, staged)
    }

    fn finish(&self) -> Result<()> {
        let state = std::mem::take(&mut *self.state());
        state.direct().map_or(Ok(()), |direct| direct.settle())
    }

    fn abort(&self) {
        self.state().abort();
    }

    fn observes_timestamps(&self) -> bool {
        self.settings.event_times
    }

    fn describe(&self) -> String {
        let (codec, of) = (self.codec.name(), &self.settings);
        let (topic, kafka) = (&of.topic, &of.kafka);
        format!(
            "{codec} records to topic {topic} at {kafka}, {}",
            of.delivery
        )
    }
}
