//! How a `KafkaSource` is told what to read.
//!
//! Owns the calls that make and change one; what they set is read elsewhere.

use super::partition::Gap;
use super::place::KafkaPlace;
use super::record::KafkaRecord;
use super::yields::{AsRecord, OrTombstone, ValueOf, WithRecord, Yields};
use super::{KafkaSource, Settings};
use crate::codec::{Codec, Json};
use crate::kafka::Kafka;
use crate::kafka::client::{Isolation, Record};
use crate::record::{self, ByValue, Keep, OnError, Retimed};
use std::marker::PhantomData;
use std::sync::Arc;
use whitebeam_sdk::source::{Ordered, OutOfOrder, Untimed};
use whitebeam_sdk::time::Duration;
use whitebeam_sdk::{Element, Timestamp};

/// What [`KafkaSource::event_time`] makes.
pub type EventTime<T, R, P, F> = record::EventTime<KafkaSource<T, R, ByValue<Untimed>, P>, F>;
/// What [`KafkaSource::record_time`] makes.
pub type RecordTime<T, R, P> = record::RecordTime<KafkaSource<T, R, ByValue<Untimed>, P>>;
/// What [`ordered`](record::EventTime::ordered) makes of it.
pub type OrderedSource<T, R, P, F> = KafkaSource<T, R, ByValue<Ordered<F>>, P>;
/// What [`bounded_out_of_orderness`](record::EventTime::bounded_out_of_orderness) makes of it.
pub type DisorderedSource<T, R, P, F> = KafkaSource<T, R, ByValue<OutOfOrder<F>>, P>;
/// What [`KafkaSource::records`] makes.
pub type RecordsSource<T, R> = KafkaSource<KafkaRecord<T>, WithRecord<R, AsRecord<T>, T>>;

impl<T, R, W, P> Retimed for KafkaSource<T, R, W, P> {
    type With<V> = KafkaSource<T, R, V, P>;
    fn retimed<V>(self, timing: V) -> KafkaSource<T, R, V, P> {
        let KafkaSource {
            settings, yields, ..
        } = self;
        KafkaSource {
            settings,
            yields,
            timing,
            types: PhantomData,
        }
    }
}

impl<T> KafkaSource<T> {
    /// Values are JSON.
    pub fn json(kafka: &Kafka, topic: impl Into<String>) -> Self
    where
        Json: Codec<T>,
    {
        KafkaSource::with_codec(kafka, topic, Json)
    }
}

impl<T, C: Codec<T>> KafkaSource<T, ValueOf<C>> {
    /// Values are in the form of `codec`.
    ///
    /// ```
    /// # use whitebeam_sdk::source::Source;
    /// use whitebeam_io::codec::Utf8;
    /// use whitebeam_io::kafka::{Kafka, KafkaSource};
    ///
    /// let kafka = Kafka::at("localhost:9092");
    /// let lines = KafkaSource::with_codec(&kafka, "lines", Utf8);
    /// assert_eq!(lines.describe(), "UTF-8 records of topic lines at localhost:9092");
    /// ```
    pub fn with_codec(kafka: &Kafka, topic: impl Into<String>, codec: C) -> Self {
        KafkaSource {
            settings: Settings {
                kafka: kafka.clone(),
                topic: topic.into(),
                from: KafkaPlace::Earliest,
                until: None,
                idle_after: None,
                isolation: Isolation::Committed,
                group: None,
                on_loss: None,
                alarm_after: std::time::Duration::from_secs(60),
            },
            yields: ValueOf(codec),
            timing: ByValue(Untimed),
            types: PhantomData,
        }
    }
}

impl<T, R: Yields<T>> KafkaSource<T, R> {
    /// Yields an element for tombstones too, which are records without value: `None`, and `Some` of
    /// what other records yield. Say it before [`records`](Self::records).
    pub fn keep_tombstones(self) -> KafkaSource<Option<T>, OrTombstone<R>> {
        self.yielding(OrTombstone)
    }

    /// Yields [`KafkaRecord`]s: the value, and key, headers, partition, offset and timestamp.
    pub fn records(self) -> RecordsSource<T, R>
    where
        T: 'static,
    {
        self.with_record(KafkaRecord::new as AsRecord<T>)
    }

