//! `LogSource`: reads a topic, without end or up to one.
//!
//! Owns the settings; `split` finds partitions and stores positions, `reader` reads them. Where times
//! come from and what becomes of undecodable records is [`record`]'s.

mod reader;
mod split;

pub use crate::record::{
    ByRecord, ByValue, Decoded, Fail, Keep, OnError, RecordTiming, Undecodable,
};
pub use split::LogSplit;

use super::Log;
use super::place::LogPlace;
use super::topic::Topic;
use crate::codec::{Codec, Json, Postcard};
use crate::record::{self, Retimed};
use reader::LogReader;
use std::fmt;
use std::marker::PhantomData;
use whitebeam_sdk::source::{
    Boundedness, Ordered, OutOfOrder, Position, ReadOptions, Reader, Source, Untimed,
};
use whitebeam_sdk::time::Duration;
use whitebeam_sdk::{Element, Result, Timestamp};

/// Reads the values of a topic's records.
///
/// - Every partition is a split: its records come in their order, and others' in between.
/// - It begins at the earliest record, or [`from`](Self::from) another place. Without
///   [`until`](Self::until) it goes on for ever; with it, it is an input that ends, which batch runs
///   read as well.
/// - Only what was committed is read. What an epoch of a sink wrote appears as a whole; it is read
///   partition by partition.
/// - [`event_time`](Self::event_time) or [`record_time`](Self::record_time) give the elements
///   their timestamps and each partition its watermark. A partition without new records holds the
///   watermark back, unless [`idle_after`](Self::idle_after) says for how long.
///
/// ```
/// # use whitebeam_sdk::source::Source;
/// # use whitebeam_sdk::time::{Timestamp, seconds};
/// use whitebeam_io::log::{Log, LogPlace, LogSource};
///
/// let orders = LogSource::<(String, i64)>::json(&Log::at("logs"), "orders")
///     .from(LogPlace::Earliest)
///     .until(LogPlace::Latest)
///     .event_time(|(_, at)| Timestamp::from_secs(*at))
///     .bounded_out_of_orderness(seconds(30));
/// assert_eq!(orders.describe(), "JSON records of topic orders in logs");
/// ```
pub struct LogSource<T, C = Json, W = ByValue<Untimed>, P = Fail> {
    log: Log,
    topic: String,
    codec: C,
    timing: W,
    from: LogPlace,
    until: Option<LogPlace>,
    idle_after: Option<Duration>,
    types: PhantomData<fn() -> (T, P)>,
}

impl<T: Element> LogSource<T> {
    /// Values are JSON.
    pub fn json(log: &Log, topic: impl Into<String>) -> Self {
        LogSource::with_codec(log, topic, Json)
    }
}

impl<T: Element> LogSource<T, Postcard> {
    /// Values are in postcard's form.
    pub fn postcard(log: &Log, topic: impl Into<String>) -> Self {
        LogSource::with_codec(log, topic, Postcard)
    }
}

impl<T: Element, C: Codec<T>> LogSource<T, C> {
    /// Values are in the form of `codec`.
    pub fn with_codec(log: &Log, topic: impl Into<String>, codec: C) -> Self {
        LogSource {
            log: log.clone(),
            topic: topic.into(),
            codec,
            timing: ByValue(Untimed),
            from: LogPlace::Earliest,
            until: None,
            idle_after: None,
            types: PhantomData,
        }
    }

    /// Yields [`Decoded`] elements, so that undecodable records can be routed to a dead-letter
    /// output instead of ending the run.
    pub fn keep_undecodable(self) -> LogSource<T, C, ByValue<Untimed>, Keep> {
        let timing = self.timing.clone();
        self.with(timing)
    }
}

impl<T: Element, C: Codec<T>, P: OnError<T>> LogSource<T, C, ByValue<Untimed>, P> {
    /// Takes event times from the elements; say next in which order they come.
    pub fn event_time<F>(self, time: F) -> EventTime<T, C, P, F>
    where
        F: Fn(&P::Out) -> Timestamp + Send + Sync + 'static,
    {
        record::EventTime { source: self, time }
    }

