//! `Session`: one consumer of librdkafka, shared by all who read with one isolation.
//!
//! Owns which partitions it reads, the thread that listens to it, and its end. Does not own positions.
//! Invariant: a partition has at most one reader in a session; whoever wants a second gets another one.

use super::super::{ClientError, Failure, Isolation, ReadFrom, Result};
use super::aside::{Ended, ending};
use super::failure;
use super::native::Queue;
use super::newcomers::{Readers, Standing};
use super::settings::Settings;
use super::told::Told;
use super::watch::Watch;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// How long the listener sleeps where nothing is said; so long may a consumer outlive its last reader.
const LISTEN: Duration = Duration::from_millis(50);

/// What librdkafka calls back.
pub(super) struct Reading {
    pub(super) watch: Arc<Watch>,
    pub(super) told: Told,
}

impl ClientContext for Reading {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.watch.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.heard(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.told.read(statistics);
    }
}

impl ConsumerContext for Reading {}

/// A partition that a session reads from now on.
pub(super) type Assigned = (Queue, Arc<Standing>);

/// All sessions of one isolation.
pub(super) struct Sessions {
    settings: Arc<Settings>,
    isolation: Isolation,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// Lives as long as the client: it is also asked what there is.
    first: Option<Arc<Session>>,
    /// For partitions that have several readers.
    more: Vec<Weak<Session>>,
}

impl Sessions {
    pub(super) fn new(settings: Arc<Settings>, isolation: Isolation) -> Self {
        Sessions {
            settings,
            isolation,
            open: Mutex::default(),
        }
    }

    /// The session that is asked.
    pub(super) fn first(&self) -> Result<Arc<Session>> {
        let mut open = self.open();
        if let Some(session) = &open.first {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::start(&self.settings, self.isolation)?);
        open.first = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Begins to read, in the first session where the partition has no reader yet.
    pub(super) fn read(&self, of: &ReadFrom) -> Result<(Arc<Session>, Assigned)> {
        let first = self.first()?;
        let mut open = self.open();
        open.more.retain(|session| session.strong_count() > 0);
        let more: Vec<_> = open.more.iter().filter_map(Weak::upgrade).collect();
        for session in std::iter::once(first).chain(more) {
            if let Some(assigned) = session.assign(of)? {
                return Ok((session, assigned));
            }
        }
        let session = Arc::new(Session::start(&self.settings, self.isolation)?);
        open.more.push(Arc::downgrade(&session));
        let assigned = session.assign(of)?;
        let assigned = assigned.expect("a new session reads nothing yet");
        Ok((session, assigned))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One consumer.
pub(super) struct Session {
    /// Gone only while the session is dropped.
    consumer: Option<Arc<BaseConsumer<Reading>>>,
    readers: Arc<Readers>,
    /// One at a time changes what is assigned.
    assigning: Mutex<()>,
    over: Arc<AtomicBool>,
    ended: Ended,
    settings: Arc<Settings>,
}

impl Session {
    fn start(settings: &Arc<Settings>, isolation: Isolation) -> Result<Self> {
        let watch = Arc::new(Watch::new(Arc::clone(settings)));
        let context = Reading {
            watch,
            told: Told::default(),
        };
        let consumer: BaseConsumer<Reading> = settings
            .reading(isolation)
            .create_with_context(context)
            .map_err(|e| settings.refused(&e))?;
        let consumer = Arc::new(consumer);
        let over = Arc::new(AtomicBool::new(false));
        let readers = Arc::<Readers>::default();
        let ended = listen(
            Arc::clone(&consumer),
            Arc::clone(&readers),
            Arc::clone(&over),
        )?;
        Ok(Session {
            consumer: Some(consumer),
            readers,
            assigning: Mutex::default(),
            over,
            ended,
            settings: Arc::clone(settings),
        })
    }

    pub(super) fn consumer(&self) -> &Arc<BaseConsumer<Reading>> {
        self.consumer
            .as_ref()
            .expect("a session has its consumer until it is dropped")
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.consumer().context().watch
    }

    /// Begins to read a partition; `None` if it has a reader.
    fn assign(&self, of: &ReadFrom) -> Result<Option<Assigned>> {
        let action = "read";
        let _assigning = self.assigning();
        if self.readers.has(&of.topic, of.partition) {
            return Ok(None);
        }
        let refuse = |said: &str| ClientError::new(Failure::Invalid, action, said);
        let (Ok(partition), Ok(offset)) = (i32::try_from(of.partition), i64::try_from(of.offset))
        else {
            return Err(refuse("no partition or offset is so large"));
        };
        if of.topic.is_empty() || of.topic.contains('\0') {
            return Err(refuse("this is not the name of a topic"));
        }
        let queue = Queue::of(self.consumer(), &of.topic, partition)
            .ok_or_else(|| refuse("this is not the name of a topic"))?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&of.topic, partition, Offset::Offset(offset))
            .and_then(|()| self.consumer().incremental_assign(&list))
            .map_err(|e| {
                self.watch()
                    .error_of(failure::of(&e), action, &e.to_string())
            })?;
        let standing = self.readers.add(&of.topic, of.partition);
        Ok(Some((queue, standing)))
    }

    /// Ends reading a partition.
    pub(super) fn release(&self, topic: &str, partition: u32) {
        let _assigning = self.assigning();
        if self.readers.remove(topic, partition) {
            let mut list = TopicPartitionList::new();
            list.add_partition(topic, i32::try_from(partition).unwrap_or(i32::MAX));
            if let Err(e) = self.consumer().incremental_unassign(&list) {
                let text = self.settings.hide(&e.to_string());
                tracing::warn!(target: "librdkafka", "end reading {topic}/{partition}: {text}");
            }
        }
    }

    fn assigning(&self) -> MutexGuard<'_, ()> {
        self.assigning
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The listener's share is the last one: closing waits for brokers, and this must not for long.
        self.consumer = None;
        self.over.store(true, Ordering::Release);
        self.ended.wait();
    }
}

/// Hears what a consumer says that is for no reader, and closes it when it is over.
fn listen(
    consumer: Arc<BaseConsumer<Reading>>,
    readers: Arc<Readers>,
    over: Arc<AtomicBool>,
) -> Result<Ended> {
    let (ending, ended) = ending();
    #[allow(
        clippy::disallowed_methods,
        reason = "librdkafka's errors, logs and statistics wait until somebody polls for them"
    )]
    thread::Builder::new()
        .name("kafka-consumer".to_owned())
        .spawn(move || {
            while !over.load(Ordering::Acquire) {
                // Errors were handed to the context already; no record comes here.
                drop(consumer.poll(LISTEN));
                readers.look(&consumer);
            }
            drop(consumer);
            drop(ending);
        })
        .map(|_| ended)
        .map_err(|e| ClientError::new(Failure::Fatal, "start a thread", e.to_string()))
}
