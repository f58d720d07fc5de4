//! `partition`: one collection taken apart by a function.

use super::try_map::gather;
use crate::batch::Vals;
use crate::element::Element;
use crate::erase::{ErasedBatch, Flow, MakeStep, Outs, Port, Step, StepContext, typed};
use crate::error::{Error, Result};
use crate::graph::{Code, NodeKind, Output, Place, Problem};
use crate::pcollection::PCollection;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

impl<T: Element> PCollection<T> {
    /// `n` collections, the element `x` in number `f(&x)` of them, which must be below `n`.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    ///
    /// let p = Pipeline::new();
    /// let parts = p.create(0..10_u64).partition(2, |x| (x % 2) as usize);
    /// assert_eq!(parts.len(), 2);
    /// ```
    #[track_caller]
    pub fn partition<F>(self, n: usize, f: F) -> Vec<PCollection<T>>
    where
        F: Fn(&T) -> usize + Send + Sync + 'static,
    {
        let make = MakePartition {
            f: Arc::new(f),
            n,
            types: PhantomData::<fn(T)>,
        };
        let part = |i| Output::of::<T>().tag(format!("part {i}"));
        let outputs = (0..n).map(part).collect();
        let kind = NodeKind::Step(Arc::new(make));
        let node = self.add("Partition", Location::caller(), kind, outputs);
        if n == 0 {
            let message = "a partition into no parts has no place for any element";
            let problem = Problem::new(Code::Nothing, Place::Node(node), message);
            self.pipeline().builder().problem(problem);
        }
        (0..n)
            .map(|port| PCollection::at(self.pipeline(), node, port))
            .collect()
    }
}

struct MakePartition<T, F> {
    f: Arc<F>,
    n: usize,
    types: PhantomData<fn(T)>,
}

impl<T: Element, F: Fn(&T) -> usize + Send + Sync + 'static> MakeStep for MakePartition<T, F> {
    fn make(&self, cx: &StepContext) -> Result<Box<dyn Step>> {
        Ok(Box::new(Partition::<T, F> {
            f: Arc::clone(&self.f),
            path: cx.path.clone(),
            parts: vec![Part::default(); self.n],
        }))
    }
}

struct Partition<T, F> {
    f: Arc<F>,
    path: String,
    parts: Vec<Part<T>>,
}

/// What goes to one output.
#[derive(Clone)]
struct Part<T> {
    values: Vec<T>,
    rows: Vec<u32>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Part {
            values: Vec::new(),
            rows: Vec::new(),
        }
    }
}

impl<T: Element, F: Fn(&T) -> usize + Send + Sync + 'static> Partition<T, F> {
    fn route(&mut self, row: usize, value: T) -> Result<()> {
        let (to, of) = ((self.f)(&value), self.parts.len());
        let Some(part) = self.parts.get_mut(to) else {
            return Err(Error::user_code(format!(
                "an element was sent to part {to} of {of} parts"
            ))
            .at_step(&self.path)
            .help(format!("return 0 to {}", of.saturating_sub(1))));
        };
        part.values.push(value);
        part.rows.push(row as u32);
        Ok(())
    }
}

impl<T: Element, F: Fn(&T) -> usize + Send + Sync + 'static> Step for Partition<T, F> {
    fn process(
        &mut self,
        _: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        let input = typed::<T>(input);
        match &mut input.vals {
            Vals::Owned(v) => {
                for (row, x) in v.drain(..).enumerate() {
                    self.route(row, x)?;
                }
            }
            Vals::Shared(all, range) => {
                for (row, x) in all[range.clone()].iter().enumerate() {
                    self.route(row, x.clone())?;
                }
            }
        }
        for (port, part) in self.parts.iter_mut().enumerate() {
            let to = typed::<T>(out.port(port));
            // The buffers change places, so that both are used again.
            std::mem::swap(to.owned_mut(), &mut part.values);
            gather(&mut to.meta, &input.meta, &part.rows);
            part.rows.clear();
        }
        input.clear();
        Ok(Flow::Done)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use crate::Pipeline;
    use crate::batch::Batch;
    use crate::erase::drive;
    use crate::time::{Demand, Timestamp};

    fn input(shared: bool) -> Batch<u64> {
        let mut batch = Batch::of((0..6).collect());
        let times = (0..6).map(Timestamp::from_micros).collect();
        batch.meta.set_timestamps(times, Demand::Exact);
        if shared {
            batch.share();
        }
        batch
    }

    #[test]
    fn every_element_is_in_the_part_its_function_names() {
        let p = Pipeline::new();
        let parts = p.create([0_u64]).partition(3, |x| (*x as usize % 3).min(1));
        for shared in [false, true] {
            let cases = [vec![0, 3], vec![1, 2, 4, 5], vec![]];
            for (part, expected) in parts.iter().zip(cases) {
                let out = drive::run(part, Demand::Exact, input(shared)).unwrap();
                assert_eq!(out.values(), expected);
                for (i, x) in expected.iter().enumerate() {
                    assert_eq!(out.timestamp(i).micros(), *x as i64);
                }
            }
        }
    }

    #[test]
    fn a_part_that_does_not_exist_is_an_error_of_user_code() {
        let p = Pipeline::new();
        let parts = p.create([0_u64]).partition(2, |x| *x as usize);
        let error = drive::run(&parts[0], Demand::None, input(false)).unwrap_err();
        assert!(error.to_string().contains("part 2 of 2"), "{error}");
    }
}
