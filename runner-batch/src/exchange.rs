//! The exchange: batches between stages, scattered by key to partitions.
//!
//! Owns the partitions of one exit and the outlets that fill them. Partition = range of key groups,
//! so the division is the same whatever made the elements.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use whitebeam_runner_core::group::Lift;
use whitebeam_runner_core::plan::Exit;
use whitebeam_runner_core::stage::Outlet;
use whitebeam_sdk::Result;
use whitebeam_sdk::erase::{ErasedBatch, ErasedGrouping, Port};
use whitebeam_sdk::graph::{Graph, NodeKind};
use whitebeam_sdk::hash::KEY_GROUPS;

/// A batch is sent on when it holds this many bytes: coarser than inside a stage, since it crosses
/// threads.
const SEND_BYTES: usize = 128 * 1024;

/// What all workers' lifting tables may hold together.
const LIFT_BYTES: usize = 64 * 1024 * 1024;

/// The batches of one exit, by partition.
#[derive(Debug)]
pub(crate) struct Exchange {
    partitions: Vec<Mutex<Vec<Box<dyn ErasedBatch>>>>,
}

impl Exchange {
    pub(crate) fn new(partitions: usize) -> Self {
        Exchange {
            partitions: (0..partitions).map(|_| Mutex::default()).collect(),
        }
    }

    fn send(&self, partition: usize, batch: &mut Box<dyn ErasedBatch>) {
        if !batch.is_empty() {
            let empty = batch.new_like();
            let full = std::mem::replace(batch, empty);
            self.lock(partition).push(full);
        }
    }

    /// All batches of a partition; it is empty afterwards.
    pub(crate) fn take(&self, partition: usize) -> Vec<Box<dyn ErasedBatch>> {
        std::mem::take(&mut *self.lock(partition))
    }

    fn lock(&self, partition: usize) -> std::sync::MutexGuard<'_, Vec<Box<dyn ErasedBatch>>> {
        // A panic of another worker leaves whole batches only.
        self.partitions[partition]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What takes the batches of `exit` in the task that is `index` of its stage.
    pub(crate) fn outlet(
        self: &Arc<Self>,
        graph: &Graph,
        exit: &Exit,
        index: usize,
    ) -> Result<Box<dyn Outlet>> {
        let exchange = Arc::clone(self);
        let n = self.partitions.len();
        let collection = graph.collection(exit.collection);
        let NodeKind::Group(grouping) = &graph.node(exit.reader).kind else {
            let batch = (collection.new_batch)();
            return Ok(Box::new(Keep {
                exchange,
                partition: index % n,
                batch,
            }));
        };
        let port = if exit.lifted {
            grouping.inputs()
        } else {
            exit.port
        };
        let scatter = Scatter {
            exchange,
            grouping: Arc::clone(grouping),
            port,
            to: (0..u32::from(KEY_GROUPS))
                .map(|g| g * n as u32 / u32::from(KEY_GROUPS))
                .collect(),
            outs: (0..n).map(|_| grouping.new_input(port)).collect(),
        };
        if !exit.lifted {
            return Ok(Box::new(scatter));
        }
        let budget = LIFT_BYTES / n;
        let lift = Lift::new(grouping.as_ref(), collection.windowing.window_fn, budget)?;
        Ok(Box::new(LiftThenScatter { lift, scatter }))
    }
}

/// Windows that are stored and windows that follow from the timestamps do not go into one batch.
fn is_other_form(out: &dyn ErasedBatch, batch: &dyn ErasedBatch) -> bool {
    !out.is_empty() && out.meta().implied != batch.meta().implied
}

/// Keeps batches in this task's partition: no keys, no exchange.
struct Keep {
    exchange: Arc<Exchange>,
    partition: usize,
    batch: Box<dyn ErasedBatch>,
}

impl Outlet for Keep {
    fn take(&mut self, batch: &mut dyn ErasedBatch) -> Result<()> {
        if is_other_form(self.batch.as_ref(), batch) {
            self.exchange.send(self.partition, &mut self.batch);
        }
        self.batch.append(batch);
        if self.batch.bytes() >= SEND_BYTES {
            self.exchange.send(self.partition, &mut self.batch);
        }
        Ok(())
    }
    fn finish(&mut self) -> Result<()> {
        self.exchange.send(self.partition, &mut self.batch);
        Ok(())
    }
}

/// Sends each element to the partition of its key.
struct Scatter {
    exchange: Arc<Exchange>,
    grouping: Arc<dyn ErasedGrouping>,
    port: Port,
    to: Vec<u32>,
    outs: Vec<Box<dyn ErasedBatch>>,
}

impl Outlet for Scatter {
    fn take(&mut self, batch: &mut dyn ErasedBatch) -> Result<()> {
        for (partition, out) in self.outs.iter_mut().enumerate() {
            if is_other_form(out.as_ref(), batch) {
                self.exchange.send(partition, out);
            }
        }
        self.grouping
            .scatter(self.port, batch, &self.to, &mut self.outs);
        for (partition, out) in self.outs.iter_mut().enumerate() {
            if out.bytes() >= SEND_BYTES {
                self.exchange.send(partition, out);
            }
        }
        Ok(())
    }
    fn finish(&mut self) -> Result<()> {
        for (partition, out) in self.outs.iter_mut().enumerate() {
            self.exchange.send(partition, out);
        }
        Ok(())
    }
}

/// Gathers before the exchange.
struct LiftThenScatter {
    lift: Lift,
    scatter: Scatter,
}

impl Outlet for LiftThenScatter {
    fn take(&mut self, batch: &mut dyn ErasedBatch) -> Result<()> {
        self.lift
            .add(batch, &mut |partials| self.scatter.take(partials))
    }
    fn finish(&mut self) -> Result<()> {
        self.lift
            .flush(&mut |partials| self.scatter.take(partials))?;
        self.scatter.finish()
    }
}
