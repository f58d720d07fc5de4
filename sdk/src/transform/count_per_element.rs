//! `count_per_element`: how often each element occurs.
//!
//! Owns the grouping by the element itself, so that no step has to pair elements with anything.

use crate::element::{Element, Key};
use crate::erase::{Feed, Gather, Grouping};
use crate::pcollection::PCollection;
use std::marker::PhantomData;
use std::panic::Location;

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
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    ///
    /// let p = Pipeline::new();
    /// let words = p.create(["tea", "cup", "tea"].map(String::from));
    /// let _counts = words.count_per_element();
    /// ```
    #[track_caller]
    pub fn count_per_element(self) -> PCollection<(K, u64)>
    where
        K: Key,
    {
        let grouping = Grouping::new(PerElement(PhantomData), true).feed(CountOne);
        self.grouped("CountPerElement", Location::caller(), grouping)
    }
}

#[cfg(test)]
mod tests {
    use crate::Pipeline;
    use crate::batch::Batch;
    use crate::erase::drive;

    #[test]
    fn elements_are_counted_by_themselves() {
        let p = Pipeline::new();
        let words = || ["tea", "cup", "tea"].map(String::from).to_vec();
        let counts = p.create(words()).count_per_element();
        let mut counts = drive::group(&counts, vec![Box::new(Batch::of(words()))]);
        counts.sort_unstable();
        assert_eq!(counts, [("cup".to_string(), 1), ("tea".to_string(), 2)]);
    }
}
