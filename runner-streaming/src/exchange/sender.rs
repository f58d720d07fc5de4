//! `Sender`: what leaves a stage, on its way to the workers that read it.
//!
//! Owns the partial buffers, one per receiver, and the way of every element: to the worker that
//! owns its key's group, or, where no key says anything, to the same worker. Invariant: a buffer
//! holds elements whose windows have one form.

use super::Channel;
use std::sync::Arc;
use whitebeam_runner_core::stage::Outlet;
use whitebeam_sdk::Result;
use whitebeam_sdk::erase::{ErasedBatch, ErasedGrouping, Port};

/// Where elements go.
pub(crate) enum Route {
    /// To the worker that owns the key's group; `owners` says which, by group.
    Key {
        grouping: Arc<dyn ErasedGrouping>,
        port: Port,
        owners: Vec<u32>,
    },
    /// To this worker's own copy of the reader.
    Own(usize),
}

/// Sends the batches of one exit.
pub(crate) struct Sender {
    channels: Vec<Arc<Channel>>,
    route: Route,
    outs: Vec<Box<dyn ErasedBatch>>,
    /// Bytes in a buffer that is sent without being asked for.
    full: usize,
}

impl Sender {
    /// Sends along `route`; `channels` and `outs` stand in the order of receivers.
    pub(crate) fn new(
        channels: Vec<Arc<Channel>>,
        route: Route,
        outs: Vec<Box<dyn ErasedBatch>>,
        full: usize,
    ) -> Self {
        Sender {
            channels,
            route,
            outs,
            full,
        }
    }

    /// The only receiver, if no element has a choice.
    fn only(&self) -> Option<usize> {
        match self.route {
            Route::Own(to) => Some(to),
            Route::Key { .. } => (self.channels.len() == 1).then_some(0),
        }
    }

    fn send_if(&mut self, to: usize, wanted: impl Fn(&dyn ErasedBatch) -> bool) {
        let out = &mut self.outs[to];
        if !out.is_empty() && wanted(&**out) {
            let empty = out.new_like();
            let full = std::mem::replace(out, empty);
            if let Some(empty) = self.channels[to].send(full) {
                self.outs[to] = empty;
            }
        }
    }

    fn send_all_if(&mut self, wanted: impl Fn(&dyn ErasedBatch) -> bool) {
        for to in 0..self.outs.len() {
            self.send_if(to, &wanted);
        }
    }
}

impl Outlet for Sender {
    fn take(&mut self, batch: &mut dyn ErasedBatch) -> Result<()> {
        let implied = batch.meta().implied;
        self.send_all_if(|out| out.meta().implied != implied);
        if let Some(to) = self.only() {
            if self.outs[to].is_empty() {
                self.outs[to].swap(batch);
            } else {
                self.outs[to].append(batch);
            }
        } else if let Route::Key {
            grouping,
            port,
            owners,
        } = &self.route
        {
            grouping.scatter(*port, batch, owners, &mut self.outs);
        }
        batch.clear();
        let full = self.full;
        self.send_all_if(|out| out.bytes() >= full);
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.channels.iter().all(|channel| channel.has_credit())
    }

    fn flush(&mut self) -> Result<()> {
        self.send_all_if(|_| true);
        Ok(())
    }
}
