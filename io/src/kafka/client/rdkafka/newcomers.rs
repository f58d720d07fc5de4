//! `Newcomers`: readers that have heard nothing yet, and whether what they want to read is there.
//!
//! Owns the looking: librdkafka waits without a word for a partition that a topic has not, and hears
//! late of one that it has only lately. Invariant: a partition is called missing only after the cluster
//! has said so [`MISSES`] times.

use super::super::Failure;
use super::ask::MACHINE;
use super::failure;
use super::session::Reading;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use whitebeam_env::Env;

const MISSES: u32 = 3;
/// What is new in a cluster is not known to all of its brokers at once.
const BETWEEN_MISSES: Duration = Duration::from_millis(1000);
const FIRST: Duration = Duration::from_millis(500);
/// Between looks at what is there, and says nothing.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of a reader's partition.
#[derive(Default)]
pub(super) struct Standing {
    has_heard: AtomicBool,
    is_missing: AtomicBool,
    next: Mutex<Next>,
}

/// When it is looked for, and how often it was not there.
#[derive(Default)]
struct Next {
    at: Duration,
    misses: u32,
}

/// Who reads in a session.
#[derive(Default)]
pub(super) struct Readers(Mutex<BTreeMap<(String, u32), Arc<Standing>>>);

impl Standing {
    /// Something came: the partition is there.
    pub(super) fn hears(&self) {
        self.has_heard.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_missing(&self) -> bool {
        self.is_missing.load(Ordering::Relaxed)
    }

    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        let is_open = !self.has_heard.load(Ordering::Relaxed) && !self.is_missing();
        is_open && self.next().at <= now
    }

    pub(super) fn found(&self, is_there: bool, now: Duration) {
        let mut next = self.next();
        if is_there {
            *next = Next {
                at: now + BETWEEN_LOOKS,
                misses: 0,
            };
            return;
        }
        next.misses += 1;
        next.at = now + BETWEEN_MISSES;
        if next.misses >= MISSES {
            self.is_missing.store(true, Ordering::Relaxed);
        }
    }
}

impl Readers {
    pub(super) fn has(&self, topic: &str, partition: u32) -> bool {
        self.all().contains_key(&(topic.to_owned(), partition))
    }

    pub(super) fn add(&self, topic: &str, partition: u32) -> Arc<Standing> {
        let standing = Arc::new(Standing::default());
        standing.next().at = MACHINE.monotonic() + FIRST;
        let place = (topic.to_owned(), partition);
        self.all().insert(place, Arc::clone(&standing));
        standing
    }

    /// Whether it was there.
    pub(super) fn remove(&self, topic: &str, partition: u32) -> bool {
        self.all().remove(&(topic.to_owned(), partition)).is_some()
    }

    /// Looks for the partitions of those who have heard nothing for a while. That librdkafka hears of
    /// them by that is wanted.
    pub(super) fn look(&self, consumer: &BaseConsumer<Reading>) {
        let now = MACHINE.monotonic();
        let mut due: BTreeMap<String, Vec<(u32, Arc<Standing>)>> = BTreeMap::new();
        for ((topic, partition), standing) in self.all().iter() {
            if standing.is_due(now) {
                let of_topic = due.entry(topic.clone()).or_default();
                of_topic.push((*partition, Arc::clone(standing)));
            }
        }
        for (topic, readers) in due {
            let Some(count) = count_of(consumer, &topic) else {
                continue;
            };
            for (partition, standing) in readers {
                let is_there = usize::try_from(partition).is_ok_and(|n| n < count);
                standing.found(is_there, now);
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(String, u32), Arc<Standing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many partitions a topic has; `None` if nobody says.
fn count_of(consumer: &BaseConsumer<Reading>, topic: &str) -> Option<usize> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).ok()?;
    let found = metadata.topics().first()?;
    match found.error().map(RDKafkaErrorCode::from) {
        None => Some(found.partitions().len()),
        Some(code) if failure::of_code(code) == Failure::NoTopic => Some(0),
        Some(_) => None,
    }
}
