//! The one step type of all element-wise transforms: a kernel driven over whole batches.
//!
//! Owns the loop and how metadata follows the values. Timestamps, windows and panes of an output
//! are those of its input.

use super::batch::{ErasedBatch, typed};
use super::kernel::Kernel;
use super::step::{Flow, MakeStep, Outs, Port, Step, StepContext};
use crate::batch::{
    Batch, Fill, Vals, batch_len, fill_from, fits, prefetch_behind, rewrite, rewrite_each,
};
use crate::element::Element;
use crate::error::Result;
use std::marker::PhantomData;
use std::sync::Arc;

/// Makes steps that run the kernel `K` on elements of type `T`.
pub struct Elementwise<T, K> {
    kernel: Arc<K>,
    types: PhantomData<fn(T)>,
}

impl<T, K> std::fmt::Debug for Elementwise<T, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Elementwise")
    }
}

impl<T, K> Elementwise<T, K> {
    /// Runs `kernel`.
    pub fn new(kernel: K) -> Self {
        Elementwise {
            kernel: Arc::new(kernel),
            types: PhantomData,
        }
    }
}

impl<T: Element, K: Kernel<T>> MakeStep for Elementwise<T, K>
where
    K::Out: Element,
{
    fn make(&self, _: &StepContext) -> Result<Box<dyn Step>> {
        Ok(Box::new(KernelStep::<T, K> {
            kernel: Arc::clone(&self.kernel),
            rows: Vec::new(),
            types: PhantomData,
        }))
    }
}

struct KernelStep<T, K> {
    kernel: Arc<K>,
    rows: Vec<u32>,
    types: PhantomData<fn(T)>,
}

impl<T: Element, K: Kernel<T>> Step for KernelStep<T, K>
where
    K::Out: Element,
{
    fn process(
        &mut self,
        _: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        let input = typed::<T>(input);
        let out = typed::<K::Out>(out.port(0));
        if !K::AT_MOST_ONE {
            return Ok(self.expand(input, out));
        }
        if input.meta.is_uniform() {
            out.meta.adopt_uniform(&input.meta);
            return Ok(self.run_uniform(input, out));
        }
        self.run_rows(input, out);
        Ok(Flow::Done)
    }
}

/// With room for fewer outputs than this, a batch is full.
const ROOM: usize = 16;

impl<T: Element, K: Kernel<T>> KernelStep<T, K>
where
    K::Out: Element,
{
    /// At most one output each and one set of metadata: only values are touched.
    fn run_uniform(&self, input: &mut Batch<T>, out: &mut Batch<K::Out>) -> Flow {
        let kernel = &*self.kernel;
        let out = out.owned_mut();
        match &mut input.vals {
            Vals::Owned(v) if fits::<T, K::Out>() => self.rewrite(v, out),
            Vals::Owned(v) => fill_from(out, v.len(), |fill| {
                v.drain(..)
                    .for_each(|x| kernel.run(x, &mut |y| fill.push(y)));
            }),
            Vals::Shared(all, range) => {
                range.start += self.read(&all[range.clone()], out);
                if range.start < range.end {
                    return Flow::Yield;
                }
            }
        }
        Flow::Done
    }

    /// Reads shared inputs, of which a batch may hold many, until the output is as large as a
    /// batch should be for the next step; answers how many were read.
    fn read(&self, inputs: &[T], out: &mut Vec<K::Out>) -> usize {
        let kernel = &*self.kernel;
        let limit = batch_len::<K::Out>();
        let mut read = 0;
        fill_from(out, limit, |fill| {
            while read < inputs.len() && fill.len() + ROOM <= limit {
                let block = &inputs[read..inputs.len().min(read + limit - fill.len())];
                for x in block {
                    prefetch_behind(x);
                    kernel.run_ref(x, &mut |y| fill.push(y));
                }
                read += block.len();
            }
        });
        read
    }

    /// Outputs of the size of inputs: written where the inputs lie. The buffers change places, so
    /// that none is ever given up.
    fn rewrite(&self, input: &mut Vec<T>, out: &mut Vec<K::Out>) {
        let kernel = &*self.kernel;
        let values = std::mem::take(input);
        let rewritten = if K::EXACTLY_ONE {
            rewrite_each(values, |x| {
                let mut found = None;
                kernel.run(x, &mut |y| found = Some(y));
                found.expect("a kernel that says so emits exactly once")
            })
        } else {
            rewrite(values, |x, to| kernel.run(x, &mut |y| to.emit(y)))
        };
        let empty = std::mem::replace(out, rewritten.unwrap_or_default());
        *input = rewrite(empty, |_, _| {}).unwrap_or_default();
    }

    /// At most one output each; remembers which inputs had one and gathers their metadata.
    fn run_rows(&mut self, input: &mut Batch<T>, out: &mut Batch<K::Out>) {
        let kernel = &*self.kernel;
        let n = input.len();
        self.rows.clear();
        let Batch { vals, meta } = input;
        fill_from(&mut self.rows, n, |rows| {
            fill_from(out.owned_mut(), n, |fill| match vals {
                Vals::Owned(v) => run_each(kernel, v.drain(..), rows, fill),
                Vals::Shared(all, range) => {
                    for (i, x) in all[range.clone()].iter().enumerate() {
                        prefetch_behind(x);
                        kernel.run_ref(x, &mut |y| {
                            rows.push(i as u32);
                            fill.push(y);
                        });
                    }
                }
            });
        });
        out.meta.gather(meta, &self.rows);
    }

    /// Any number of outputs: stops when the output is full and keeps the rest of the input.
    fn expand(&mut self, input: &mut Batch<T>, out: &mut Batch<K::Out>) -> Flow {
        let kernel = &*self.kernel;
        let limit = batch_len::<K::Out>();
        let n = input.len();
        let meta_len = out.len();
        self.rows.clear();
        let mut read = 0;
        let rows = &mut self.rows;
        fill_from(out.owned_mut(), n.min(limit), |fill| {
            let mut run = |x: T, fill: &mut Fill<'_, K::Out>| {
                kernel.run(x, &mut |y| {
                    rows.push(read as u32);
                    fill.push(y);
                });
                read += 1;
                fill.len() < limit
            };
            match &mut input.vals {
                Vals::Owned(v) => {
                    let mut taken = std::mem::take(v).into_iter();
                    while let Some(x) = taken.next()
                        && run(x, fill)
                    {}
                    *v = taken.collect();
                }
                Vals::Shared(all, range) => {
                    let taken = all[range.clone()].iter();
                    let _ = taken.cloned().try_for_each(|x| run(x, fill).then_some(()));
                    range.start += read;
                }
            }
        });
        let mut part = crate::batch::Meta::default();
        part.gather(&input.meta, &self.rows);
        out.meta.append(meta_len, &part, self.rows.len());
        input.meta.skip(read);
        if read == n { Flow::Done } else { Flow::Yield }
    }
}

