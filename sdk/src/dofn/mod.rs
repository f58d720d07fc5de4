//! `DoFn`: user code with a life cycle, applied by `par_do`.
//!
//! Owns the trait, what its methods may do ([`ProcessContext`], [`BundleContext`]), typed tags for
//! further outputs and the step that drives an instance. Invariant: an instance belongs to one
//! thread, and after an error it is torn down and never used again.

mod context;
mod step;
mod tag;

pub use context::{BundleContext, ProcessContext};
pub(crate) use step::MakeParDo;
pub use tag::{DeclaredTag, Tag, TaggedNode, Tags};

use crate::element::Element;
use crate::time::Duration;

/// What the methods of a [`DoFn`] answer: any error fails the bundle, which is then retried whole.
pub type DoFnResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// User code for elements of type `T`, with a life cycle.
///
/// Every worker has its own instance, a clone of the one given to `par_do`. Calls come in this
/// order: `setup`, then for every bundle `start_bundle`, `process` for each element and
/// `finish_bundle`, at last `teardown` (best effort). Elements come in any order.
///
/// ```
/// use whitebeam_sdk::dofn::{BundleContext, DoFn, DoFnResult, ProcessContext};
/// use whitebeam_sdk::{Pipeline, Timestamp, Window};
///
/// /// Counts what each bundle holds.
/// #[derive(Clone, Default)]
/// struct BundleSizes {
///     seen: u64,
/// }
///
/// impl DoFn<String> for BundleSizes {
///     type Out = u64;
///     fn start_bundle(&mut self) -> DoFnResult {
///         self.seen = 0;
///         Ok(())
///     }
///     fn process(&mut self, _: String, _: &mut ProcessContext<'_, u64>) -> DoFnResult {
///         self.seen += 1;
///         Ok(())
///     }
///     fn finish_bundle(&mut self, cx: &mut BundleContext<'_, u64>) -> DoFnResult {
///         cx.emit(self.seen, Timestamp::MIN, Window::GLOBAL);
///         Ok(())
///     }
/// }
///
/// let p = Pipeline::new();
/// let _sizes = p.create(["tea".to_string()]).par_do(BundleSizes::default());
/// ```
pub trait DoFn<T: Element>: Clone + Send + 'static {
    /// Elements of the main output.
    type Out: Element;

    /// Once for this instance, before anything else.
    fn setup(&mut self) -> DoFnResult {
        Ok(())
    }

    /// Before the first element of a bundle. It cannot emit: there is no element whose time and
    /// window an output could have.
    fn start_bundle(&mut self) -> DoFnResult {
        Ok(())
    }

    /// Takes one element. An element in several windows is given once in each.
    fn process(&mut self, element: T, cx: &mut ProcessContext<'_, Self::Out>) -> DoFnResult;

    /// After the last element of a bundle. What it emits needs a timestamp and a window.
    fn finish_bundle(&mut self, cx: &mut BundleContext<'_, Self::Out>) -> DoFnResult {
        let _ = cx;
        Ok(())
    }

    /// Once, at the end or after an error; best effort, since a process may die.
    fn teardown(&mut self) {}

    /// How far back [`ProcessContext::emit_at`] may move an output. Outputs behind the watermark
    /// are late.
    fn allowed_skew(&self) -> Duration {
        Duration::ZERO
    }
}
