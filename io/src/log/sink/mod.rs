//! `LogSink`: appends each epoch to a topic in one piece.
//!
//! Owns the settings and one run's state; `staged` owns what waits for its commit. Invariant: an
//! epoch is appended once, whoever commits it and however often.

mod staged;

pub use staged::StagedRecords;

use super::Log;
use super::draft::{Draft, Drafts, Message};
use super::error::unwritable;
use super::format::Commit;
use super::topic::{Topic, check_name};
use super::writer::{LogWriter, Retention};
use crate::codec::{Codec, Json, Postcard};
use crate::key::{KeyBy, KeyOf, NoKey};
use staged::{StagedBlocks, Staging};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::{Element, Result, Timestamp};

/// Appends elements to a topic as records.
///
/// - Each epoch is one append across all partitions: readers see all of it or nothing. It carries
///   the sink's name, the epoch and what was staged for it, so that committing it again is
///   recognised and changes nothing.
/// - Until then elements lie in files of the topic's folder `staging`.
/// - Records of equal keys go to one partition ([`key_by`](Self::key_by)); without a key they go
///   round. Each carries its element's timestamp as event time.
/// - The topic is locked while the run is at work: it has one writer at a time.
///
/// ```
/// # use whitebeam_sdk::sink::Sink;
/// use whitebeam_io::log::{Log, LogSink};
/// let sink = LogSink::<(String, i64)>::json(&Log::at("logs"), "revenue").key_by(|(country, _)| country.clone());
/// assert_eq!(sink.describe(), "JSON records of topic revenue in logs");
/// ```
pub struct LogSink<T, C = Json, K = NoKey> {
    log: Log,
    topic: String,
    name: String,
    codec: C,
    key: K,
    partitions: Option<u32>,
    retention: Retention,
    state: Mutex<State>,
    types: PhantomData<fn(T)>,
}

#[derive(Default)]
struct State {
    /// Open from the first use of a run to its end.
    writer: Option<LogWriter>,
    run: Option<Arc<Run>>,
}

/// What the shards of one run share.
#[derive(Debug)]
struct Run {
    topic: Topic,
    partitions: u32,
    /// Tells its files from those of other runs.
    id: u128,
}

impl<T: Element> LogSink<T> {
    /// Values, and keys, are JSON.
    pub fn json(log: &Log, topic: impl Into<String>) -> Self {
        LogSink::with_codec(log, topic, Json)
    }
}

impl<T: Element> LogSink<T, Postcard> {
    /// Values, and keys, are in postcard's form.
    pub fn postcard(log: &Log, topic: impl Into<String>) -> Self {
        LogSink::with_codec(log, topic, Postcard)
    }
}

impl<T: Element, C: Codec<T>> LogSink<T, C> {
    /// Values, and keys, are in the form of `codec`.
    pub fn with_codec(log: &Log, topic: impl Into<String>, codec: C) -> Self {
        LogSink {
            log: log.clone(),
            topic: topic.into(),
            name: "sink".to_owned(),
            codec,
            key: NoKey,
            partitions: None,
            retention: Retention::everything(),
            state: Mutex::default(),
            types: PhantomData,
        }
    }

    /// Gives every record a key.
    pub fn key_by<Q, F>(self, find: F) -> LogSink<T, C, KeyBy<F, C, Q>>
    where
        F: Fn(&T) -> Q + Send + Sync + 'static,
        C: Codec<Q>,
        Q: 'static,
    {
        let key = KeyBy::new(find, self.codec.clone());
        LogSink {
            log: self.log,
            topic: self.topic,
            name: self.name,
            codec: self.codec,
            key,
            partitions: self.partitions,
            retention: self.retention,
            state: Mutex::default(),
            types: PhantomData,
        }
    }
}

impl<T, C, K> LogSink<T, C, K> {
    /// Calls the sink this in the log, instead of `sink`: sinks of different pipelines that write
    /// one topic by turns each have their own epochs.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Makes the topic with so many partitions, if it is not there.
    #[must_use]
    pub fn create(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// How much of the topic is kept.
    #[must_use]
    pub fn retain(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// A panic leaves the state whole: it is changed in single assignments.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic's writer, opened if it is not.
    fn writer<'s>(&self, state: &'s mut State) -> Result<&'s mut LogWriter> {
        let writer = match state.writer.take() {
            Some(writer) => writer,
            None => {
                check_name("sink", &self.name)?;
                if let Some(partitions) = self.partitions
                    && self.log.topic(&self.topic)?.segments()?.is_empty()
                {
                    self.log.create_topic(&self.topic, partitions)?;
                }
                self.log.writer(&self.topic)?.retain(self.retention)
            }
        };
        Ok(state.writer.insert(writer))
    }

    /// What this run's shards share, made by the first of them.
    fn run(&self) -> Result<Arc<Run>> {
        let mut state = self.state();
        if let Some(run) = &state.run {
            return Ok(Arc::clone(run));
        }
        let topic = self.log.topic(&self.topic)?;
        let writer = self.writer(&mut state)?;
        let partitions = writer.partitions();
        let committed = writer.last_epoch(&self.name).map(Epoch);
        topic
            .files()
            .create_dir_all(&topic.staging())
            .map_err(unwritable)?;
        staged::sweep(&topic, committed);
        let id = topic.machine.unique();
        let run = Arc::new(Run {
            topic,
            partitions,
            id,
        });
        state.run = Some(Arc::clone(&run));
        Ok(run)
    }

    fn commit_of(&self, epoch: Epoch, staged: &[StagedRecords]) -> Commit {
        let mut files: Vec<&str> = staged.iter().map(|staged| staged.file.as_str()).collect();
        files.sort_unstable();
        Commit {
            sink: self.name.clone(),
            epoch: epoch.0,
            token: token_of(&files),
        }
    }
}

