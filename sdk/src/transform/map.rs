//! `map`, `map_ref`, `filter`, `filter_map` and `flat_map`: one element at a time.

use crate::element::Element;
use crate::erase::{Elementwise, Filter, FilterMap, FlatMap, Map, MapRef};
use crate::pcollection::PCollection;
use std::panic::Location;

impl<T: Element> PCollection<T> {
    /// `f(x)` for every element. A panic of `f` fails the run, as an error that names the step; for
    /// elements that may be refused one by one there is [`try_map`](PCollection::try_map).
    #[track_caller]
    pub fn map<U: Element, F>(self, f: F) -> PCollection<U>
    where
        F: Fn(T) -> U + Send + Sync + 'static,
    {
        self.step("Map", Location::caller(), Elementwise::<T, _>::new(Map(f)))
    }

    /// `f(&x)` for every element, without cloning elements that others read too.
    #[track_caller]
    pub fn map_ref<U: Element, F>(self, f: F) -> PCollection<U>
    where
        F: Fn(&T) -> U + Send + Sync + 'static,
    {
        self.step(
            "Map",
            Location::caller(),
            Elementwise::<T, _>::new(MapRef(f)),
        )
    }

    /// Keeps elements for which `f(&x)` holds.
    #[track_caller]
    pub fn filter<F>(self, f: F) -> PCollection<T>
    where
        F: Fn(&T) -> bool + Send + Sync + 'static,
    {
        self.step(
            "Filter",
            Location::caller(),
            Elementwise::<T, _>::new(Filter(f)),
        )
    }

    /// `f(x)` where it is `Some`.
    #[track_caller]
    pub fn filter_map<U: Element, F>(self, f: F) -> PCollection<U>
    where
        F: Fn(T) -> Option<U> + Send + Sync + 'static,
    {
        self.step(
            "FilterMap",
            Location::caller(),
            Elementwise::<T, _>::new(FilterMap(f)),
        )
    }

    /// All of `f(x)` for every element. What it yields may not borrow from `x`; collect it first.
    ///
    /// ```
    /// use whitebeam_sdk::{Line, Pipeline};
    ///
    /// let p = Pipeline::new();
    /// let lines = p.create(["to be or not".to_string()]);
    /// let _words = lines.flat_map(|line| {
    ///     line.split_whitespace().map(str::to_string).collect::<Vec<_>>()
    /// });
    /// let lines = p.create([Line::from("to be or not")]);
    /// let _words = lines.flat_map(|line| line.words().collect::<Vec<_>>());
    /// ```
    #[track_caller]
    pub fn flat_map<I, F>(self, f: F) -> PCollection<I::Item>
    where
        I: IntoIterator + 'static,
        I::Item: Element,
        F: Fn(T) -> I + Send + Sync + 'static,
    {
        self.step(
            "FlatMap",
            Location::caller(),
            Elementwise::<T, _>::new(FlatMap(f)),
        )
    }
}
