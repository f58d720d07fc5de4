//! `map_with` and `reify`: elements together with timestamp, window and pane.
//!
//! Owns the step that shows a user function what an element carries. An element in several windows
//! is seen once in each.

use crate::at::At;
use crate::batch::fill_from;
use crate::element::Element;
use crate::erase::{ErasedBatch, Flow, MakeStep, Observes, Outs, Port, Step, StepContext, typed};
use crate::error::Result;
use crate::pane::PaneInfo;
use crate::pcollection::PCollection;
use crate::time::Timestamp;
use crate::window::{Window, WindowFn};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// A value with all that it carries, as plain data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reified<T> {
    /// The value.
    pub value: T,
    /// Its event time.
    pub timestamp: Timestamp,
    /// Its window.
    pub window: Window,
    /// The firing that it came from.
    pub pane: PaneInfo,
}

impl<T: Element> PCollection<T> {
    /// `f(x, at)` for every element, `at` being its timestamp, window and pane.
    ///
    /// ```
    /// use whitebeam_sdk::time::minutes;
    /// use whitebeam_sdk::window::FixedWindows;
    /// use whitebeam_sdk::{Pipeline, Timestamp};
    ///
    /// let p = Pipeline::new();
    /// let _minutes = p
    ///     .create_timestamped([(5_i64, Timestamp::from_secs(30))])
    ///     .window(FixedWindows::of(minutes(1)))
    ///     .map_with(|cents, at| (at.window().start(), cents));
    /// ```
    #[track_caller]
    pub fn map_with<U: Element, F>(self, f: F) -> PCollection<U>
    where
        F: Fn(T, At) -> U + Send + Sync + 'static,
    {
        self.seen("MapWith", f, Location::caller())
    }

    /// Every element with its timestamp, window and pane as values.
    #[track_caller]
    pub fn reify(self) -> PCollection<Reified<T>> {
        let reify = |value, at: At| Reified {
            value,
            timestamp: at.timestamp(),
            window: at.window(),
            pane: at.pane(),
        };
        self.seen("Reify", reify, Location::caller())
    }

    fn seen<U: Element, F>(
        self,
        name: &'static str,
        f: F,
        location: &'static Location<'static>,
    ) -> PCollection<U>
    where
        F: Fn(T, At) -> U + Send + Sync + 'static,
    {
        let make = MakeMapWith {
            f: Arc::new(f),
            types: PhantomData::<fn(T) -> U>,
        };
        self.step(name, location, make)
    }
}

struct MakeMapWith<T, U, F> {
    f: Arc<F>,
    types: PhantomData<fn(T) -> U>,
}

impl<T: Element, U: Element, F> MakeStep for MakeMapWith<T, U, F>
where
    F: Fn(T, At) -> U + Send + Sync + 'static,
{
    fn make(&self, cx: &StepContext) -> Result<Box<dyn Step>> {
        Ok(Box::new(MapWith::<T, U, F> {
            f: Arc::clone(&self.f),
            window_fn: cx.windowing.window_fn,
            types: PhantomData,
        }))
    }
    fn observes(&self) -> Observes {
        Observes {
            timestamps: true,
            windows: true,
            replaces_timestamps: false,
        }
    }
}

struct MapWith<T, U, F> {
    f: Arc<F>,
    window_fn: WindowFn,
    types: PhantomData<fn(T) -> U>,
}

impl<T: Element, U: Element, F> Step for MapWith<T, U, F>
where
    F: Fn(T, At) -> U + Send + Sync + 'static,
{
    fn process(
        &mut self,
        _: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        let input = typed::<T>(input);
        let out = typed::<U>(out.port(0));
        input.store_windows(self.window_fn);
        let (f, meta) = (&*self.f, &input.meta);
        let values = match &mut input.vals {
            crate::batch::Vals::Owned(v) => std::mem::take(v),
            shared => shared.as_slice().to_vec(),
        };
        fill_from(out.owned_mut(), values.len(), |fill| {
            for (i, x) in values.into_iter().enumerate() {
                fill.push(f(x, meta.at(i)));
            }
        });
        std::mem::swap(&mut out.meta, &mut input.meta);
        input.clear();
        Ok(Flow::Done)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::Pipeline;
    use crate::batch::Batch;
    use crate::erase::drive;
    use crate::time::{Demand, micros};
    use crate::window::SlidingWindows;

    #[test]
    fn an_element_is_seen_once_in_each_of_its_windows() {
        let p = Pipeline::new();
        let c = p
            .create([1_i64])
            .window(SlidingWindows::of(micros(10)).every(micros(5)))
            .map_with(|x, at| (x, at.window().start().micros(), at.timestamp().micros()));
        let at = Timestamp::from_micros;
        for shared in [false, true] {
            let mut input = Batch::of(vec![70_i64, 20]);
            input.meta.set_timestamps(vec![at(7), at(2)], Demand::Exact);
            input.meta.implied = true;
            if shared {
                input.share();
            }
            let out = drive::run(&c, Demand::Exact, input).unwrap();
            let expected = [(70, 5, 7), (70, 0, 7), (20, 0, 2), (20, -5, 2)];
            assert_eq!(out.values(), expected);
            for (i, (_, start, t)) in expected.iter().enumerate() {
                let seen = out.meta.at(i);
                assert_eq!(seen.window().start(), at(*start));
                assert_eq!(seen.timestamp(), at(*t));
            }
        }
    }

    #[test]
    fn reified_elements_carry_their_pane() {
        let p = Pipeline::new();
        let c = p.create(["a".to_string()]).reify();
        let mut input = Batch::of(vec!["a".to_string()]);
        input.meta.panes = crate::batch::Col::Uniform(PaneInfo::ON_TIME_AND_ONLY);
        let out = drive::run(&c, Demand::Exact, input).unwrap();
        assert_eq!(out.values()[0].pane, PaneInfo::ON_TIME_AND_ONLY);
        assert_eq!(out.values()[0].window, Window::GLOBAL);
        assert_eq!(out.values()[0].timestamp, Timestamp::MIN);
    }
}
