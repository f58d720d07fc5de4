//! `co_group_by_key`: the values of a key from two to four collections, side by side.
//!
//! Owns the groupings of several inputs. The joins have a file of their own.

use super::few::Few;
use super::flatten::joined_windowing;
use crate::element::{Element, Key};
use crate::erase::{Feed, Gather, Grouping};
use crate::graph::{NewNode, NodeKind, Output};
use crate::pcollection::{Handle, PCollection};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// Two to four collections of pairs with one type of key.
pub trait CoGroupByKey {
    /// The key beside one list per collection.
    type Grouped: Element;

    /// All values of each key and window, one list per collection; a list may be empty.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    /// use whitebeam_sdk::transform::CoGroupByKey;
    ///
    /// let p = Pipeline::new();
    /// let orders = p.create([(1, "tea".to_string())]);
    /// let payments = p.create([(1, 250_i64)]);
    /// let _unpaid = (orders, payments)
    ///     .co_group_by_key()
    ///     .filter(|(_, (orders, payments))| orders.len() > payments.len());
    /// ```
    #[track_caller]
    fn co_group_by_key(self) -> PCollection<Self::Grouped>;
}

/// Feeds input `N` of a co-grouping.
struct Input<const N: usize>;

macro_rules! co_group {
    ($gather:ident, $($v:ident $at:tt $name:ident),+) => {
        struct $gather<K, $($v),+>(PhantomData<fn() -> (K, $($v),+)>);

        impl<K: Key, $($v: Element),+> Gather for $gather<K, $($v),+> {
            type Key = K;
            type Acc = ($(Few<$v>,)+);
            type Out = (K, ($(Vec<$v>,)+));
            fn create(&self) -> Self::Acc {
                ($(Few::<$v>::None,)+)
            }
            fn merge(&self, into: &mut Self::Acc, from: Self::Acc) {
                $(into.$at.append(from.$at);)+
            }
            fn emit(&self, key: K, acc: Self::Acc, emit: &mut impl FnMut(Self::Out)) {
                emit((key, ($(acc.$at.into_vec(),)+)));
            }
        }

        co_group!(@feeds $gather [$($v)+] $($v $at)+);

        impl<K: Key, $($v: Element),+> CoGroupByKey for ($(PCollection<(K, $v)>,)+) {
            type Grouped = (K, ($(Vec<$v>,)+));
            #[track_caller]
            fn co_group_by_key(self) -> PCollection<Self::Grouped> {
                let ($($name,)+) = self;
                let grouping = Grouping::new($gather::<K, $($v),+>(PhantomData), false)
                    $(.feed(Input::<$at>))+;
                grouped_together(
                    "CoGroupByKey",
                    Location::caller(),
                    grouping,
                    &[$($name.handle()),+],
                )
            }
        }
    };
    (@feeds $gather:ident [$($all:ident)+]) => {};
    (@feeds $gather:ident [$($all:ident)+] $v:ident $at:tt $($rest:tt)*) => {
        impl<K: Key, $($all: Element),+> Feed<$gather<K, $($all),+>> for Input<$at> {
            type Item = (K, $v);
            type Value = $v;
            #[inline(always)]
            fn key(item: &(K, $v)) -> &K {
                &item.0
            }
            #[inline(always)]
            fn split(item: (K, $v)) -> (K, $v) {
                item
            }
            #[inline(always)]
            fn add(&self, _: &$gather<K, $($all),+>, acc: &mut ($(Few<$all>,)+), value: $v) {
                acc.$at.push(value);
            }
        }
        co_group!(@feeds $gather [$($all)+] $($rest)*);
    };
}

co_group!(Two, A 0 a, B 1 b);
co_group!(Three, A 0 a, B 1 b, C 2 c);
co_group!(Four, A 0 a, B 1 b, C 2 c, D 3 d);

/// Adds a grouping node with several inputs, one per feed.
pub(super) fn grouped_together<G: Gather>(
    name: &'static str,
    location: &'static Location<'static>,
    grouping: Grouping<G>,
    inputs: &[Handle],
) -> PCollection<G::Out> {
    let windowing = joined_windowing(inputs).after_grouping();
    let pipeline = &inputs[0].pipeline;
    let node = NewNode {
        name,
        location,
        kind: NodeKind::Group(Arc::new(grouping)),
        inputs: Vec::new(),
        outputs: vec![Output::of::<G::Out>().windowing(windowing)],
    };
    let node = pipeline.add_joined(node, inputs);
    PCollection::at(pipeline, node, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pipeline;
    use crate::batch::Batch;
    use crate::erase::{ErasedBatch, drive};

    fn batch<V: Element>(values: Vec<(u8, V)>) -> Box<dyn ErasedBatch> {
        Box::new(Batch::of(values))
    }

    #[test]
    fn every_collection_has_its_list() {
        let p = Pipeline::new();
        let a = p.create([(1_u8, 'a')]);
        let b = p.create([(1_u8, 5_i64)]);
        let names = || vec![(1, 'x'), (2, 'y'), (1, 'z')];
        let numbers = || vec![(1, 10_i64), (3, 30)];
        let two = (a.clone(), b.clone()).co_group_by_key();
        let mut out = drive::group(&two, vec![batch(names()), batch(numbers())]);
        out.sort();
        let expected = [
            (1, (vec!['x', 'z'], vec![10])),
            (2, (vec!['y'], vec![])),
            (3, (vec![], vec![30])),
        ];
        assert_eq!(out, expected);
        let four = (a.clone(), b.clone(), a.clone(), b.clone()).co_group_by_key();
        let inputs = vec![
            batch(names()),
            batch(numbers()),
            batch(vec![(3_u8, 'q')]),
            batch(vec![(9_u8, 9_i64)]),
        ];
        let mut out = drive::group(&four, inputs);
        out.sort();
        assert_eq!(out.len(), 4);
        assert_eq!(out[2], (3, (vec![], vec![30], vec!['q'], vec![])));
        assert_eq!(out[3], (9, (vec![], vec![], vec![], vec![9])));
        let three = (a, b.clone(), b).co_group_by_key();
        assert_eq!(p.graph().node(three.id().node).inputs.len(), 3);
    }
}
