//! `Pipeline`: where a graph begins.
//!
//! Owns the builder that all handles share. Runs nothing: a runner takes the finished graph.

use crate::error::Result;
use crate::graph::{self, Builder, Code, Graph, NewNode, NodeId, Place, Problem};
use crate::pcollection::Handle;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A graph being built. Clones are handles to the same graph.
#[derive(Clone, Default)]
pub struct Pipeline {
    builder: Arc<Mutex<Builder>>,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows triggers that may finish and drop what comes later (Beam's
    /// `--allow_unsafe_triggers`).
    pub fn allow_unsafe_triggers(&self) -> &Self {
        self.builder().options.allow_unsafe_triggers = true;
        self
    }

    /// The graph, checked: what a runner runs. The error reports every problem that was found.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    /// use whitebeam_sdk::time::minutes;
    /// use whitebeam_sdk::window::FixedWindows;
    ///
    /// let p = Pipeline::new();
    /// let _counts = p
    ///     .create([("tea".to_string(), 1)])
    ///     .window(FixedWindows::of(minutes(-5)))
    ///     .group_by_key();
    /// let error = p.finish().map(|_| ()).unwrap_err();
    /// assert_eq!(error.code(), "P003");
    /// ```
    pub fn finish(&self) -> Result<Graph> {
        graph::check(self.graph())
    }

    /// The graph as it stands, unchecked; see [`Pipeline::finish`].
    pub fn graph(&self) -> Graph {
        self.builder().graph()
    }

    pub(crate) fn builder(&self) -> MutexGuard<'_, Builder> {
        // A panic while building leaves a graph that is merely incomplete.
        self.builder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a node with several inputs, which must be of this pipeline.
    pub(crate) fn add_joined(&self, mut node: NewNode, inputs: &[Handle]) -> NodeId {
        let (mine, strange): (Vec<&Handle>, Vec<&Handle>) =
            inputs.iter().partition(|h| self.is_same(&h.pipeline));
        node.inputs = mine.iter().map(|h| h.id).collect();
        let location = node.location;
        let message = format!(
            "`{}` was given collections of different pipelines",
            node.name
        );
        let id = self.builder().add(node);
        let problem = |place| Problem::new(Code::OtherPipeline, place, message.clone());
        if !strange.is_empty() {
            self.builder().problem(problem(Place::Node(id)));
        }
        // Whichever of them is finished, the problem is seen.
        for h in strange {
            h.pipeline.builder().problem(problem(Place::Line(location)));
        }
        id
    }

    fn is_same(&self, other: &Pipeline) -> bool {
        Arc::ptr_eq(&self.builder, &other.builder)
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipeline({} steps)", self.graph().nodes().len())
    }
}