impl<T, C, K> fmt::Debug for LogSink<T, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogSink({} to {})", self.name, self.topic)
    }
}

impl<T: Element, C: Codec<T>, K: KeyOf<T>> Sink<T> for LogSink<T, C, K> {
    type Staged = StagedRecords;
    type Writer = LogSinkWriter<T, C, K>;

    fn open(&self, shard: Shard) -> Result<Self::Writer> {
        let run = self.run()?;
        Ok(LogSinkWriter {
            drafts: Drafts::new(run.partitions, shard.index),
            run,
            shard,
            codec: self.codec.clone(),
            key: self.key.clone(),
            staging: None,
            parts: 0,
            encoded: (Vec::new(), Vec::new()),
            types: PhantomData,
        })
    }

    fn recover(&self) -> Result<Option<Epoch>> {
        let topic = self.log.topic(&self.topic)?;
        if topic.segments()?.is_empty() && self.partitions.is_some() {
            return Ok(None);
        }
        let mut state = self.state();
        // A writer restores a frame whose mark was never durable, or was lost: what it finds stays.
        let writer = self.writer(&mut state)?;
        Ok(writer.last_epoch(&self.name).map(Epoch))
    }

    fn commit(&self, epoch: Epoch, staged: Vec<StagedRecords>) -> Result<Committed> {
        if staged.is_empty() {
            return Ok(Committed::Now);
        }
        let commit = self.commit_of(epoch, &staged);
        let topic = self.log.topic(&self.topic)?;
        let mut state = self.state();
        let writer = self.writer(&mut state)?;
        let committed = if writer.knows(&commit) {
            Committed::Before
        } else {
            let mut blocks = StagedBlocks::open(&topic, &staged)?;
            let drafts = blocks.drafts.clone();
            let appended = writer.append(Some(commit), &drafts, &mut blocks);
            // After a failure the log has to be looked at again: the next attempt does.
            appended.inspect_err(|_| state.writer = None)?;
            Committed::Now
        };
        topic.files().point("log.committed");
        staged::remove(&topic, &staged);
        Ok(committed)
    }

    fn finish(&self) -> Result<()> {
        let state = std::mem::take(&mut *self.state());
        if let Some(writer) = &state.writer {
            let topic = self.log.topic(&self.topic)?;
            staged::sweep(&topic, writer.last_epoch(&self.name).map(Epoch));
        }
        Ok(())
    }

    fn abort(&self) {
        let state = std::mem::take(&mut *self.state());
        if let Some(run) = &state.run {
            staged::abandon(&run.topic, run.id);
        }
    }

    fn observes_timestamps(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        let (codec, topic) = (self.codec.name(), &self.topic);
        format!("{codec} records of topic {topic} in {}", self.log)
    }
}

/// Writes the records of one shard.
pub struct LogSinkWriter<T, C, K> {
    run: Arc<Run>,
    shard: Shard,
    codec: C,
    key: K,
    drafts: Drafts,
    staging: Option<Staging>,
    /// How many files were begun.
    parts: u64,
    /// Memory for a key and a value.
    encoded: (Vec<u8>, Vec<u8>),
    types: PhantomData<fn(T)>,
}

impl<T, C, K> LogSinkWriter<T, C, K> {
    fn put(&mut self, draft: Draft, bytes: &[u8]) -> Result<()> {
        let staging = match &mut self.staging {
            Some(staging) => staging,
            None => {
                let run = &self.run;
                self.parts += 1;
                let staging = Staging::create(&run.topic, run.id, self.shard, self.parts)?;
                self.staging.insert(staging)
            }
        };
        staging.put(draft, bytes)
    }
}

impl<T, C, K> fmt::Debug for LogSinkWriter<T, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LogSinkWriter({} to {})",
            self.shard.index, self.run.topic.name
        )
    }
}

/// Tells what was staged from anything else that was staged for the same epoch. It is compared across
/// restarts and builds, so that it never changes (FNV-1a over the names).
fn token_of(files: &[&str]) -> u64 {
    let bytes = files.iter().flat_map(|file| file.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The event time of an element; none for those that stand at no time of their own.
fn event_time(at: Timestamp) -> Option<Timestamp> {
    (at > Timestamp::MIN && at < Timestamp::END_OF_GLOBAL_WINDOW).then_some(at)
}

impl<T: Element, C: Codec<T>, K: KeyOf<T>> SinkWriter<T> for LogSinkWriter<T, C, K> {
    type Staged = StagedRecords;

    fn write(&mut self, batch: &Batch<T>) -> Result<()> {
        for (i, element) in batch.values().iter().enumerate() {
            let (mut key, mut value) = std::mem::take(&mut self.encoded);
            key.clear();
            value.clear();
            let has_key = self.key.key(element, &mut key)?;
            self.codec.encode(element, &mut value)?;
            let message = Message {
                key: has_key.then_some(key.as_slice()),
                value: &value,
                event_time: event_time(batch.timestamp(i)),
                partition: None,
            };
            let full = self.drafts.put(&self.run.topic.name, &message)?;
            if let Some((draft, bytes)) = full {
                self.put(draft, &bytes)?;
            }
            self.encoded = (key, value);
        }
        Ok(())
    }

    fn stage(&mut self, epoch: Epoch) -> Result<Vec<StagedRecords>> {
        for (draft, bytes) in self.drafts.rest() {
            self.put(draft, &bytes)?;
        }
        let Some(staging) = self.staging.take() else {
            return Ok(Vec::new());
        };
        let run = &self.run;
        let staged = staging.end(&run.topic, run.id, self.shard, epoch)?;
        Ok(vec![staged])
    }
}
