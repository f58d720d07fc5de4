//! `with_keys`, `key_by`, `keys`, `values` and `map_values`: pairs and their halves.

use crate::element::Element;
use crate::erase::{Elementwise, Map};
use crate::pcollection::PCollection;
use std::panic::Location;

impl<T: Element> PCollection<T> {
    /// `(f(&x), x)` for every element.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    ///
    /// let p = Pipeline::new();
    /// let words = p.create(["tea", "cup", "spoon"].map(String::from));
    /// let _by_length = words.with_keys(|w| w.len()).group_by_key();
    /// ```
    #[track_caller]
    pub fn with_keys<K: Element, F>(self, f: F) -> PCollection<(K, T)>
    where
        F: Fn(&T) -> K + Send + Sync + 'static,
    {
        let keyed = Elementwise::<T, _>::new(Map(move |x: T| (f(&x), x)));
        self.step("WithKeys", Location::caller(), keyed)
    }

    /// The same as [`with_keys`](PCollection::with_keys).
    #[track_caller]
    pub fn key_by<K: Element, F>(self, f: F) -> PCollection<(K, T)>
    where
        F: Fn(&T) -> K + Send + Sync + 'static,
    {
        let keyed = Elementwise::<T, _>::new(Map(move |x: T| (f(&x), x)));
        self.step("KeyBy", Location::caller(), keyed)
    }
}

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// The key of every pair.
    #[track_caller]
    pub fn keys(self) -> PCollection<K> {
        let first = Elementwise::<(K, V), _>::new(Map(|(k, _): (K, V)| k));
        self.step("Keys", Location::caller(), first)
    }

    /// The value of every pair.
    #[track_caller]
    pub fn values(self) -> PCollection<V> {
        let second = Elementwise::<(K, V), _>::new(Map(|(_, v): (K, V)| v));
        self.step("Values", Location::caller(), second)
    }

    /// `f(v)` for every value, under the same key.
    #[track_caller]
    pub fn map_values<U: Element, F>(self, f: F) -> PCollection<(K, U)>
    where
        F: Fn(V) -> U + Send + Sync + 'static,
    {
        let mapped = Elementwise::<(K, V), _>::new(Map(move |(k, v): (K, V)| (k, f(v))));
        self.step("MapValues", Location::caller(), mapped)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use crate::Pipeline;
    use crate::batch::Batch;
    use crate::erase::drive;
    use crate::time::Demand;

    #[test]
    fn pairs_are_made_and_taken_apart() {
        let p = Pipeline::new();
        let words = || vec!["tea".to_string(), "spoon".to_string()];
        let keyed = p.create(words()).with_keys(|w| w.len());
        let pairs = drive::run(&keyed, Demand::None, Batch::of(words())).unwrap();
        assert_eq!(pairs.values(), [(3, "tea".into()), (5, "spoon".into())]);
        let keys = drive::run(&keyed.clone().keys(), Demand::None, pairs.clone()).unwrap();
        assert_eq!(keys.values(), [3, 5]);
        let values = drive::run(&keyed.clone().values(), Demand::None, pairs.clone()).unwrap();
        assert_eq!(values.values(), words());
        let loud = keyed.map_values(|w| w.to_uppercase());
        let loud = drive::run(&loud, Demand::None, pairs).unwrap();
        assert_eq!(loud.values(), [(3, "TEA".into()), (5, "SPOON".into())]);
    }
}
