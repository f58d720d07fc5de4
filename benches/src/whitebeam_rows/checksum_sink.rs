//! A sink that adds up shares: the answer of a query as one number.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use whitebeam::Result;
use whitebeam::batch::Batch;
use whitebeam::prelude::*;
use whitebeam::sink::{Committed, Epoch, Shard, Sink, SinkWriter};

pub(crate) struct Checksum<T, F> {
    share: F,
    total: Arc<AtomicU64>,
    element: PhantomData<fn(T)>,
}

impl<T, F> Checksum<T, F> {
    pub(crate) fn new(share: F, total: Arc<AtomicU64>) -> Self {
        Checksum {
            share,
            total,
            element: PhantomData,
        }
    }
}

impl<T: Element, F> Sink<T> for Checksum<T, F>
where
    F: Fn(&T) -> u64 + Copy + Send + Sync + 'static,
{
    type Staged = u64;
    type Writer = Writer<F>;

    fn open(&self, _: Shard) -> Result<Writer<F>> {
        Ok(Writer {
            share: self.share,
            sum: 0,
        })
    }

    fn commit(&self, _: Epoch, staged: Vec<u64>) -> Result<Committed> {
        let sum = staged.into_iter().fold(0, u64::wrapping_add);
        self.total.fetch_add(sum, Relaxed);
        Ok(Committed::Now)
    }
}

pub(crate) struct Writer<F> {
    share: F,
    sum: u64,
}

impl<T: Element, F: Fn(&T) -> u64 + Send> SinkWriter<T> for Writer<F> {
    type Staged = u64;

    fn write(&mut self, batch: &Batch<T>) -> Result<()> {
        let shares = batch.values().iter().map(&self.share);
        self.sum = shares.fold(self.sum, u64::wrapping_add);
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<u64>> {
        Ok(vec![std::mem::take(&mut self.sum)])
    }
}
