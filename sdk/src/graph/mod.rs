//! The graph: nodes and collections, erased, as a runner reads them.
//!
//! Owns ids, nodes, paths and the checks that need no runner. Knows nothing of execution: the
//! run-time halves hang at the nodes behind `erase`'s traits.

mod builder;
mod class;
mod explain;
mod problem;
mod types;
mod validate;

pub use class::EqualityClass;
pub use explain::{ExplainStage, Format};

pub(crate) use builder::{Builder, NewNode, Output};
pub(crate) use problem::{Code, Place, Problem};
pub(crate) use types::short_type;
pub(crate) use validate::check;

use crate::erase::{ErasedGrouping, ErasedSink, ErasedSource, MakeStep, NewBatch, Port};
use crate::source::Boundedness;
use crate::window::{Windowing, WindowingStrategy};
use serde::{Deserialize, Serialize};
use std::panic::Location;
use std::sync::Arc;

/// Index of a node; inputs come before the nodes that read them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// One output of one node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CollectionId {
    /// The node that produces it.
    pub node: NodeId,
    /// Which of its outputs.
    pub port: Port,
}

/// What a node does.
#[derive(Clone)]
pub enum NodeKind {
    /// Reads an input of the pipeline.
    Source(Arc<dyn ErasedSource>),
    /// Works element by element (or bundle by bundle).
    Step(Arc<dyn MakeStep>),
    /// Changes the windowing.
    Window(Windowing),
    /// Groups by key and window.
    Group(Arc<dyn ErasedGrouping>),
    /// All inputs, as one collection.
    Flatten,
    /// Writes an output of the pipeline.
    Sink(Arc<dyn ErasedSink>),
}

impl NodeKind {
    /// `source`, `step`, `window`, `group`, `flatten` or `sink`.
    pub fn name(&self) -> &'static str {
        match self {
            NodeKind::Source(_) => "source",
            NodeKind::Step(_) => "step",
            NodeKind::Window(_) => "window",
            NodeKind::Group(_) => "group",
            NodeKind::Flatten => "flatten",
            NodeKind::Sink(_) => "sink",
        }
    }
}

impl std::fmt::Debug for NodeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A collection that a node produces.
#[derive(Clone, Debug)]
pub struct OutputSpec {
    /// Name of the element type.
    pub type_name: &'static str,
    /// Makes an empty batch of it.
    pub new_batch: NewBatch,
    /// Its windowing.
    pub windowing: WindowingStrategy,
    /// Whether it ends.
    pub boundedness: Boundedness,
    /// Tag of a further output; empty for the main one.
    pub tag: String,
}

/// One node of the graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its index.
    pub id: NodeId,
    /// Stable path such as `Revenue/Sum`.
    pub path: String,
    /// The path was given by the user, at least in its last part.
    pub named: bool,
    /// The line of user code that made it.
    pub location: &'static Location<'static>,
    /// What it does.
    pub kind: NodeKind,
    /// The user declared that its code is not a function of its input.
    pub nondeterministic: bool,
    /// What it reads.
    pub inputs: Vec<CollectionId>,
    /// What it produces.
    pub outputs: Vec<OutputSpec>,
}

impl Node {
    /// `file:line` of the user code that made it.
    pub fn line(&self) -> String {
        format!("{}:{}", self.location.file(), self.location.line())
    }
}

/// Checks that a user may switch off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GraphOptions {
    /// Allow triggers that may finish and drop later elements.
    pub allow_unsafe_triggers: bool,
}

/// A finished graph.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    options: GraphOptions,
    problems: Vec<Problem>,
}

impl Graph {
    /// All nodes; inputs come before the nodes that read them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// What a collection is.
    pub fn collection(&self, id: CollectionId) -> &OutputSpec {
        &self.nodes[id.node.0].outputs[id.port]
    }

    /// Checks that the user switched off.
    pub fn options(&self) -> GraphOptions {
        self.options
    }

    /// The (node, port) pairs that read a collection.
    pub fn consumers(&self, id: CollectionId) -> Vec<(NodeId, Port)> {
        let reads = |n: &Node| {
            let ports = n.inputs.iter().enumerate().filter(|(_, c)| **c == id);
            ports.map(|(port, _)| (n.id, port)).collect::<Vec<_>>()
        };
        self.nodes.iter().flat_map(reads).collect()
    }
}
