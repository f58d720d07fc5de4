//! Sources and sinks without their types.
//!
//! Owns the erased form of the contracts in `source` and `sink`; splits and staged parts cross it
//! encoded, so that a runner can store them.

use super::batch::{ErasedBatch, typed};
use crate::element::{self, Element};
use crate::error::Result;
use crate::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use crate::source::{
    Boundedness, Poll, Position, Progress, ReadOptions, Reader, Residual, ScriptEvent, Source,
};
use crate::time::{Duration, Timestamp};
use std::marker::PhantomData;
use std::sync::Arc;

/// A [`Source`] whose types are known only to its own code.
pub trait ErasedSource: Send + Sync {
    /// Encoded splits; see [`Source::discover`].
    fn discover(&self, known: &[Vec<u8>], desired: usize) -> Result<Vec<Vec<u8>>>;
    /// See [`Source::end_now`]; the splits are encoded.
    fn end_now(&self, splits: &[Vec<u8>]) -> Result<Vec<Vec<u8>>>;
    /// Opens an encoded split; see [`Source::open`].
    fn open(
        &self,
        split: &[u8],
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn ErasedReader>>;
    /// Whether the input ends.
    fn boundedness(&self) -> Boundedness;
    /// See [`Source::idle_after`].
    fn idle_after(&self) -> Option<Duration>;
    /// See [`Source::checkpointed`]; the splits are encoded.
    fn checkpointed(&self, at: &[(&[u8], &Position)]) -> Result<()>;
    /// See [`Source::script`].
    fn script(&self) -> Option<Vec<ScriptEvent<Box<dyn ErasedBatch>>>>;
    /// For `explain`.
    fn describe(&self) -> String;
    /// For progress and errors.
    fn describe_split(&self, split: &[u8]) -> String;
}

/// A [`Reader`] whose type is known only to its own code.
pub trait ErasedReader: Send {
    /// See [`Reader::poll`].
    fn poll(&mut self, out: &mut dyn ErasedBatch) -> Result<Poll>;
    /// See [`Reader::position`].
    fn position(&self) -> Position;
    /// See [`Reader::watermark`].
    fn watermark(&self) -> Timestamp;
    /// See [`Reader::progress`].
    fn progress(&self) -> Progress;
    /// See [`Reader::backlog`].
    fn backlog(&self) -> Option<u64>;
    /// See [`Reader::held_back`].
    fn held_back(&self) -> Option<Duration>;
    /// See [`Reader::try_split`].
    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>>;
    /// See [`Reader::describe_position`].
    fn describe_position(&self) -> String;
}

/// Erases a source.
pub fn erase_source<S: Source>(source: S) -> Arc<dyn ErasedSource> {
    Arc::new(TypedSource(source))
}

struct TypedSource<S>(S);

fn decode_all<S: Element>(bytes: &[u8]) -> Result<S> {
    let mut rest = bytes;
    element::decode(&mut rest)
}

fn encoded<S: Element>(value: &S) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    element::encode(value, &mut bytes)?;
    Ok(bytes)
}

