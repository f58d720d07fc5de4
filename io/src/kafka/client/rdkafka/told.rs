//! `Told`: what librdkafka tells of itself every second, in its statistics: where the stable ends of
//! partitions are and what lies behind them, and whether their brokers answer.
//!
//! Owns the reading of them. It is the only place where librdkafka says either without asking a broker.
//! Invariant: a broker that was not heard for [`SILENT`] does not answer, whatever its connection is.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// So long a broker may say nothing, in microseconds: readers ask it twenty times a second.
const SILENT: i64 = 3_000_000;

#[derive(Default)]
pub(super) struct Told {
    partitions: Mutex<BTreeMap<String, BTreeMap<u32, OfPartition>>>,
    heard: AtomicU64,
}

/// What is told of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OfPartition {
    /// Where its stable end is.
    pub(super) stable: Option<u64>,
    /// Behind its last record.
    pub(super) end: Option<u64>,
    /// Whether the broker that is asked for it answers.
    pub(super) is_answered: bool,
}

#[derive(Deserialize)]
struct Statistics {
    brokers: BTreeMap<String, Broker>,
    topics: BTreeMap<String, Topic>,
}

#[derive(Deserialize)]
struct Broker {
    nodeid: i32,
    state: String,
    /// Microseconds since something was received.
    rxidle: i64,
}

#[derive(Deserialize)]
struct Topic {
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Deserialize)]
struct Partition {
    /// Who is asked for it.
    broker: i32,
    ls_offset: i64,
    hi_offset: i64,
}

impl Told {
    /// Takes in what is told.
    pub(super) fn read(&self, statistics: &[u8]) {
        let Ok(said) = serde_json::from_slice::<Statistics>(statistics) else {
            return;
        };
        // A negative number stands for no broker: of a partition that has none, or a bootstrap address.
        let is_up =
            |b: &Broker| b.nodeid >= 0 && b.state == "UP" && (0..SILENT).contains(&b.rxidle);
        let up = said.brokers.values().filter(|broker| is_up(broker));
        let up: BTreeSet<i32> = up.map(|broker| broker.nodeid).collect();
        let told = said.topics.into_iter().map(|(name, topic)| {
            let partitions = topic.partitions.into_iter().filter_map(|(number, of)| {
                let of = OfPartition {
                    stable: u64::try_from(of.ls_offset).ok(),
                    end: u64::try_from(of.hi_offset).ok(),
                    is_answered: up.contains(&of.broker),
                };
                Some((u32::try_from(number).ok()?, of))
            });
            (name, partitions.collect())
        });
        let told = told.collect();
        *self
            .partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = told;
        self.heard.fetch_add(1, Ordering::Release);
    }

    /// How often something was told.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }

    pub(super) fn of(&self, topic: &str, partition: u32) -> Option<OfPartition> {
        let partitions = self
            .partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        partitions.get(topic)?.get(&partition).copied()
    }
}
