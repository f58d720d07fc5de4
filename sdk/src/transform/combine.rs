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
    type Item = (K, V);
    type Value = V;
    #[inline(always)]
    fn key(item: &(K, V)) -> &K {
        &item.0
    }
    #[inline(always)]
    fn split(item: (K, V)) -> (K, V) {
        item
    }
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

/// Everything of a window under the one key `()`.
struct PerWindow<V, C>(C, PhantomData<fn() -> V>);
struct AddToWindow;

impl<V: Element, C: CombineFn<V>> Gather for PerWindow<V, C> {
    type Key = ();
    type Acc = C::Acc;
    type Out = C::Output;
    #[inline(always)]
    fn create(&self) -> C::Acc {
        self.0.create()
    }
    #[inline(always)]
    fn merge(&self, into: &mut C::Acc, from: C::Acc) {
        self.0.merge(into, from);
    }
    #[inline(always)]
    fn emit(&self, (): (), acc: C::Acc, emit: &mut impl FnMut(C::Output)) {
        emit(self.0.extract(acc));
    }
}

impl<V: Element, C: CombineFn<V>> Feed<PerWindow<V, C>> for AddToWindow {
    type Item = V;
    type Value = V;
    #[inline(always)]
    fn key(_: &V) -> &() {
        &()
    }
    #[inline(always)]
    fn split(item: V) -> ((), V) {
        ((), item)
    }
    #[inline(always)]
    fn add(&self, gather: &PerWindow<V, C>, acc: &mut C::Acc, value: V) {
        gather.0.add(acc, value);
    }
}

impl<V: Element> PCollection<V> {
    /// One folded result per window that has elements.
    #[track_caller]
    pub fn combine_globally_without_defaults<C: CombineFn<V>>(
        self,
        combiner: C,
    ) -> PCollection<C::Output> {
        let grouping = Grouping::new(PerWindow(combiner, PhantomData), true).feed(AddToWindow);
        self.grouped("CombineGlobally", Location::caller(), grouping)
    }
}

/// Counts elements that are their own keys, so that no step has to pair them with anything.
struct PerElement<K>(PhantomData<fn() -> K>);
struct CountOne;

impl<K: Key> Gather for PerElement<K> {
    type Key = K;
    type Acc = u64;
    type Out = (K, u64);
    #[inline(always)]
    fn create(&self) -> u64 {
        0
    }
    #[inline(always)]
    fn merge(&self, into: &mut u64, from: u64) {
        *into += from;
    }
    #[inline(always)]
    fn emit(&self, key: K, count: u64, emit: &mut impl FnMut((K, u64))) {
        emit((key, count));
    }
}

impl<K: Key> Feed<PerElement<K>> for CountOne {
    type Item = K;
    type Value = ();
    #[inline(always)]
    fn key(item: &K) -> &K {
        item
    }
    #[inline(always)]
    fn split(item: K) -> (K, ()) {
        (item, ())
    }
    #[inline(always)]
    fn add(&self, _: &PerElement<K>, count: &mut u64, (): ()) {
        *count += 1;
    }
}

impl<K: Element> PCollection<K> {
    /// How often each element occurs, per window.
    #[track_caller]
    pub fn count_per_element(self) -> PCollection<(K, u64)>
    where
        K: Key,
    {
        let grouping = Grouping::new(PerElement(PhantomData), true).feed(CountOne);
        self.grouped("CountPerElement", Location::caller(), grouping)
    }
}
