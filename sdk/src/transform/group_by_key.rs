//! `group_by_key`: all values of a key and window.

use crate::element::{Element, Key};
use crate::erase::{Feed, Gather, Grouping};
use crate::graph::{NodeKind, Output};
use crate::pcollection::PCollection;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// Results of a grouping, beside the elements of its input that were dropped as late.
pub type WithLate<R, T> = (PCollection<R>, PCollection<T>);

struct Lists<K, V>(PhantomData<fn() -> (K, V)>);
struct Append;

impl<K: Key, V: Element> Gather for Lists<K, V> {
    type Key = K;
    type Acc = Vec<V>;
    type Out = (K, Vec<V>);
    fn create(&self) -> Vec<V> {
        Vec::new()
    }
    fn merge(&self, into: &mut Vec<V>, mut from: Vec<V>) {
        into.append(&mut from);
    }
    fn emit(&self, key: K, acc: Vec<V>, emit: &mut impl FnMut((K, Vec<V>))) {
        emit((key, acc));
    }
}

impl<K: Key, V: Element> Feed<Lists<K, V>> for Append {
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
    fn add(&self, _: &Lists<K, V>, acc: &mut Vec<V>, value: V) {
        acc.push(value);
    }
}

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// All values of each key and window, in no particular order.
    #[track_caller]
    pub fn group_by_key(self) -> PCollection<(K, Vec<V>)>
    where
        K: Key,
    {
        let grouping = Grouping::new(Lists(PhantomData), false).feed(Append);
        self.grouped("GroupByKey", Location::caller(), grouping)
    }

    /// As [`group_by_key`](PCollection::group_by_key), beside the elements that were dropped
    /// because their window had expired. Only where a watermark passes windows before the input ends
    /// can there be any: files hold theirs to their end, so that nothing in them is late.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    /// use whitebeam_sdk::time::{Duration, minutes};
    /// use whitebeam_sdk::window::FixedWindows;
    ///
    /// let p = Pipeline::new();
    /// let (_grouped, _late) = p
    ///     .create([("tea".to_string(), 250)])
    ///     .window(FixedWindows::of(minutes(1)).allowed_lateness(Duration::ZERO))
    ///     .group_by_key_with_late();
    /// ```
    #[track_caller]
    pub fn group_by_key_with_late(self) -> WithLate<(K, Vec<V>), (K, V)>
    where
        K: Key,
    {
        let grouping = Grouping::new(Lists(PhantomData), false).feed(Append);
        self.grouped_with_late("GroupByKey", Location::caller(), grouping)
    }

    /// Adds a grouping node with this one input and a second output, which the runner fills with
    /// the elements of the input that it drops as late. (Output 1 + i belongs to input i.)
    pub(crate) fn grouped_with_late<G: Gather>(
        self,
        name: &'static str,
        location: &'static Location<'static>,
        grouping: Grouping<G>,
    ) -> WithLate<G::Out, (K, V)> {
        let windowing = self.windowing();
        let outputs = vec![
            Output::of::<G::Out>().windowing(windowing.after_grouping()),
            Output::of::<(K, V)>().windowing(windowing).tag("late"),
        ];
        let node = self.add(name, location, NodeKind::Group(Arc::new(grouping)), outputs);
        let p = self.pipeline();
        (PCollection::at(p, node, 0), PCollection::at(p, node, 1))
    }
}

impl<T: Element> PCollection<T> {
    /// Adds a grouping node with this one input.
    pub(crate) fn grouped<G: Gather>(
        self,
        name: &'static str,
        location: &'static Location<'static>,
        grouping: Grouping<G>,
    ) -> PCollection<G::Out> {
        let windowing = self.windowing().after_grouping();
        let outputs = vec![Output::of::<G::Out>().windowing(windowing)];
        let node = self.add(name, location, NodeKind::Group(Arc::new(grouping)), outputs);
        PCollection::at(self.pipeline(), node, 0)
    }
}
