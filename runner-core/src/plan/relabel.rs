//! Steps that pass whole batches on: window assignment and flatten.
//!
//! Owns what `.window(..)` does to a batch: nothing but saying that windows follow from the
//! timestamps. Not a value is touched.

use whitebeam_sdk::Result;
use whitebeam_sdk::batch::Col;
use whitebeam_sdk::erase::{ErasedBatch, Flow, Outs, Port, Step};
use whitebeam_sdk::window::{Window, WindowFn};

/// Assigns windows by a window function, or leaves them as they are.
#[derive(Debug)]
pub(super) struct AssignWindows {
    window_fn: Option<WindowFn>,
}

impl AssignWindows {
    pub(super) fn new(window_fn: Option<WindowFn>) -> Self {
        AssignWindows { window_fn }
    }
}

impl Step for AssignWindows {
    fn process(
        &mut self,
        _: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        let to = out.port(0);
        to.swap(input);
        match self.window_fn {
            None => {}
            Some(WindowFn::Global) => {
                to.meta_mut().implied = false;
                to.meta_mut().windows = Col::Uniform(Window::GLOBAL);
            }
            Some(_) => {
                to.meta_mut().implied = true;
                to.meta_mut().windows = Col::Uniform(Window::GLOBAL);
            }
        }
        Ok(Flow::Done)
    }
}

/// Passes every input on.
#[derive(Debug)]
pub(super) struct Merge;

impl Step for Merge {
    fn process(
        &mut self,
        _: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        out.port(0).swap(input);
        Ok(Flow::Done)
    }
}