    /// Takes the records' own times: of the event where the writer gave one, of the append
    /// otherwise. Say next in which order they come.
    pub fn record_time(self) -> RecordTime<T, C, P> {
        record::RecordTime { source: self }
    }
}

impl<T, C, W, P> LogSource<T, C, W, P> {
    /// Begins there instead of at the earliest record.
    #[must_use]
    pub fn from(mut self, place: LogPlace) -> Self {
        self.from = place;
        self
    }

    /// Ends there instead of never.
    #[must_use]
    pub fn until(mut self, place: LogPlace) -> Self {
        self.until = Some(place);
        self
    }

    /// A partition that has had no new records for so long holds the watermark back no more, until
    /// it has some. Records that it gets then may be late.
    #[must_use]
    pub fn idle_after(mut self, time: Duration) -> Self {
        self.idle_after = Some(time);
        self
    }

    fn with<V, Q>(self, timing: V) -> LogSource<T, C, V, Q> {
        LogSource {
            log: self.log,
            topic: self.topic,
            codec: self.codec,
            timing,
            from: self.from,
            until: self.until,
            idle_after: self.idle_after,
            types: PhantomData,
        }
    }

    fn open_topic(&self) -> Result<Topic> {
        self.log.topic(&self.topic)
    }
}

/// What [`LogSource::event_time`] makes.
pub type EventTime<T, C, P, F> = record::EventTime<LogSource<T, C, ByValue<Untimed>, P>, F>;
/// What [`LogSource::record_time`] makes.
pub type RecordTime<T, C, P> = record::RecordTime<LogSource<T, C, ByValue<Untimed>, P>>;
/// What [`ordered`](record::EventTime::ordered) makes of it.
pub type OrderedSource<T, C, P, F> = LogSource<T, C, ByValue<Ordered<F>>, P>;
/// What [`bounded_out_of_orderness`](record::EventTime::bounded_out_of_orderness) makes of it.
pub type DisorderedSource<T, C, P, F> = LogSource<T, C, ByValue<OutOfOrder<F>>, P>;

impl<T, C, P> Retimed for LogSource<T, C, ByValue<Untimed>, P> {
    type With<W> = LogSource<T, C, W, P>;
    fn retimed<W>(self, timing: W) -> LogSource<T, C, W, P> {
        self.with(timing)
    }
}

impl<T, C, W, P> fmt::Debug for LogSource<T, C, W, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogSource({} from {:?}", self.topic, self.from)?;
        match &self.until {
            Some(until) => write!(f, " until {until:?})"),
            None => f.write_str(")"),
        }
    }
}

impl<T, C, W, P> Source for LogSource<T, C, W, P>
where
    T: Element,
    C: Codec<T>,
    W: RecordTiming<P::Out>,
    P: OnError<T>,
{
    type Split = LogSplit;
    type Out = P::Out;

    fn discover(&self, known: &[LogSplit], _: usize) -> Result<Vec<LogSplit>> {
        let topic = self.open_topic()?;
        split::discover(&topic, known, &self.from, self.until.as_ref())
    }

    fn end_now(&self, splits: Vec<LogSplit>) -> Result<Vec<LogSplit>> {
        split::end_now(&self.open_topic()?, splits)
    }

    fn open(
        &self,
        split: LogSplit,
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<P::Out>>> {
        let topic = self.open_topic()?;
        let (codec, timing) = (self.codec.clone(), self.timing.clone());
        let reader =
            LogReader::<T, C, W, P>::open(topic, split, at.as_ref(), *options, codec, timing)?;
        Ok(Box::new(reader))
    }

    fn boundedness(&self) -> Boundedness {
        match self.until {
            Some(_) => Boundedness::Bounded,
            None => Boundedness::Unbounded,
        }
    }

    fn idle_after(&self) -> Option<Duration> {
        self.idle_after
    }

    fn describe(&self) -> String {
        let (codec, topic) = (self.codec.name(), &self.topic);
        format!("{codec} records of topic {topic} in {}", self.log)
    }

    fn describe_split(&self, split: &LogSplit) -> String {
        split.describe(&self.topic)
    }
}
