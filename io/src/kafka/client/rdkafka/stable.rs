//! `StableEnds`: where the stable ends of partitions are, as far as librdkafka was told.
//!
//! Owns the reading of its statistics, the only place where it says so without asking a broker.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub(super) struct StableEnds(Mutex<BTreeMap<String, BTreeMap<u32, u64>>>);

#[derive(Deserialize)]
struct Statistics {
    topics: BTreeMap<String, Topic>,
}

#[derive(Deserialize)]
struct Topic {
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Deserialize)]
struct Partition {
    ls_offset: i64,
}

impl StableEnds {
    /// Takes in what librdkafka says of itself every second.
    pub(super) fn read(&self, statistics: &[u8]) {
        let Ok(said) = serde_json::from_slice::<Statistics>(statistics) else {
            return;
        };
        let ends = said.topics.into_iter().map(|(name, topic)| {
            let known = topic.partitions.into_iter().filter_map(|(partition, of)| {
                Some((
                    u32::try_from(partition).ok()?,
                    u64::try_from(of.ls_offset).ok()?,
                ))
            });
            (name, known.collect())
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ends.collect();
    }

    pub(super) fn get(&self, topic: &str, partition: u32) -> Option<u64> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(topic)?.get(&partition).copied()
    }
}
