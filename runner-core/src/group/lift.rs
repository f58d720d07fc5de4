//! Combiner lifting: gathering before an exchange, so that partial results cross it and not
//! elements.
//!
//! Owns tables by key and window that are emptied when they grow past a budget or nothing more
//! comes. It fires nothing and drops nothing: panes are made behind the exchange.

use super::windowed::Windowed;
use whitebeam_sdk::erase::{
    ErasedBatch, ErasedGrouping, Flow, GroupStore, Outs, Step, StoreKind, Which,
};
use whitebeam_sdk::window::WindowFn;
use whitebeam_sdk::{Result, Timestamp};

/// Gathers one input of a grouping in front of an exchange.
#[derive(Debug)]
pub struct Lift {
    tables: Windowed,
    partials: Box<dyn ErasedBatch>,
    budget: usize,
}

impl Lift {
    /// For `grouping`, whose input has windows by `window_fn`; holds about `budget` bytes.
    pub fn new(grouping: &dyn ErasedGrouping, window_fn: WindowFn, budget: usize) -> Result<Self> {
        let store: Box<dyn GroupStore> = grouping.store(StoreKind::Fast)?;
        let partials = grouping.new_input(grouping.inputs());
        Ok(Lift {
            tables: Windowed::new(store, window_fn, false),
            partials,
            budget,
        })
    }

    /// Gathers a batch; over budget, hands batches of partials to `send`.
    pub fn add(
        &mut self,
        input: &mut dyn ErasedBatch,
        send: &mut dyn FnMut(&mut dyn ErasedBatch) -> Result<()>,
    ) -> Result<()> {
        let flow = self.tables.process(0, input, &mut Outs::new(&mut []))?;
        debug_assert_eq!(flow, Flow::Done, "a table takes whole batches");
        if self.tables.store.bytes() > self.budget {
            self.flush(send)
        } else {
            Ok(())
        }
    }

    /// Hands everything gathered to `send`.
    pub fn flush(
        &mut self,
        send: &mut dyn FnMut(&mut dyn ErasedBatch) -> Result<()>,
    ) -> Result<()> {
        loop {
            let batch = self.partials.as_mut();
            let flow = self
                .tables
                .fire_until(Timestamp::MAX, Which::Partials, batch)?;
            send(batch)?;
            batch.clear();
            if flow == Flow::Done {
                return Ok(());
            }
        }
    }
}
