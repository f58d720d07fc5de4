//! `Gather` and `Feed`: what a grouping does with keys and values, typed.
//!
//! Owns the algebra (create, add, merge, emit). Knows nothing of windows, panes or when to emit.

use crate::element::{Element, Key};

/// How the values of a key are gathered and what is emitted for them.
pub trait Gather: Send + Sync + 'static {
    /// Grouped by.
    type Key: Key;
    /// What is kept per key and window.
    type Acc: Element;
    /// What a firing emits.
    type Out: Element;

    /// The accumulator of no values.
    fn create(&self) -> Self::Acc;
    /// Adds what another accumulator gathered.
    fn merge(&self, into: &mut Self::Acc, from: Self::Acc);
    /// Emits for a pane after which the accumulator is not needed.
    fn emit(&self, key: Self::Key, acc: Self::Acc, emit: &mut impl FnMut(Self::Out));
    /// Emits for a pane after which the accumulator goes on.
    fn emit_ref(&self, key: &Self::Key, acc: &Self::Acc, emit: &mut impl FnMut(Self::Out)) {
        self.emit(key.clone(), acc.clone(), emit);
    }
}

/// How the elements of one input are taken apart and added.
pub trait Feed<G: Gather>: Send + Sync + 'static {
    /// Elements of this input.
    type Item: Element;
    /// What is added for an element.
    type Value: Clone;
    /// The key of an element.
    fn key(item: &Self::Item) -> &G::Key;
    /// Key and value of an element.
    fn split(item: Self::Item) -> (G::Key, Self::Value);
    /// Adds one value.
    fn add(&self, gather: &G, acc: &mut G::Acc, value: Self::Value);
}

/// The input that carries accumulators instead of values: what combiner lifting sends over an
/// exchange.
#[derive(Clone, Copy, Debug)]
pub struct Partials;

impl<G: Gather> Feed<G> for Partials {
    type Item = (G::Key, G::Acc);
    type Value = G::Acc;
    #[inline(always)]
    fn key(item: &Self::Item) -> &G::Key {
        &item.0
    }
    #[inline(always)]
    fn split(item: Self::Item) -> (G::Key, G::Acc) {
        item
    }
    #[inline(always)]
    fn add(&self, gather: &G, acc: &mut G::Acc, value: G::Acc) {
        gather.merge(acc, value);
    }
}
