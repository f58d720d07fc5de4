//! `combine_globally`: all values of a window folded by a [`CombineFn`].
//!
//! Owns the grouping by the one key `()`, and how an empty input comes to a result: a second input
//! carries one element without a value.

use crate::combine::CombineFn;
use crate::element::Element;
use crate::erase::{Feed, Gather, Grouping};
use crate::graph::{Code, NewNode, NodeKind, Output, Place, Problem};
use crate::pcollection::PCollection;
use crate::source::{MemorySource, Stamped};
use crate::time::Timestamp;
use crate::trigger::Trigger;
use crate::window::{TimestampCombiner, WindowFn, WindowingStrategy};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// Everything of a window under the one key `()`.
struct PerWindow<V, C>(C, PhantomData<fn() -> V>);
struct AddValue;
/// Adds nothing, so that the key is there even if no value is.
struct Touch;

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

impl<V: Element, C: CombineFn<V>> Feed<PerWindow<V, C>> for AddValue {
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

impl<V: Element, C: CombineFn<V>> Feed<PerWindow<V, C>> for Touch {
    type Item = ();
    type Value = ();
    fn key(item: &()) -> &() {
        item
    }
    fn split((): ()) -> ((), ()) {
        ((), ())
    }
    fn add(&self, _: &PerWindow<V, C>, _: &mut C::Acc, (): ()) {}
}

fn per_window<V: Element, C: CombineFn<V>>(combiner: C) -> Grouping<PerWindow<V, C>> {
    let class = combiner.class();
    Grouping::new(PerWindow(combiner, PhantomData), true)
        .feed(AddValue)
        .class(class)
}

impl<T: Element> PCollection<T> {
    /// One folded result per window.
    ///
    /// In the global window under the default trigger, an empty input gives the result of no
    /// values. In windows that end there would be infinitely many such results: there, only
    /// [`combine_globally_without_defaults`](PCollection::combine_globally_without_defaults) can
    /// be meant.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    /// use whitebeam_sdk::combine::Mean;
    ///
    /// let p = Pipeline::new();
    /// let _mean = p.create([3, 4]).combine_globally(Mean);
    /// ```
    #[track_caller]
    pub fn combine_globally<C: CombineFn<T>>(self, combiner: C) -> PCollection<C::Output> {
        self.combined_globally("CombineGlobally", Location::caller(), combiner)
    }

    /// One folded result per window that has elements.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    /// use whitebeam_sdk::combine::Sum;
    /// use whitebeam_sdk::time::minutes;
    /// use whitebeam_sdk::window::FixedWindows;
    ///
    /// # fn main() -> whitebeam_sdk::Result<()> {
    /// let p = Pipeline::new();
    /// let _total = p
    ///     .create([3_i64, 4])
    ///     .window(FixedWindows::of(minutes(1)))
    ///     .combine_globally_without_defaults(Sum);
    /// p.finish()?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn combine_globally_without_defaults<C: CombineFn<T>>(
        self,
        combiner: C,
    ) -> PCollection<C::Output> {
        self.grouped("CombineGlobally", Location::caller(), per_window(combiner))
    }

    pub(super) fn combined_globally<C: CombineFn<T>>(
        self,
        name: &str,
        location: &'static Location<'static>,
        combiner: C,
    ) -> PCollection<C::Output> {
        self.compose(name, location, |input| {
            let windowing = input.windowing();
            let mut inputs = vec![input.handle()];
            let mut grouping = per_window(combiner);
            if windowing.window_fn == WindowFn::Global && windowing.trigger == Trigger::Default {
                inputs.push(touch(&input, &windowing, location).handle());
                grouping = grouping.feed(Touch);
            }
            let pipeline = input.pipeline();
            let node = NewNode {
                name: "Combine",
                location,
                kind: NodeKind::Group(Arc::new(grouping)),
                inputs: Vec::new(),
                outputs: vec![Output::of::<C::Output>().windowing(windowing.after_grouping())],
            };
            let node = pipeline.add_joined(node, &inputs);
            if windowing.window_fn != WindowFn::Global {
                let message = format!("there is no default result in {}", windowing.window_fn);
                let problem = Problem::new(Code::DefaultsInWindows, Place::Node(node), message)
                    .note("There are infinitely many windows without elements.")
                    .help("combine only what there is   .combine_globally_without_defaults(..)");
                pipeline.builder().problem(problem);
            }
            PCollection::at(pipeline, node, 0)
        })
    }
}

/// One element that carries no value: it makes the key exist. Its instant is one that the
/// timestamp combiner ignores beside any other.
fn touch<T: Element>(
    beside: &PCollection<T>,
    windowing: &WindowingStrategy,
    location: &'static Location<'static>,
) -> PCollection<()> {
    let at = match windowing.timestamp_combiner {
        TimestampCombiner::EndOfWindow | TimestampCombiner::Latest => Timestamp::MIN,
        TimestampCombiner::Earliest => Timestamp::END_OF_GLOBAL_WINDOW,
    };
    let source = MemorySource::with_timing(Arc::new(vec![()]), Stamped(Arc::new(vec![at])));
    beside.pipeline().source("Default", location, source)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use crate::Pipeline;
    use crate::batch::Batch;
    use crate::combine::{Count, Sum, Top};
    use crate::erase::drive;
    use crate::time::{minutes, seconds};
    use crate::window::{FixedWindows, GlobalWindows};

    #[test]
    fn an_empty_input_has_a_default_in_the_global_window_only() {
        let p = Pipeline::new();
        let none = || Box::new(Batch::<i64>::default());
        let touch = || Box::new(Batch::of(vec![()]));
        let total = p.create(Vec::<i64>::new()).combine_globally(Sum);
        assert_eq!(drive::group(&total, vec![none(), touch()]), [0]);
        let values = Box::new(Batch::of(vec![3_i64, 4]));
        assert_eq!(drive::group(&total, vec![values, touch()]), [7]);
        let count = p
            .create(Vec::<i64>::new())
            .combine_globally_without_defaults(Count);
        assert_eq!(drive::group(&count, vec![none()]), Vec::<u64>::new());
        p.finish().unwrap();
    }

    #[test]
    fn defaults_are_refused_in_windows_that_end() {
        let p = Pipeline::new();
        let windows = p.create([1_i64]).window(FixedWindows::of(minutes(1)));
        let _fine = windows.clone().combine_globally_without_defaults(Sum);
        let _bad = windows.combine_globally(Top::largest(2)).named("Best");
        let error = p.finish().unwrap_err();
        assert_eq!(error.code(), "P011");
        assert_eq!(error.step(), Some("Best/Combine"));
        assert!(error.related().is_empty());
    }

    #[test]
    fn the_default_does_not_disturb_the_windowing() {
        let p = Pipeline::new();
        let input = p.create([1_i64]).window(
            GlobalWindows::new()
                .allowed_lateness(seconds(1))
                .discarding(),
        );
        let total = input.clone().combine_globally(Sum);
        assert_eq!(total.windowing(), input.windowing().after_grouping());
    }
}
