//! Joins of two keyed collections: inner, left, right and full outer, per window.
//!
//! Owns one grouping whose shape says what comes out where a side is missing. Pairs are emitted
//! straight from the accumulators; nothing is listed first.

use super::co_group_by_key::grouped_together;
use super::few::Few;
use crate::element::{Element, Key};
use crate::erase::{Feed, Gather, Grouping};
use crate::pcollection::PCollection;
use std::marker::PhantomData;
use std::panic::Location;

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// Every pair of values that have the same key and window.
    ///
    /// Both sides need the same windows, or sessions each; anything else is reported by
    /// [`Pipeline::finish`](crate::Pipeline::finish). A join pairs what one pane holds. Where a
    /// window fires more than once, accumulating panes repeat earlier pairs, and discarding panes
    /// never pair values of different panes.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    ///
    /// let p = Pipeline::new();
    /// let orders = p.create([(1, "tea".to_string())]);
    /// let payments = p.create([(1, 250_i64)]);
    /// let _paid = orders.inner_join(payments).map(|(_, (what, cents))| (what, cents));
    /// ```
    #[track_caller]
    pub fn inner_join<R: Element>(self, right: PCollection<(K, R)>) -> PCollection<(K, (V, R))>
    where
        K: Key,
    {
        joined::<Inner, _, _, _>("InnerJoin", Location::caller(), self, right)
    }

    /// As [`inner_join`](PCollection::inner_join); values without a partner on the right come with
    /// `None` (Beam's `leftOuterJoin`). In an early pane the partner may only not have come yet.
    #[track_caller]
    pub fn left_join<R: Element>(
        self,
        right: PCollection<(K, R)>,
    ) -> PCollection<(K, (V, Option<R>))>
    where
        K: Key,
    {
        joined::<Left, _, _, _>("LeftJoin", Location::caller(), self, right)
    }

    /// As [`left_join`](PCollection::left_join), the other way round: values of the right without a
    /// partner come with `None`.
    #[track_caller]
    pub fn right_join<R: Element>(
        self,
        right: PCollection<(K, R)>,
    ) -> PCollection<(K, (Option<V>, R))>
    where
        K: Key,
    {
        joined::<Right, _, _, _>("RightJoin", Location::caller(), self, right)
    }

    /// As [`left_join`](PCollection::left_join), for both sides: values of either without a partner
    /// come with `None`.
    #[allow(clippy::type_complexity, reason = "it says what comes out")]
    #[track_caller]
    pub fn full_join<R: Element>(
        self,
        right: PCollection<(K, R)>,
    ) -> PCollection<(K, (Option<V>, Option<R>))>
    where
        K: Key,
    {
        joined::<Full, _, _, _>("FullJoin", Location::caller(), self, right)
    }
}

fn joined<S, K, L, R>(
    name: &'static str,
    location: &'static Location<'static>,
    left: PCollection<(K, L)>,
    right: PCollection<(K, R)>,
) -> PCollection<(K, S::Out)>
where
    S: Shape<L, R>,
    K: Key,
    L: Element,
    R: Element,
{
    let grouping = Grouping::new(Join::<S, K, L, R>(PhantomData), false)
        .feed(OnLeft)
        .feed(OnRight);
    let inputs = [left.into_handle(), right.into_handle()];
    grouped_together(name, location, grouping, &inputs)
}

/// What a join makes of a pair, and of a value without a partner.
trait Shape<L, R>: 'static {
    type Out: Element;
    fn both(left: L, right: R) -> Self::Out;
    fn left_alone(left: L) -> Option<Self::Out>;
    fn right_alone(right: R) -> Option<Self::Out>;
}

struct Inner;
struct Left;
struct Right;
struct Full;

impl<L: Element, R: Element> Shape<L, R> for Inner {
    type Out = (L, R);
    #[inline(always)]
    fn both(left: L, right: R) -> (L, R) {
        (left, right)
    }
    #[inline(always)]
    fn left_alone(_: L) -> Option<(L, R)> {
        None
    }
    #[inline(always)]
    fn right_alone(_: R) -> Option<(L, R)> {
        None
    }
}

impl<L: Element, R: Element> Shape<L, R> for Left {
    type Out = (L, Option<R>);
    #[inline(always)]
    fn both(left: L, right: R) -> Self::Out {
        (left, Some(right))
    }
    #[inline(always)]
    fn left_alone(left: L) -> Option<Self::Out> {
        Some((left, None))
    }
    #[inline(always)]
    fn right_alone(_: R) -> Option<Self::Out> {
        None
    }
}

impl<L: Element, R: Element> Shape<L, R> for Right {
    type Out = (Option<L>, R);
    #[inline(always)]
    fn both(left: L, right: R) -> Self::Out {
        (Some(left), right)
    }
    #[inline(always)]
    fn left_alone(_: L) -> Option<Self::Out> {
        None
    }
    #[inline(always)]
    fn right_alone(right: R) -> Option<Self::Out> {
        Some((None, right))
    }
}

impl<L: Element, R: Element> Shape<L, R> for Full {
    type Out = (Option<L>, Option<R>);
    #[inline(always)]
    fn both(left: L, right: R) -> Self::Out {
        (Some(left), Some(right))
    }
    #[inline(always)]
    fn left_alone(left: L) -> Option<Self::Out> {
        Some((Some(left), None))
    }
    #[inline(always)]
    fn right_alone(right: R) -> Option<Self::Out> {
        Some((None, Some(right)))
    }
}

#[allow(clippy::type_complexity, reason = "it only names its parameters")]
struct Join<S, K, L, R>(PhantomData<fn() -> (S, K, L, R)>);
struct OnLeft;
struct OnRight;

