//! `combine_per_key` and `combine_globally`: values folded into accumulators.
//!
//! Owns the [`CombineFn`] interface and its two groupings. The ready-made combiners have files of
//! their own.

use crate::element::{Element, Key};
use crate::erase::{Feed, Gather, Grouping};
use crate::pcollection::PCollection;
use std::marker::PhantomData;
use std::panic::Location;

/// An associative and commutative way to fold values.
///
/// `merge` must be associative and commutative, and `create` its identity: partial results are
/// combined in any order, on any worker.
pub trait CombineFn<V>: Send + Sync + 'static {
    /// What is kept while folding.
    type Acc: Element;
    /// What comes out.
    type Output: Element;
    /// The accumulator of no values.
    fn create(&self) -> Self::Acc;
    /// Adds a value.
    fn add(&self, acc: &mut Self::Acc, value: V);
    /// Adds what another accumulator folded.
    fn merge(&self, into: &mut Self::Acc, from: Self::Acc);
    /// The result.
    fn extract(&self, acc: Self::Acc) -> Self::Output;
}

struct PerKey<K, V, C>(C, PhantomData<fn() -> (K, V)>);
struct AddValue;

impl<K: Key, V: Element, C: CombineFn<V>> Gather for PerKey<K, V, C> {
    type Key = K;
    type Acc = C::Acc;
    type Out = (K, C::Output);
    #[inline(always)]
    fn create(&self) -> C::Acc {
        self.0.create()
    }
    #[inline(always)]
    fn merge(&self, into: &mut C::Acc, from: C::Acc) {
        self.0.merge(into, from);
    }
    #[inline(always)]
    fn emit(&self, key: K, acc: C::Acc, emit: &mut impl FnMut((K, C::Output))) {
        emit((key, self.0.extract(acc)));
    }
}

impl<K: Key, V: Element, C: CombineFn<V>> Feed<PerKey<K, V, C>> for AddValue {
    type Value = V;
    #[inline(always)]
    fn add(&self, gather: &PerKey<K, V, C>, acc: &mut C::Acc, value: V) {
        gather.0.add(acc, value);
    }
}

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// One folded result per key and window.
    #[track_caller]
    pub fn combine_per_key<C: CombineFn<V>>(self, combiner: C) -> PCollection<(K, C::Output)>
    where
        K: Key,
    {
        let grouping = Grouping::new(PerKey(combiner, PhantomData), true).feed(AddValue);
        self.grouped("CombinePerKey", Location::caller(), grouping)
    }
}
