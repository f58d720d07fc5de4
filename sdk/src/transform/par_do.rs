//! `par_do` and `par_do_tagged`: a [`DoFn`] applied to every element.

use crate::dofn::{DoFn, MakeParDo, TaggedNode, Tags};
use crate::element::Element;
use crate::graph::{Code, NodeKind, Output, Place, Problem};
use crate::pcollection::PCollection;
use std::panic::Location;
use std::sync::Arc;

impl<T: Element> PCollection<T> {
    /// Applies `dofn` to every element; see [`DoFn`] for its life cycle.
    #[track_caller]
    pub fn par_do<D: DoFn<T>>(self, dofn: D) -> PCollection<D::Out> {
        let make = MakeParDo::<T, D>::new(dofn, Vec::new());
        self.step("ParDo", Location::caller(), make)
    }

    /// Applies `dofn`, which may also write to the outputs that `tags` declares.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    /// use whitebeam_sdk::dofn::{DoFn, DoFnResult, ProcessContext, Tag};
    ///
    /// const REFUNDS: Tag<i64> = Tag::new("refunds");
    ///
    /// #[derive(Clone)]
    /// struct Split;
    ///
    /// impl DoFn<i64> for Split {
    ///     type Out = i64;
    ///     fn process(&mut self, cents: i64, cx: &mut ProcessContext<'_, i64>) -> DoFnResult {
    ///         if cents < 0 {
    ///             cx.emit_to(REFUNDS, -cents);
    ///         } else {
    ///             cx.emit(cents);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let p = Pipeline::new();
    /// let (_paid, _refunds) = p.create([500, -250]).par_do_tagged(Split, REFUNDS);
    /// ```
    #[track_caller]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "tags are small and named at the call"
    )]
    pub fn par_do_tagged<D: DoFn<T>, G: Tags>(
        self,
        dofn: D,
        tags: G,
    ) -> (PCollection<D::Out>, G::Collections) {
        let declared = tags.declared();
        let mut outputs = vec![Output::of::<D::Out>()];
        outputs.extend(declared.iter().map(|tag| tag.output()));
        let mut names: Vec<&str> = declared.iter().map(|tag| tag.name()).collect();
        let kind = NodeKind::Step(Arc::new(MakeParDo::<T, D>::new(dofn, declared)));
        let node = self.add("ParDo", Location::caller(), kind, outputs);
        let pipeline = self.pipeline();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("two outputs have the tag `{}`", pair[0]);
            let problem = Problem::new(Code::TagTwice, Place::Node(node), message);
            pipeline.builder().problem(problem);
        }
        let collections = tags.collections(&TaggedNode { pipeline, node });
        (PCollection::at(pipeline, node, 0), collections)
    }
}
