//! What is read: events in a log, and updates that are made as they are read.
//!
//! Owns the events. Every contender reads the same ones.

use crate::Result;
use crate::watch::Gaps;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use whitebeam::batch::{Batch, batch_len};
use whitebeam::io::codec::{Codec, Postcard};
use whitebeam::io::log::{Log, LogSource, Message};
use whitebeam::prelude::*;
use whitebeam::source::{Boundedness, Poll, Position, ReadOptions, Reader};

/// One event of the log.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) key: u64,
    pub(crate) cents: i64,
    /// Microseconds; they only grow.
    pub(crate) at: i64,
}

/// Keys of the log's events, and their pace.
const KEYS: u64 = 1_000;
const PER_SECOND: u64 = 10_000;
/// Windows of the sums.
pub(crate) const WINDOW_SECONDS: i64 = 10;

/// Topics with the same events, by partitions.
pub(crate) const ONE: &str = "one";
pub(crate) const FOUR: &str = "four";

pub(crate) fn log(folder: &Path) -> Log {
    Log::at(folder.join("log"))
}

/// The events of a topic, in the order of time by partition.
pub(crate) fn events(folder: &Path, topic: &str) -> impl Source<Out = Event> {
    LogSource::<Event, Postcard>::postcard(&log(folder), topic)
        .event_time(|event: &Event| Timestamp::from_micros(event.at))
        .ordered()
}

pub(crate) fn fill(folder: &Path, events: u64) -> Result<()> {
    for (topic, partitions) in [(ONE, 1), (FOUR, 4)] {
        let log = log(folder);
        log.create_topic(topic, partitions)?;
        let mut writer = log.writer(topic)?;
        let mut value = Vec::new();
        for n in 0..events {
            let event = Event {
                key: mix(n) % KEYS,
                cents: (n % 97) as i64,
                at: (n * 1_000_000 / PER_SECOND) as i64,
            };
            value.clear();
            Postcard.encode(&event, &mut value)?;
            let key = n.to_le_bytes();
            writer.push(Message::of(&value).key(&key))?;
            if n % 10_000 == 0 {
                writer.flush()?;
            }
        }
        writer.flush()?;
    }
    Ok(())
}

/// splitmix64: scattered, and the same everywhere.
pub(crate) fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Which keys are updated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pattern {
    /// Any of so many.
    Any(u64),
    /// All of so many once, then one in a hundred of them.
    Few(u64),
    /// A new one each time, up to so many, then any.
    Growing(u64),
}

impl Pattern {
    fn key(self, n: u64) -> u64 {
        match self {
            Pattern::Any(keys) => mix(n) % keys,
            Pattern::Few(keys) | Pattern::Growing(keys) if n < keys => n,
            Pattern::Few(keys) => mix(n) % (keys / 100),
            Pattern::Growing(keys) => mix(n) % keys,
        }
    }
}

/// Updates without a medium: what they cost is not reading.
#[derive(Clone)]
pub(crate) struct Updates {
    pub(crate) pattern: Pattern,
    /// None without end.
    pub(crate) count: Option<u64>,
    pub(crate) gaps: Arc<Gaps>,
}

impl Source for Updates {
    type Split = u64;
    type Out = (u64, i64);

    fn discover(&self, known: &[u64], _: usize) -> whitebeam::Result<Vec<u64>> {
        Ok(if known.is_empty() {
            vec![0]
        } else {
            Vec::new()
        })
    }

    fn open(
        &self,
        _: u64,
        at: Option<Position>,
        _: &ReadOptions,
    ) -> whitebeam::Result<Box<dyn Reader<(u64, i64)>>> {
        let next = at.and_then(|at| at.offset()).unwrap_or(0);
        let updates = self.clone();
        Ok(Box::new(UpdateReader { updates, next }))
    }

    fn boundedness(&self) -> Boundedness {
        match self.count {
            Some(_) => Boundedness::Bounded,
            None => Boundedness::Unbounded,
        }
    }
}

struct UpdateReader {
    updates: Updates,
    next: u64,
}

impl Reader<(u64, i64)> for UpdateReader {
    fn poll(&mut self, out: &mut Batch<(u64, i64)>) -> whitebeam::Result<Poll> {
        self.updates.gaps.polled();
        let most = batch_len::<(u64, i64)>() as u64;
        let end = self.updates.count.unwrap_or(u64::MAX);
        let end = end.min(self.next + most);
        for n in self.next..end {
            out.push_at((self.updates.pattern.key(n), 1), Timestamp::from_micros(0));
        }
        self.next = end;
        if self.updates.count == Some(end) {
            self.updates.gaps.ended();
            return Ok(Poll::End);
        }
        Ok(Poll::More)
    }

    fn position(&self) -> Position {
        Position::at(self.next)
    }
}
