//! `with_timestamps`: event times taken from the elements.
//!
//! Owns the step that restamps whole batches. It changes no window: windows that followed from the
//! old timestamps are stored first.

use crate::element::Element;
use crate::erase::{ErasedBatch, Flow, MakeStep, Observes, Outs, Port, Step, StepContext, typed};
use crate::error::{Error, Result};
use crate::pcollection::PCollection;
use crate::time::{Demand, Duration, Timestamp};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

impl<T: Element> PCollection<T> {
    /// Gives every element the event time `f(&x)`. Windows stay as they are: window afterwards.
    ///
    /// Moving an element back in time is an error, since it could become late unseen; see
    /// [`with_timestamps_skewed`](PCollection::with_timestamps_skewed).
    ///
    /// ```
    /// use whitebeam_sdk::{Pipeline, Timestamp};
    ///
    /// let p = Pipeline::new();
    /// let _orders = p
    ///     .create([("tea", 10), ("cup", 20)].map(|(what, at)| (what.to_string(), at)))
    ///     .with_timestamps(|(_, at)| Timestamp::from_secs(*at));
    /// ```
    #[track_caller]
    pub fn with_timestamps<F>(self, f: F) -> PCollection<T>
    where
        F: Fn(&T) -> Timestamp + Send + Sync + 'static,
    {
        self.restamped(f, Duration::ZERO, Location::caller())
    }

    /// As [`with_timestamps`](PCollection::with_timestamps); elements may move back by up to
    /// `skew`, and those behind the watermark are then late.
    #[track_caller]
    pub fn with_timestamps_skewed<F>(self, f: F, skew: Duration) -> PCollection<T>
    where
        F: Fn(&T) -> Timestamp + Send + Sync + 'static,
    {
        self.restamped(f, skew, Location::caller())
    }

    fn restamped<F>(self, f: F, skew: Duration, location: &'static Location<'static>) -> Self
    where
        F: Fn(&T) -> Timestamp + Send + Sync + 'static,
    {
        let make = MakeRestamp {
            time: Arc::new(f),
            skew,
            types: PhantomData::<fn(T)>,
        };
        self.step("WithTimestamps", location, make)
    }
}

struct MakeRestamp<T, F> {
    time: Arc<F>,
    skew: Duration,
    types: PhantomData<fn(T)>,
}

impl<T: Element, F: Fn(&T) -> Timestamp + Send + Sync + 'static> MakeStep for MakeRestamp<T, F> {
    fn make(&self, cx: &StepContext) -> Result<Box<dyn Step>> {
        Ok(Box::new(Restamp::<T, F> {
            time: Arc::clone(&self.time),
            skew: self.skew,
            cx: cx.clone(),
            types: PhantomData,
        }))
    }
    fn observes(&self) -> Observes {
        Observes {
            timestamps: true,
            windows: true,
            replaces_timestamps: true,
        }
    }
}

struct Restamp<T, F> {
    time: Arc<F>,
    skew: Duration,
    cx: StepContext,
    types: PhantomData<fn(T)>,
}

impl<T: Element, F: Fn(&T) -> Timestamp + Send + Sync + 'static> Step for Restamp<T, F> {
    fn process(
        &mut self,
        _: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        let batch = typed::<T>(input);
        if self.cx.demand != Demand::None && !batch.is_empty() {
            batch.store_windows(self.cx.windowing.window_fn);
            let times: Vec<_> = batch.values().iter().map(|x| (self.time)(x)).collect();
            for (i, &new) in times.iter().enumerate() {
                self.check(batch.meta.ts.get(i), new)?;
            }
            if !times.is_empty() {
                batch.meta.set_timestamps(times, self.cx.demand);
            }
        }
        input.swap(out.port(0));
        Ok(Flow::Done)
    }
}

impl<T, F> Restamp<T, F> {
    #[inline]
    fn check(&self, old: Timestamp, new: Timestamp) -> Result<()> {
        if old - self.skew <= new && new < Timestamp::MAX {
            return Ok(());
        }
        Err(bad_timestamp(&self.cx.path, old, new, self.skew))
    }
}

/// The error of a timestamp that an output may not have.
#[cold]
pub(crate) fn bad_timestamp(step: &str, old: Timestamp, new: Timestamp, skew: Duration) -> Error {
    let what = if new < Timestamp::MAX {
        format!("an element at {old} was moved back to {new}")
    } else {
        "an element was moved to the end of time".to_string()
    };
    Error::user_code(what)
        .at_step(step)
        .note(format!("It may move back by {skew} here: the watermark may have passed {new}, and the element would be late."))
        .help("give sources event times: .event_time(..)")
        .help("or allow it: .with_timestamps_skewed(.., skew), or `allowed_skew` of the DoFn")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::Pipeline;
    use crate::batch::{Batch, Col};
    use crate::erase::drive;
    use crate::time::{Grid, micros};
    use crate::window::{FixedWindows, Window};

    fn at(t: i64) -> Timestamp {
        Timestamp::from_micros(t)
    }

    fn restamp(input: Batch<i64>, demand: Demand, skew: i64) -> Result<Batch<i64>> {
        let p = Pipeline::new();
        let c = p
            .create([1_i64])
            .window(FixedWindows::of(micros(10)))
            .with_timestamps_skewed(|t| at(*t), micros(skew));
        drive::run(&c, demand, input)
    }

    fn implied(values: Vec<i64>, ts: i64) -> Batch<i64> {
        let mut batch = Batch::of(values);
        batch.meta.set_timestamp(at(ts));
        batch.meta.implied = true;
        batch
    }

    #[test]
    fn timestamps_are_as_exact_as_somebody_looks() {
        let grid = Demand::Grid(Grid::new(micros(100), micros(0)));
        let each = |times: &[i64]| Col::Each(times.iter().map(|t| at(*t)).collect());
        let cases = [
            (Demand::None, Col::Uniform(at(4))),
            (grid, Col::Uniform(at(12))),
            (Demand::Exact, each(&[14, 12, 77])),
        ];
        for (demand, expected) in cases {
            let out = restamp(implied(vec![14, 12, 77], 4), demand, 0).unwrap();
            assert_eq!(out.values(), [14, 12, 77]);
            assert_eq!(out.meta.ts, expected, "{demand:?}");
        }
    }

    #[test]
    fn windows_are_those_of_the_old_timestamps() {
        let out = restamp(implied(vec![14, 31], 4), Demand::Exact, 0).unwrap();
        assert!(!out.meta.implied);
        let old = Window::new(at(0), at(10));
        assert_eq!(out.meta.windows, Col::Uniform(old));
    }

    #[test]
    fn moving_back_further_than_the_skew_is_an_error() {
        for (skew, fails) in [(0, true), (1, true), (2, false)] {
            let moved = restamp(implied(vec![7, 2], 4), Demand::Exact, skew);
            assert_eq!(moved.is_err(), fails, "skew {skew}");
        }
        let shown = restamp(implied(vec![i64::MAX], 4), Demand::Exact, 0)
            .unwrap_err()
            .to_string();
        assert!(shown.contains("end of time"), "{shown}");
        assert!(shown.contains("WithTimestamps"), "{shown}");
    }
}