impl<S: Source> ErasedSource for TypedSource<S> {
    fn discover(&self, known: &[Vec<u8>], desired: usize) -> Result<Vec<Vec<u8>>> {
        let known: Result<Vec<S::Split>> = known.iter().map(|b| decode_all(b)).collect();
        self.0
            .discover(&known?, desired)?
            .iter()
            .map(encoded)
            .collect()
    }
    fn end_now(&self, splits: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let splits: Result<Vec<S::Split>> = splits.iter().map(|b| decode_all(b)).collect();
        self.0.end_now(splits?)?.iter().map(encoded).collect()
    }
    fn open(
        &self,
        split: &[u8],
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn ErasedReader>> {
        let reader = self.0.open(decode_all(split)?, at, options)?;
        Ok(Box::new(TypedReader(reader)))
    }
    fn boundedness(&self) -> Boundedness {
        self.0.boundedness()
    }
    fn idle_after(&self) -> Option<Duration> {
        self.0.idle_after()
    }
    fn checkpointed(&self, at: &[(&[u8], &Position)]) -> Result<()> {
        let typed = at.iter().map(|(b, at)| Ok((decode_all(b)?, (*at).clone())));
        self.0.checkpointed(&typed.collect::<Result<Vec<_>>>()?)
    }
    fn script(&self) -> Option<Vec<ScriptEvent<Box<dyn ErasedBatch>>>> {
        let events = self.0.script()?.into_iter();
        let erased = |batch| Box::new(batch) as Box<dyn ErasedBatch>;
        Some(events.map(|event| event.map(erased)).collect())
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
    fn describe_split(&self, split: &[u8]) -> String {
        match decode_all(split) {
            Ok(split) => self.0.describe_split(&split),
            Err(_) => self.0.describe(),
        }
    }
}

struct TypedReader<T>(Box<dyn Reader<T>>);

impl<T: Element> ErasedReader for TypedReader<T> {
    fn poll(&mut self, out: &mut dyn ErasedBatch) -> Result<Poll> {
        self.0.poll(typed::<T>(out))
    }
    fn position(&self) -> Position {
        self.0.position()
    }
    fn watermark(&self) -> Timestamp {
        self.0.watermark()
    }
    fn progress(&self) -> Progress {
        self.0.progress()
    }
    fn backlog(&self) -> Option<u64> {
        self.0.backlog()
    }
    fn held_back(&self) -> Option<Duration> {
        self.0.held_back()
    }
    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        self.0.try_split(fraction)
    }
    fn describe_position(&self) -> String {
        self.0.describe_position()
    }
}

/// A [`Sink`] whose types are known only to its own code.
pub trait ErasedSink: Send + Sync {
    /// See [`Sink::open`].
    fn open(&self, shard: Shard) -> Result<Box<dyn ErasedWriter>>;
    /// See [`Sink::recover`].
    fn recover(&self) -> Result<Option<Epoch>>;
    /// See [`Sink::prepare`]; the staged parts are encoded.
    fn prepare(&self, epoch: Epoch, staged: &[Vec<u8>]) -> Result<()>;
    /// See [`Sink::settle`].
    fn settle(&self, epoch: Epoch) -> Result<()>;
    /// See [`Sink::commit`]; the staged parts are encoded.
    fn commit(&self, epoch: Epoch, staged: &[Vec<u8>]) -> Result<Committed>;
    /// See [`Sink::finish`].
    fn finish(&self) -> Result<()>;
    /// See [`Sink::abort`].
    fn abort(&self);
    /// See [`Sink::observes_timestamps`].
    fn observes_timestamps(&self) -> bool;
    /// For `explain`.
    fn describe(&self) -> String;
}

/// A [`SinkWriter`] whose type is known only to its own code.
pub trait ErasedWriter: Send {
    /// See [`SinkWriter::write`].
    fn write(&mut self, batch: &mut dyn ErasedBatch) -> Result<()>;
    /// See [`SinkWriter::stage`]; the parts are encoded.
    fn stage(&mut self, epoch: Epoch) -> Result<Vec<Vec<u8>>>;
    /// See [`SinkWriter::pending`].
    fn pending(&self) -> u64;
    /// See [`SinkWriter::unstaged`].
    fn unstaged(&self) -> u64;
}

fn decode_parts<S: Element>(parts: &[Vec<u8>]) -> Result<Vec<S>> {
    parts.iter().map(|b| decode_all(b)).collect()
}

/// Erases a sink.
pub fn erase_sink<T: Element, S: Sink<T>>(sink: S) -> Arc<dyn ErasedSink> {
    Arc::new(TypedSink(sink, PhantomData))
}

struct TypedSink<T, S>(S, PhantomData<fn(T)>);

impl<T: Element, S: Sink<T>> ErasedSink for TypedSink<T, S> {
    fn open(&self, shard: Shard) -> Result<Box<dyn ErasedWriter>> {
        Ok(Box::new(TypedWriter(self.0.open(shard)?, PhantomData)))
    }
    fn recover(&self) -> Result<Option<Epoch>> {
        self.0.recover()
    }
    fn prepare(&self, epoch: Epoch, staged: &[Vec<u8>]) -> Result<()> {
        self.0.prepare(epoch, &decode_parts(staged)?)
    }
    fn settle(&self, epoch: Epoch) -> Result<()> {
        self.0.settle(epoch)
    }
    fn commit(&self, epoch: Epoch, staged: &[Vec<u8>]) -> Result<Committed> {
        self.0.commit(epoch, decode_parts(staged)?)
    }
    fn finish(&self) -> Result<()> {
        self.0.finish()
    }
    fn abort(&self) {
        self.0.abort();
    }
    fn observes_timestamps(&self) -> bool {
        self.0.observes_timestamps()
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
}

struct TypedWriter<T, W>(W, PhantomData<fn(T)>);

impl<T: Element, W: SinkWriter<T>> ErasedWriter for TypedWriter<T, W> {
    fn write(&mut self, batch: &mut dyn ErasedBatch) -> Result<()> {
        self.0.write(typed::<T>(batch))
    }
    fn stage(&mut self, epoch: Epoch) -> Result<Vec<Vec<u8>>> {
        self.0.stage(epoch)?.iter().map(encoded).collect()
    }
    fn pending(&self) -> u64 {
        self.0.pending()
    }
    fn unstaged(&self) -> u64 {
        self.0.unstaged()
    }
}
