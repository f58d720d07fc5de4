//! `KafkaSinkWriter`: turns elements into records, and chooses their partitions.
//!
//! Owns the encoding. Does not own what becomes of records: they are staged, or sent at once.
//! Invariant: a record that a broker would refuse for its size is refused here, before anything of
//! its epoch is promised.

use super::direct::Direct;
use super::error::too_large;
use super::staged::{Chunks, Encoded, Known, Part, Receipt, StagedRecords};
use crate::codec::Codec;
use crate::key::{KeyOf, partition_of_key};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Epoch, Shard, SinkWriter};
use whitebeam_sdk::{Element, Result, Timestamp};

/// What a record takes in a message beside key and value, at most.
const OVERHEAD: usize = 128;

/// What the writers of one run share.
#[derive(Debug)]
pub(super) struct Run {
    /// Nobody else draws the same.
    pub(super) id: u128,
    /// The topic and where it is, for people.
    pub(super) at: String,
    pub(super) partitions: u32,
    pub(super) max_record: usize,
    pub(super) event_times: bool,
    /// For sinks that send at once.
    pub(super) direct: Option<Arc<Direct>>,
    /// What the progress topic says, as far as this process has heard.
    pub(super) known: Mutex<Option<Known>>,
}

impl Run {
    pub(super) fn tell(&self, known: Option<Known>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn receipt(&self) -> Receipt {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Receipt {
            run: self.id,
            known: known.clone(),
        }
    }
}

/// Says of an element that its record has no value.
pub(super) type IsTombstone<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

/// Writes the records of one shard.
pub struct KafkaSinkWriter<T, C, K> {
    pub(super) run: Arc<Run>,
    pub(super) shard: Shard,
    pub(super) codec: C,
    pub(super) key: K,
    pub(super) is_tombstone: Option<IsTombstone<T>>,
    chunks: Chunks,
    /// Where the next record without key goes.
    next: u32,
    /// Memory for a key and a value.
    encoded: (Vec<u8>, Vec<u8>),
    types: PhantomData<fn(T)>,
}

impl<T, C, K> fmt::Debug for KafkaSinkWriter<T, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "KafkaSinkWriter({} to {})",
            self.shard.index, self.run.at
        )
    }
}

impl<T: Element, C: Codec<T>, K: KeyOf<T>> KafkaSinkWriter<T, C, K> {
    pub(super) fn new(
        run: Arc<Run>,
        shard: Shard,
        codec: C,
        key: K,
        is_tombstone: Option<IsTombstone<T>>,
    ) -> Self {
        KafkaSinkWriter {
            run,
            shard,
            codec,
            key,
            is_tombstone,
            chunks: Chunks::default(),
            next: shard.index,
            encoded: (Vec::new(), Vec::new()),
            types: PhantomData,
        }
    }

    /// Encodes an element and hands its record on.
    fn put(
        &mut self,
        element: &T,
        at: Timestamp,
        put: &mut dyn FnMut(&mut Chunks, &Encoded<'_>) -> Result<()>,
    ) -> Result<()> {
        let (mut key, mut value) = std::mem::take(&mut self.encoded);
        key.clear();
        value.clear();
        let has_key = self.key.key(element, &mut key)?;
        let is_tombstone = self.is_tombstone.as_ref().is_some_and(|is| is(element));
        if !is_tombstone {
            self.codec.encode(element, &mut value)?;
        }
        let size = key.len() + value.len() + OVERHEAD;
        let key_or_none = has_key.then_some(key.as_slice());
        if size > self.run.max_record {
            let size = Some((size, self.run.max_record));
            return Err(too_large(&self.run.at, key_or_none, size));
        }
        let record = Encoded {
            partition: self.partition(key_or_none),
            timestamp: event_time(at).filter(|_| self.run.event_times),
            key: key_or_none,
            value: (!is_tombstone).then_some(value.as_slice()),
        };
        put(&mut self.chunks, &record)?;
        self.encoded = (key, value);
        Ok(())
    }

    fn partition(&mut self, key: Option<&[u8]>) -> u32 {
        match key {
            Some(key) => partition_of_key(key, self.run.partitions),
            None => {
                let next = self.next % self.run.partitions.max(1);
                self.next = next + 1;
                next
            }
        }
    }
}

/// The event time of an element; none for those that stand at no time of their own.
fn event_time(at: Timestamp) -> Option<Timestamp> {
    (at > Timestamp::MIN && at < Timestamp::END_OF_GLOBAL_WINDOW).then_some(at)
}

impl<T: Element, C: Codec<T>, K: KeyOf<T>> SinkWriter<T> for KafkaSinkWriter<T, C, K> {
    type Staged = StagedRecords;

    fn write(&mut self, batch: &Batch<T>) -> Result<()> {
        let run = Arc::clone(&self.run);
        let elements = batch.values().iter().enumerate();
        let Some(direct) = &run.direct else {
            for (i, element) in elements {
                self.put(element, batch.timestamp(i), &mut |chunks, record| {
                    chunks.put(run.id, record);
                    Ok(())
                })?;
            }
            return Ok(());
        };
        direct.hear()?;
        let mut line = direct.line();
        for (i, element) in elements {
            self.put(element, batch.timestamp(i), &mut |_, record| {
                direct.send(&mut line, record)
            })?;
        }
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<StagedRecords>> {
        if self.run.direct.is_some() {
            return Ok(Vec::new());
        }
        let chunks = self.chunks.take(self.run.id).into_iter().map(Part::Chunk);
        let receipt = Part::Receipt(self.run.receipt());
        let parts = std::iter::once(receipt).chain(chunks);
        Ok(parts.map(StagedRecords).collect())
    }

    fn pending(&self) -> u64 {
        match &self.run.direct {
            // All shards send through one producer, and each is asked.
            Some(direct) => direct.pending() / u64::from(self.shard.of.max(1)),
            None => self.chunks.bytes,
        }
    }

    fn unstaged(&self) -> u64 {
        self.chunks.bytes
    }
}
