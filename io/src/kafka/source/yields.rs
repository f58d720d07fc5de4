//! `Yields`: what becomes of one record: its value, or an element made of all of it.
//!
//! Owns the choice and what a tombstone is; what a value's bytes mean is the codec's. Invariant: a
//! record yields one element or none, whatever the others are.

use super::record::KafkaRecord;
use crate::codec::Codec;
use crate::kafka::client::Record;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use whitebeam_sdk::Result;

/// Makes elements of records.
pub trait Yields<T>: Clone + Send + Sync + 'static {
    /// What its values are, for `explain`, such as `JSON`.
    fn name(&self) -> &'static str;
    /// The element of a record; `None` passes over it.
    fn read(&self, record: &Record<'_>) -> Result<Option<T>>;
}

/// The record's value, as a codec reads it. Tombstones are passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueOf<C>(pub(super) C);

impl<T, C: Codec<T>> Yields<T> for ValueOf<C> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    #[inline]
    fn read(&self, record: &Record<'_>) -> Result<Option<T>> {
        match record.value {
            Some(bytes) => self.0.decode(bytes).map(Some),
            None => Ok(None),
        }
    }
}

/// `Some` of what a record yields, or `None` for a tombstone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrTombstone<R>(pub(super) R);

impl<T, R: Yields<T>> Yields<Option<T>> for OrTombstone<R> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    #[inline]
    fn read(&self, record: &Record<'_>) -> Result<Option<Option<T>>> {
        match record.value {
            Some(_) => Ok(self.0.read(record)?.map(Some)),
            None => Ok(Some(None)),
        }
    }
}

/// What a function makes of the record and of what it yields to `R`.
pub struct WithRecord<R, F, V> {
    inner: R,
    make: Arc<F>,
    types: PhantomData<fn() -> V>,
}

/// Makes a [`KafkaRecord`].
pub type AsRecord<V> = fn(&Record<'_>, V) -> KafkaRecord<V>;

impl<R, F, V> WithRecord<R, F, V> {
    pub(super) fn new(inner: R, make: F) -> Self {
        WithRecord {
            inner,
            make: Arc::new(make),
            types: PhantomData,
        }
    }
}

impl<T, V, R, F> Yields<T> for WithRecord<R, F, V>
where
    V: 'static,
    R: Yields<V>,
    F: Fn(&Record<'_>, V) -> T + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    #[inline]
    fn read(&self, record: &Record<'_>) -> Result<Option<T>> {
        let value = self.inner.read(record)?;
        Ok(value.map(|value| (self.make)(record, value)))
    }
}

impl<R: Clone, F, V> Clone for WithRecord<R, F, V> {
    fn clone(&self) -> Self {
        WithRecord {
            inner: self.inner.clone(),
            make: Arc::clone(&self.make),
            types: PhantomData,
        }
    }
}

impl<R: fmt::Debug, F, V> fmt::Debug for WithRecord<R, F, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithRecord").field(&self.inner).finish()
    }
}