#[inline(always)]
fn run_each<T, K: Kernel<T>>(
    kernel: &K,
    items: impl Iterator<Item = T>,
    rows: &mut Fill<'_, u32>,
    fill: &mut Fill<'_, K::Out>,
) {
    for (i, x) in items.enumerate() {
        kernel.run(x, &mut |y| {
            rows.push(i as u32);
            fill.push(y);
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::drive;
    use super::super::step::Outs;
    use super::*;
    use crate::pipeline::Pipeline;
    use crate::prelude::*;
    use crate::time::{Demand, Timestamp};
    use std::sync::Arc;

    /// What one step makes of a large shared batch, output batch by output batch.
    fn outputs<U: Element>(c: &PCollection<U>, meta: crate::batch::Meta) -> Vec<Batch<U>> {
        let all: Arc<Vec<u64>> = Arc::new((0..10_000).collect());
        let (mut step, node) = drive::step(c, Demand::Exact).unwrap();
        let mut input = Batch {
            vals: Vals::Shared(all, 5..9_005),
            meta,
        };
        let mut found = Vec::new();
        loop {
            let mut ports = drive::outputs(&node);
            let flow = step
                .process(0, &mut input, &mut Outs::new(&mut ports))
                .unwrap();
            found.push(std::mem::take(typed::<U>(&mut *ports[0])));
            if flow == Flow::Done {
                return found;
            }
        }
    }

    #[test]
    fn a_large_shared_input_leaves_in_batches_of_the_usual_size() {
        let p = Pipeline::new();
        let source = p.create(vec![0u64]);
        let stamps = || (0..9_000).map(Timestamp::from_micros).collect::<Vec<_>>();
        let uniform = crate::batch::Meta::default;
        let each = || {
            let mut meta = uniform();
            meta.set_timestamps(stamps(), Demand::Exact);
            meta
        };
        let odd = source.clone().filter(|x| x % 2 == 1);
        let twice = source.clone().flat_map(|x| [x, x]);
        for (c, expected) in [
            (odd, (5..9_005).filter(|x| x % 2 == 1).collect::<Vec<u64>>()),
            (twice, (5..9_005).flat_map(|x| [x, x]).collect()),
        ] {
            for (meta, cut) in [(uniform(), true), (each(), false)] {
                let timed = matches!(meta.ts, crate::batch::Col::Each(_));
                let batches = outputs(&c, meta);
                let values: Vec<u64> = batches.iter().flat_map(|b| b.values().to_vec()).collect();
                assert_eq!(values, expected);
                for batch in &batches {
                    assert!(
                        !cut || batch.len() <= batch_len::<u64>() + 1,
                        "{}",
                        batch.len()
                    );
                    for (i, value) in batch.values().iter().enumerate().filter(|_| timed) {
                        assert_eq!(batch.timestamp(i).micros(), *value as i64 - 5);
                    }
                }
            }
        }
    }
}
