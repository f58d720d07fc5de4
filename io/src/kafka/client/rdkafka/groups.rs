//! Offsets of consumer groups, for who watches them; nobody joins.
//!
//! Owns a consumer for each group that is asked for. Invariant: after an answer that did not come, the
//! next commit goes through a new consumer: none waits behind one that was given up.

use super::super::{Failure, Result};
use super::aside::drop_aside;
use super::ask::{Until, ask, without_answer};
use super::failure;
use super::native::Commit;
use super::settings::Settings;
use super::watch::Watch;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an answer is waited for before librdkafka's errors are heard.
const TICK: Duration = Duration::from_millis(10);

pub(super) struct Groups {
    settings: Arc<Settings>,
    /// By name.
    known: Mutex<BTreeMap<String, Arc<Group>>>,
}

/// What librdkafka calls back.
struct Committing(Arc<Watch>);

impl ClientContext for Committing {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.0.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.heard(&error, reason);
    }
}

impl ConsumerContext for Committing {}

/// A consumer for one group; one question at a time.
struct Group {
    /// Gone only while the group is dropped.
    consumer: Option<Mutex<BaseConsumer<Committing>>>,
}

impl Groups {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Groups {
            settings,
            known: Mutex::default(),
        }
    }

    pub(super) fn offsets(
        &self,
        group: &str,
        topic: &str,
        partitions: u32,
        within: Duration,
    ) -> Result<BTreeMap<u32, u64>> {
        let until = Until::within(within);
        let group = self.group(group)?;
        let consumer = group.lock();
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition(topic, i32::try_from(partition).unwrap_or(i32::MAX));
        }
        let action = "ask for the offsets of a group";
        let found = ask(&consumer.context().0, action, until, |time| {
            let found = consumer.committed_offsets(list.clone(), time);
            serve(&consumer);
            found.and_then(|found| {
                for of in found.elements() {
                    of.error()?;
                }
                Ok(found)
            })
        })?;
        let offsets = found.elements_for_topic(topic).into_iter();
        Ok(offsets
            .filter_map(|of| {
                let Offset::Offset(offset) = of.offset() else {
                    return None;
                };
                Some((
                    u32::try_from(of.partition()).ok()?,
                    u64::try_from(offset).ok()?,
                ))
            })
            .collect())
    }

    pub(super) fn commit(
        &self,
        group: &str,
        topic: &str,
        offsets: &BTreeMap<u32, u64>,
        within: Duration,
    ) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let until = Until::within(within);
        let of = self.group(group)?;
        let answer = of.commit(topic, offsets, until);
        if answer
            .as_ref()
            .is_err_and(|e| matches!(e.failure, Failure::Unknown | Failure::Unreachable))
        {
            self.known().remove(group);
        }
        answer
    }

    fn group(&self, name: &str) -> Result<Arc<Group>> {
        let mut known = self.known();
        if let Some(group) = known.get(name) {
            return Ok(Arc::clone(group));
        }
        let context = Committing(Arc::new(Watch::new(Arc::clone(&self.settings))));
        let consumer = self
            .settings
            .group(name)
            .create_with_context(context)
            .map_err(|e| self.settings.refused(&e))?;
        let group = Arc::new(Group {
            consumer: Some(Mutex::new(consumer)),
        });
        known.insert(name.to_owned(), Arc::clone(&group));
        Ok(group)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Group>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, BaseConsumer<Committing>> {
        let consumer = self.consumer.as_ref();
        consumer
            .expect("a group has its consumer until it is dropped")
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, topic: &str, offsets: &BTreeMap<u32, u64>, until: Until) -> Result<()> {
        let action = "commit the offsets of a group";
        let consumer = self.lock();
        let watch = &consumer.context().0;
        let error = |e: &KafkaError| watch.error_of(failure::of(e), action, &e.to_string());
        let mut list = TopicPartitionList::new();
        for (&partition, &offset) in offsets {
            let partition = i32::try_from(partition).unwrap_or(i32::MAX);
            let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
            list.add_partition_offset(topic, partition, offset)
                .map_err(|e| error(&e))?;
        }
        let commit = Commit::ask(&consumer, &list)
            .map_err(|code| error(&KafkaError::ConsumerCommit(code)))?;
        loop {
            let answer = commit.answer(TICK.min(until.left()));
            serve(&consumer);
            match answer {
                Some(Ok(())) => {
                    watch.well();
                    return Ok(());
                }
                Some(Err(code)) => return Err(error(&KafkaError::ConsumerCommit(code))),
                None => {}
            }
            if let Some(e) = without_answer(watch, action, until) {
                return Err(e);
            }
            if until.is_over() {
                return Err(watch.error_of(Failure::Unknown, action, "no answer in time"));
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop_aside(self.consumer.take());
    }
}

/// Hears what a consumer says; it reads nothing. In no time it would hear one thing only.
fn serve(consumer: &BaseConsumer<Committing>) {
    drop(consumer.poll(Duration::from_millis(1)));
}
