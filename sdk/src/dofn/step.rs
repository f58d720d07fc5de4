//! The step that drives one instance of a `DoFn`.

use super::context::{BundleContext, ProcessContext, Writer};
use super::tag::DeclaredTag;
use super::{DoFn, DoFnResult};
use crate::element::Element;
use crate::erase::{ErasedBatch, Flow, MakeStep, Observes, Outs, Port, Step, StepContext, typed};
use crate::error::{Error, Result};
use crate::time::Duration;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// Clones the instance that the user gave, once per worker.
pub(crate) struct MakeParDo<T, D> {
    /// Only cloned from: a `DoFn` need not be `Sync`.
    prototype: Mutex<D>,
    tags: Arc<[DeclaredTag]>,
    types: PhantomData<fn(T)>,
}

impl<T, D> MakeParDo<T, D> {
    pub(crate) fn new(prototype: D, tags: Vec<DeclaredTag>) -> Self {
        MakeParDo {
            prototype: Mutex::new(prototype),
            tags: tags.into(),
            types: PhantomData,
        }
    }
}

impl<T: Element, D: DoFn<T>> MakeStep for MakeParDo<T, D> {
    fn make(&self, cx: &StepContext) -> Result<Box<dyn Step>> {
        let prototype = self.prototype.lock();
        let dofn = prototype.unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Box::new(ParDo::<T, D> {
            skew: dofn.allowed_skew(),
            dofn,
            tags: Arc::clone(&self.tags),
            cx: cx.clone(),
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

struct ParDo<T, D> {
    dofn: D,
    tags: Arc<[DeclaredTag]>,
    skew: Duration,
    cx: StepContext,
    types: PhantomData<fn(T)>,
}

impl<T: Element, D: DoFn<T>> Step for ParDo<T, D> {
    fn setup(&mut self) -> Result<()> {
        blame(self.dofn.setup(), "setup", &self.cx.path)
    }

    fn start_bundle(&mut self) -> Result<()> {
        blame(self.dofn.start_bundle(), "start_bundle", &self.cx.path)
    }

    fn process(
        &mut self,
        _: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        let input = typed::<T>(input);
        input.store_windows(self.cx.windowing.window_fn);
        if input.is_empty() {
            return Ok(Flow::Done);
        }
        let mut values = input.take_values().into_iter();
        let mut cx = ProcessContext {
            writer: writer(out, &self.tags, &self.cx.path)?,
            at: input.meta.at(0),
            skew: self.skew,
        };
        let mut read = 0;
        while !cx.writer.is_full()
            && let Some(element) = values.next()
        {
            cx.at = input.meta.at(read);
            let result = self.dofn.process(element, &mut cx);
            blame(result, "process", &self.cx.path)?;
            cx.writer.broken()?;
            read += 1;
        }
        let rest: Vec<T> = values.collect();
        if rest.is_empty() {
            input.clear();
            return Ok(Flow::Done);
        }
        input.meta.skip(read);
        *input.owned_mut() = rest;
        Ok(Flow::Yield)
    }

    fn finish_bundle(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
        let mut cx = BundleContext {
            writer: writer(out, &self.tags, &self.cx.path)?,
        };
        let result = self.dofn.finish_bundle(&mut cx);
        blame(result, "finish_bundle", &self.cx.path)?;
        cx.writer.broken()?;
        Ok(Flow::Done)
    }

    fn teardown(&mut self) {
        self.dofn.teardown();
    }
}

fn writer<'a, U: Element>(
    out: &'a mut Outs<'_>,
    tags: &'a [DeclaredTag],
    step: &'a str,
) -> Result<Writer<'a, U>> {
    Writer::new(out.all(), tags, step)
        .ok_or_else(|| Error::internal("a DoFn was given no outputs").at_step(step))
}

/// An error of user code, with the step and the method that it came from.
fn blame(result: DoFnResult, method: &str, step: &str) -> Result<()> {
    result.map_err(|cause| match cause.downcast::<Error>() {
        Ok(own) => own.at_step(step),
        Err(cause) => Error::user_code(format!("the DoFn failed in `{method}`"))
            .at_step(step)
            .caused_by(cause)
            .help("emit what cannot be processed to a tagged output instead, or correct the input"),
    })
}

#[cfg(test)]
mod tests;