    /// Yields what `make` makes of a record and its value, without copies of what is not needed.
    ///
    /// ```
    /// use whitebeam_io::kafka::{Kafka, KafkaSource};
    ///
    /// let kafka = Kafka::at("localhost:9092");
    /// let amounts = KafkaSource::<i64>::json(&kafka, "amounts")
    ///     .with_record(|record, cents| (record.partition, record.offset, cents));
    /// # let _: KafkaSource<(u32, u64, i64), _> = amounts;
    /// ```
    pub fn with_record<U, F>(self, make: F) -> KafkaSource<U, WithRecord<R, F, T>>
    where
        F: Fn(&Record<'_>, T) -> U + Send + Sync + 'static,
    {
        self.yielding(|yields| WithRecord::new(yields, make))
    }

    /// Yields [`Decoded`](record::Decoded) elements, so that undecodable records can be routed to a
    /// dead-letter output, with their bytes and where they lie, instead of ending the run.
    pub fn keep_undecodable(self) -> KafkaSource<T, R, ByValue<Untimed>, Keep> {
        let KafkaSource {
            settings,
            yields,
            timing,
            ..
        } = self;
        KafkaSource {
            settings,
            yields,
            timing,
            types: PhantomData,
        }
    }

    fn yielding<U, S>(self, yields: impl FnOnce(R) -> S) -> KafkaSource<U, S> {
        KafkaSource {
            settings: self.settings,
            yields: yields(self.yields),
            timing: self.timing,
            types: PhantomData,
        }
    }
}

impl<T: Element, R: Yields<T>, P: OnError<T>> KafkaSource<T, R, ByValue<Untimed>, P> {
    /// Takes event times from the elements; say next in which order they come.
    pub fn event_time<F>(self, time: F) -> EventTime<T, R, P, F>
    where
        F: Fn(&P::Out) -> Timestamp + Send + Sync + 'static,
    {
        record::EventTime { source: self, time }
    }

    /// Takes the records' own timestamps: their writers', or of the append where the topic says so.
    /// Say next in which order they come.
    pub fn record_time(self) -> RecordTime<T, R, P> {
        record::RecordTime { source: self }
    }
}

impl<T, R, W, P> KafkaSource<T, R, W, P> {
    /// Begins there instead of at the earliest record. A run that goes on from a checkpoint begins
    /// where that one stands.
    #[must_use]
    pub fn from(mut self, place: KafkaPlace) -> Self {
        self.settings.from = place;
        self
    }

    /// Ends there instead of never.
    #[must_use]
    pub fn until(mut self, place: KafkaPlace) -> Self {
        self.settings.until = Some(place);
        self
    }

    /// A partition that has had no new records for so long holds the watermark back no more, until
    /// it has some. Records that it gets then may be late. Only a partition counts whose broker says
    /// that there is nothing: one that does not answer holds the watermark.
    #[must_use]
    pub fn idle_after(mut self, time: Duration) -> Self {
        self.settings.idle_after = Some(time);
        self
    }

    /// Reads records of open and aborted transactions too.
    #[must_use]
    pub fn read_uncommitted(mut self) -> Self {
        self.settings.isolation = Isolation::Uncommitted;
        self
    }

    /// Commits the offsets that a checkpoint stands at for consumer group `group`, for who watches
    /// its lag. Nothing is read from there but by [`KafkaPlace::Group`], and nothing depends on it.
    #[must_use]
    pub fn commit_group_offsets(mut self, group: impl Into<String>) -> Self {
        self.settings.group = Some(group.into());
        self
    }

    /// Warns when readers have stood before a transaction that somebody has left open for so long, and
    /// again each time that has doubled; a minute, if nothing is said. Nothing is skipped.
    #[must_use]
    pub fn warn_when_held_back(mut self, time: Duration) -> Self {
        let micros = u64::try_from(time.micros()).unwrap_or(0);
        self.settings.alarm_after = std::time::Duration::from_micros(micros);
        self
    }

    /// Goes on at the first record that is left where retention has removed some before they were
    /// read; `told` hears of each such gap. Without it, a gap is an error that ends the run.
    #[must_use]
    pub fn on_data_loss(mut self, told: impl Fn(&Gap) + Send + Sync + 'static) -> Self {
        self.settings.on_loss = Some(Arc::new(told));
        self
    }
}
