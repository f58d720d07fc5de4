//! `combine_per_key`: values of each key folded by a [`CombineFn`].

use super::group_by_key::WithLate;
use crate::combine::CombineFn;
use crate::element::{Element, Key};
use crate::erase::{Feed, Gather, Grouping};
use crate::pcollection::PCollection;
use std::marker::PhantomData;
use std::panic::Location;

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
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    /// use whitebeam_sdk::combine::Max;
    ///
    /// let p = Pipeline::new();
    /// let bids = p.create([("tea".to_string(), 3), ("tea".to_string(), 5)]);
    /// let _highest = bids.combine_per_key(Max);
    /// ```
    #[track_caller]
    pub fn combine_per_key<C: CombineFn<V>>(self, combiner: C) -> PCollection<(K, C::Output)>
    where
        K: Key,
    {
        self.combined("CombinePerKey", Location::caller(), combiner)
    }

    /// As [`combine_per_key`](PCollection::combine_per_key), beside the elements that were dropped
    /// because their window had expired; see
    /// [`group_by_key_with_late`](PCollection::group_by_key_with_late).
    #[track_caller]
    pub fn combine_per_key_with_late<C: CombineFn<V>>(
        self,
        combiner: C,
    ) -> WithLate<(K, C::Output), (K, V)>
    where
        K: Key,
    {
        let grouping = per_key(combiner);
        self.grouped_with_late("CombinePerKey", Location::caller(), grouping)
    }

    pub(super) fn combined<C: CombineFn<V>>(
        self,
        name: &'static str,
        location: &'static Location<'static>,
        combiner: C,
    ) -> PCollection<(K, C::Output)>
    where
        K: Key,
    {
        self.grouped(name, location, per_key(combiner))
    }
}

fn per_key<K: Key, V: Element, C: CombineFn<V>>(combiner: C) -> Grouping<PerKey<K, V, C>> {
    let class = combiner.class();
    Grouping::new(PerKey(combiner, PhantomData), true)
        .feed(AddValue)
        .class(class)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use crate::Pipeline;
    use crate::batch::Batch;
    use crate::combine::{Max, Sum};
    use crate::erase::drive;
    use crate::time::{minutes, seconds};
    use crate::window::FixedWindows;

    #[test]
    fn values_are_folded_by_key() {
        let p = Pipeline::new();
        let pairs = || vec![(1, 5_i64), (2, 7), (1, 6)];
        let c = p.create(pairs());
        let mut sums = drive::group(
            &c.clone().combine_per_key(Sum),
            vec![Box::new(Batch::of(pairs()))],
        );
        sums.sort_unstable();
        assert_eq!(sums, [(1, 11), (2, 7)]);
        let (best, _late) = c.combine_per_key_with_late(Max);
        let mut best = drive::group(&best, vec![Box::new(Batch::of(pairs()))]);
        best.sort_unstable();
        assert_eq!(best, [(1, Some(6)), (2, Some(7))]);
    }

    #[test]
    fn late_elements_have_the_windowing_of_the_input() {
        let p = Pipeline::new();
        let windowing = FixedWindows::of(minutes(1))
            .allowed_lateness(seconds(9))
            .accumulating();
        let input = p.create([(1, 2_i64)]).window(windowing);
        let (sums, late) = input.clone().combine_per_key_with_late(Sum);
        assert_eq!(late.windowing(), input.windowing());
        assert_eq!((sums.id().port, late.id().port), (0, 1));
        assert_eq!(sums.id().node, late.id().node);
        let (_, late) = input.group_by_key_with_late();
        let graph = p.finish().unwrap();
        assert_eq!(graph.collection(late.id()).tag, "late");
    }
}
