//! `try_map`: user code that may fail, element by element.
//!
//! Owns [`Failure`], the dead-letter element. A failure stops nothing: it is an element of the
//! second output.

use crate::batch::Meta;
use crate::element::Element;
use crate::erase::{ErasedBatch, Flow, MakeStep, Observes, Outs, Port, Step, StepContext, typed};
use crate::error::Result;
use crate::graph::{NodeKind, Output};
use crate::pcollection::PCollection;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// An element that user code refused, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure<T> {
    /// The element.
    pub element: T,
    /// What the user code said.
    pub error: String,
    /// The element's event time.
    pub timestamp: Timestamp,
    /// Path of the step that failed.
    pub step: String,
}

impl<T: Element> PCollection<T> {
    /// `f(&x)` where it is `Ok`, beside a collection of the elements for which it is not.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    ///
    /// let p = Pipeline::new();
    /// let (_numbers, _refused) = p
    ///     .create(["12".to_string(), "tea".to_string()])
    ///     .try_map(|text| text.parse::<i64>());
    /// ```
    #[track_caller]
    pub fn try_map<U: Element, E: Display + 'static, F>(
        self,
        f: F,
    ) -> (PCollection<U>, PCollection<Failure<T>>)
    where
        F: Fn(&T) -> Result<U, E> + Send + Sync + 'static,
    {
        let make = MakeTryMap {
            f: Arc::new(f),
            types: PhantomData::<fn(T) -> Result<U, E>>,
        };
        let outputs = vec![
            Output::of::<U>(),
            Output::of::<Failure<T>>().tag("failures"),
        ];
        let kind = NodeKind::Step(Arc::new(make));
        let node = self.add("TryMap", Location::caller(), kind, outputs);
        let p = self.pipeline();
        (PCollection::at(p, node, 0), PCollection::at(p, node, 1))
    }
}

struct MakeTryMap<T, U, E, F> {
    f: Arc<F>,
    types: PhantomData<fn(T) -> Result<U, E>>,
}

impl<T: Element, U: Element, E: Display + 'static, F> MakeStep for MakeTryMap<T, U, E, F>
where
    F: Fn(&T) -> Result<U, E> + Send + Sync + 'static,
{
    fn make(&self, cx: &StepContext) -> Result<Box<dyn Step>> {
        Ok(Box::new(TryMap::<T, U, E, F> {
            f: Arc::clone(&self.f),
            path: cx.path.clone(),
            good: Vec::new(),
            bad: Vec::new(),
            types: PhantomData,
        }))
    }
    fn observes(&self) -> Observes {
        Observes {
            timestamps: true,
            ..Observes::default()
        }
    }
}

struct TryMap<T, U, E, F> {
    f: Arc<F>,
    path: String,
    good: Vec<u32>,
    bad: Vec<u32>,
    types: PhantomData<fn(T) -> Result<U, E>>,
}

impl<T: Element, U: Element, E: Display + 'static, F> Step for TryMap<T, U, E, F>
where
    F: Fn(&T) -> Result<U, E> + Send + Sync + 'static,
{
    fn process(
        &mut self,
        _: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        let input = typed::<T>(input);
        self.good.clear();
        self.bad.clear();
        let mut failures = Vec::new();
        let results = typed::<U>(out.port(0));
        let values = results.owned_mut();
        values.reserve(input.len());
        for (i, x) in input.values().iter().enumerate() {
            match (self.f)(x) {
                Ok(value) => {
                    self.good.push(i as u32);
                    values.push(value);
                }
                Err(error) => {
                    self.bad.push(i as u32);
                    failures.push(Failure {
                        element: x.clone(),
                        error: error.to_string(),
                        timestamp: input.timestamp(i),
                        step: self.path.clone(),
                    });
                }
            }
        }
        gather(&mut results.meta, &input.meta, &self.good);
        let refused = typed::<Failure<T>>(out.port(1));
        *refused.owned_mut() = failures;
        gather(&mut refused.meta, &input.meta, &self.bad);
        input.clear();
        Ok(Flow::Done)
    }
}

/// Metadata of a routed part; nothing for no rows, since an empty batch says nothing.
pub(super) fn gather(to: &mut Meta, from: &Meta, rows: &[u32]) {
    if !rows.is_empty() {
        to.gather(from, rows);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::Pipeline;
    use crate::batch::Batch;
    use crate::erase::drive;
    use crate::time::Demand;

    #[test]
    fn what_fails_comes_out_beside_what_succeeds() {
        let p = Pipeline::new();
        let (good, bad) = p
            .create([String::new()])
            .try_map(|text| text.parse::<i64>());
        let at = Timestamp::from_micros;
        let mut input = Batch::of(["1", "x", "3"].map(String::from).to_vec());
        input
            .meta
            .set_timestamps(vec![at(10), at(20), at(30)], Demand::Exact);
        let numbers = drive::run(&good, Demand::Exact, input.clone()).unwrap();
        assert_eq!(numbers.values(), [1, 3]);
        assert_eq!(numbers.timestamp(1), at(30));
        let refused = drive::run(&bad, Demand::Exact, input).unwrap();
        let expected = Failure {
            element: "x".to_string(),
            error: "invalid digit found in string".to_string(),
            timestamp: at(20),
            step: "TryMap".to_string(),
        };
        assert_eq!(refused.values(), [expected]);
        assert_eq!(refused.timestamp(0), at(20));
    }
}