impl<S: Shape<L, R>, K: Key, L: Element, R: Element> Gather for Join<S, K, L, R> {
    type Key = K;
    type Acc = (Few<L>, Few<R>);
    type Out = (K, S::Out);
    #[inline(always)]
    fn create(&self) -> Self::Acc {
        (Few::None, Few::None)
    }
    fn merge(&self, into: &mut Self::Acc, from: Self::Acc) {
        into.0.append(from.0);
        into.1.append(from.1);
    }
    fn emit(&self, key: K, acc: Self::Acc, emit: &mut impl FnMut(Self::Out)) {
        match acc {
            // Nothing needs to be cloned for a single pair.
            (Few::One(left), Few::One(right)) => emit((key, S::both(left, right))),
            several => self.emit_ref(&key, &several, emit),
        }
    }
    fn emit_ref(&self, key: &K, acc: &Self::Acc, emit: &mut impl FnMut(Self::Out)) {
        let (left, right) = (acc.0.as_slice(), acc.1.as_slice());
        let mut alone = |out: Option<S::Out>| {
            if let Some(out) = out {
                emit((key.clone(), out));
            }
        };
        match (left, right) {
            (left, []) => left.iter().for_each(|l| alone(S::left_alone(l.clone()))),
            ([], right) => right.iter().for_each(|r| alone(S::right_alone(r.clone()))),
            (left, right) => {
                for l in left {
                    for r in right {
                        emit((key.clone(), S::both(l.clone(), r.clone())));
                    }
                }
            }
        }
    }
}

impl<S: Shape<L, R>, K: Key, L: Element, R: Element> Feed<Join<S, K, L, R>> for OnLeft {
    type Item = (K, L);
    type Value = L;
    #[inline(always)]
    fn key(item: &(K, L)) -> &K {
        &item.0
    }
    #[inline(always)]
    fn split(item: (K, L)) -> (K, L) {
        item
    }
    #[inline(always)]
    fn add(&self, _: &Join<S, K, L, R>, acc: &mut (Few<L>, Few<R>), value: L) {
        acc.0.push(value);
    }
}

impl<S: Shape<L, R>, K: Key, L: Element, R: Element> Feed<Join<S, K, L, R>> for OnRight {
    type Item = (K, R);
    type Value = R;
    #[inline(always)]
    fn key(item: &(K, R)) -> &K {
        &item.0
    }
    #[inline(always)]
    fn split(item: (K, R)) -> (K, R) {
        item
    }
    #[inline(always)]
    fn add(&self, _: &Join<S, K, L, R>, acc: &mut (Few<L>, Few<R>), value: R) {
        acc.1.push(value);
    }
}

#[cfg(test)]
mod tests {
    use crate::batch::Batch;
    use crate::erase::{ErasedBatch, drive};
    use crate::{PCollection, Pipeline};
    use proptest::prelude::*;

    type Side = Vec<(u8, u16)>;
    type Pairs = Vec<(u8, (Option<u16>, Option<u16>))>;

    fn run<U: crate::Element + Ord>(joined: &PCollection<U>, left: &Side, right: &Side) -> Vec<U> {
        let input = |side: &Side| Box::new(Batch::of(side.clone())) as Box<dyn ErasedBatch>;
        let mut out = drive::group(joined, vec![input(left), input(right)]);
        out.sort();
        out
    }

    proptest! {
        #[test]
        fn joins_are_those_of_nested_loops(
            left in proptest::collection::vec((0_u8..6, 0_u16..4), 0..12),
            right in proptest::collection::vec((0_u8..6, 0_u16..4), 0..12),
        ) {
            let mut pairs = Vec::new();
            let mut left_alone = Vec::new();
            for (k, l) in &left {
                let partners = right.iter().filter(|(key, _)| key == k);
                let found: Vec<_> = partners.map(|(_, r)| (*k, (*l, *r))).collect();
                if found.is_empty() {
                    left_alone.push((*k, *l));
                }
                pairs.extend(found);
            }
            let is_alone = |(k, _): &&(u8, u16)| left.iter().all(|(key, _)| key != k);
            let right_alone: Vec<_> = right.iter().filter(is_alone).copied().collect();

            let p = Pipeline::new();
            let (a, b) = (p.create([(1_u8, 1_u16)]), p.create([(1_u8, 1_u16)]));
            let sorted = |mut all: Pairs| {
                all.sort();
                all
            };
            let both = pairs.iter().map(|(k, (l, r))| (*k, (Some(*l), Some(*r))));
            let lefts = left_alone.iter().map(|(k, l)| (*k, (Some(*l), None)));
            let rights = right_alone.iter().map(|(k, r)| (*k, (None, Some(*r))));

            let inner = run(&a.clone().inner_join(b.clone()), &left, &right);
            let inner = inner.into_iter().map(|(k, (l, r))| (k, (Some(l), Some(r))));
            prop_assert_eq!(sorted(inner.collect()), sorted(both.clone().collect()));

            let outer = run(&a.clone().left_join(b.clone()), &left, &right);
            let outer = outer.into_iter().map(|(k, (l, r))| (k, (Some(l), r)));
            let expected = both.clone().chain(lefts.clone());
            prop_assert_eq!(sorted(outer.collect()), sorted(expected.collect()));

            let outer = run(&a.clone().right_join(b.clone()), &left, &right);
            let outer = outer.into_iter().map(|(k, (l, r))| (k, (l, Some(r))));
            let expected = both.clone().chain(rights.clone());
            prop_assert_eq!(sorted(outer.collect()), sorted(expected.collect()));

            let outer = run(&a.full_join(b), &left, &right);
            prop_assert_eq!(outer, sorted(both.chain(lefts).chain(rights).collect()));
        }
    }
}
