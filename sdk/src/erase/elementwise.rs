//! The one step type of all element-wise transforms: a kernel driven over whole batches.
//!
//! Owns the loop and how metadata follows the values. Timestamps, windows and panes of an output
//! are those of its input.

use super::batch::{ErasedBatch, typed};
use super::kernel::Kernel;
use super::step::{Flow, MakeStep, Outs, Port, Step, StepContext};
use crate::batch::{Batch, Fill, Vals, batch_len, fill_from, fits, rewrite, rewrite_each};
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
            self.run_uniform(input, out);
        } else {
            self.run_rows(input, out);
        }
        Ok(Flow::Done)
    }
}

impl<T: Element, K: Kernel<T>> KernelStep<T, K>
where
    K::Out: Element,
{
    /// At most one output each and one set of metadata: only values are touched.
    fn run_uniform(&self, input: &mut Batch<T>, out: &mut Batch<K::Out>) {
        let kernel = &*self.kernel;
        if fits::<T, K::Out>()
            && let Vals::Owned(v) = &mut input.vals
        {
            self.rewrite(v, out.owned_mut());
            return;
        }
        let n = input.len();
        fill_from(out.owned_mut(), n, |fill| match &mut input.vals {
            Vals::Owned(v) => v
                .drain(..)
                .for_each(|x| kernel.run(x, &mut |y| fill.push(y))),
            Vals::Shared(all, range) => {
                for x in &all[range.clone()] {
                    kernel.run_ref(x, &mut |y| fill.push(y));
                }
            }
        });
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
        let mut taken = input.take_values().into_iter();
        let mut read = 0;
        fill_from(out.owned_mut(), n.min(limit), |fill| {
            while fill.len() < limit
                && let Some(x) = taken.next()
            {
                kernel.run(x, &mut |y| {
                    self.rows.push(read);
                    fill.push(y);
                });
                read += 1;
            }
        });
        let mut part = crate::batch::Meta::default();
        part.gather(&input.meta, &self.rows);
        out.meta.append(meta_len, &part, self.rows.len());
        input.meta.skip(read as usize);
        let rest: Vec<T> = taken.collect();
        let flow = if rest.is_empty() {
            Flow::Done
        } else {
            Flow::Yield
        };
        *input.owned_mut() = rest;
        flow
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
