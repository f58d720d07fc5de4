//! `Grouping`: the node behind `group_by_key`, the combines and the joins.
//!
//! Owns the typed wiring of inputs to one store. The policy over it is `runner-core`'s.

use super::batch::{ErasedBatch, new_batch};
use super::gather::{Feed, Gather, Partials};
use super::step::Port;
use super::store::{ErasedFeed, GroupStore, SlowStore, StoreKind, TableStore, TypedFeed};
use crate::error::Result;
use crate::graph::EqualityClass;
use std::sync::Arc;

/// A grouping whose types are known only to its own code.
pub trait ErasedGrouping: Send + Sync {
    /// Number of inputs; port `inputs()` takes partials (`(Key, Acc)`).
    fn inputs(&self) -> usize;
    /// A new, empty store.
    fn store(&self, kind: StoreKind) -> Result<Box<dyn GroupStore>>;
    /// Moves each element of `input` to the batch of `outs` that `to[its key group]` names, of
    /// `to.len()` groups in all.
    fn scatter(
        &self,
        port: Port,
        input: &mut dyn ErasedBatch,
        to: &[u32],
        outs: &mut [Box<dyn ErasedBatch>],
    );
    /// An empty batch of input `port` (or of partials).
    fn new_input(&self, port: Port) -> Box<dyn ErasedBatch>;
    /// An empty batch of what firings emit.
    fn new_output(&self) -> Box<dyn ErasedBatch>;
    /// True if gathering makes data smaller, so that it pays to gather before an exchange.
    fn is_reducing(&self) -> bool;
    /// What the gathering promises when elements come in another order; windows and triggers may
    /// weaken it.
    fn class(&self) -> EqualityClass;
}

/// A grouping of type `G`.
pub struct Grouping<G: Gather> {
    gather: Arc<G>,
    feeds: Vec<Arc<dyn ErasedFeed<G>>>,
    reducing: bool,
    class: EqualityClass,
}

impl<G: Gather> std::fmt::Debug for Grouping<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grouping({} inputs)", self.feeds.len())
    }
}

impl<G: Gather> Grouping<G> {
    /// Without inputs yet. `reducing` says that an accumulator stays small, whatever is added.
    pub fn new(gather: G, reducing: bool) -> Self {
        Grouping {
            gather: Arc::new(gather),
            feeds: Vec::new(),
            reducing,
            class: EqualityClass::Unordered,
        }
    }

    /// Promises less than results that are equal at any order.
    pub fn class(mut self, class: EqualityClass) -> Self {
        self.class = class;
        self
    }

    /// Adds the next input.
    pub fn feed<F: Feed<G>>(mut self, feed: F) -> Self {
        self.feeds.push(Arc::new(TypedFeed(feed)));
        self
    }

    fn at(&self, port: Port) -> Arc<dyn ErasedFeed<G>> {
        match self.feeds.get(port) {
            Some(feed) => Arc::clone(feed),
            None => Arc::new(TypedFeed(Partials)),
        }
    }
}

impl<G: Gather> ErasedGrouping for Grouping<G> {
    fn inputs(&self) -> usize {
        self.feeds.len()
    }
    fn store(&self, kind: StoreKind) -> Result<Box<dyn GroupStore>> {
        let feeds = (0..=self.feeds.len()).map(|port| self.at(port)).collect();
        Ok(match kind {
            StoreKind::Fast => Box::new(TableStore::new(Arc::clone(&self.gather), feeds)),
            StoreKind::Slow => Box::new(SlowStore::new(Arc::clone(&self.gather), feeds)),
        })
    }
    fn scatter(
        &self,
        port: Port,
        input: &mut dyn ErasedBatch,
        to: &[u32],
        outs: &mut [Box<dyn ErasedBatch>],
    ) {
        self.at(port).scatter(input, to, outs);
    }
    fn new_input(&self, port: Port) -> Box<dyn ErasedBatch> {
        self.at(port).new_input()
    }
    fn new_output(&self) -> Box<dyn ErasedBatch> {
        new_batch::<G::Out>()
    }
    fn is_reducing(&self) -> bool {
        self.reducing
    }
    fn class(&self) -> EqualityClass {
        self.class
    }
}
