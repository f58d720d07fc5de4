//! `explain`: a graph for people, as text, Mermaid or DOT.
//!
//! Owns what is said of each step (path, what it reads and gives, equality class), before fusion or
//! with the stages that a runner made of it. Decides nothing: runners bring their stages along.

mod dot;
mod mermaid;
mod text;

use super::{Graph, Node, NodeId, NodeKind, OutputSpec, short_type};
use crate::source::Boundedness;
use crate::time::Duration;
use crate::trigger::Trigger;
use crate::window::{AccumulationMode, WindowingStrategy};
use std::str::FromStr;

/// The form of an explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// Lines to read.
    #[default]
    Text,
    /// A Mermaid flow chart, for Markdown.
    Mermaid,
    /// A DOT graph, for Graphviz.
    Dot,
}

impl FromStr for Format {
    type Err = crate::Error;
    fn from_str(name: &str) -> crate::Result<Self> {
        match name {
            "text" => Ok(Format::Text),
            "mermaid" => Ok(Format::Mermaid),
            "dot" => Ok(Format::Dot),
            _ => Err(crate::Error::data(format!("there is no format `{name}`"))
                .help("text, mermaid or dot")),
        }
    }
}

/// Steps that a runner runs as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainStage {
    /// How the runner calls it.
    pub name: String,
    /// Its steps.
    pub nodes: Vec<NodeId>,
}

impl Graph {
    /// The graph as it was built.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    /// use whitebeam_sdk::graph::Format;
    ///
    /// let p = Pipeline::new();
    /// let _ = p.create([1, 2, 3]).map(|x| x + 1).named("Next");
    /// assert_eq!(
    ///     p.graph().explain(Format::Text),
    ///     "2 steps, equality class: ordered by nothing
    ///
    /// Create  (source: 3 records in memory)
    ///     gives  i32, bounded, global window
    ///     class  ordered by nothing
    /// Next  (step)
    ///     reads  Create
    ///     gives  i32, bounded, global window
    ///     class  ordered by nothing
    /// "
    /// );
    /// ```
    pub fn explain(&self, format: Format) -> String {
        self.explain_stages(format, &[])
    }

    /// The graph with the stages that a runner made of it. Steps in no stage stand outside.
    pub fn explain_stages(&self, format: Format, stages: &[ExplainStage]) -> String {
        match format {
            Format::Text => text::draw(self, stages),
            Format::Mermaid => mermaid::draw(self, stages),
            Format::Dot => dot::draw(self, stages),
        }
    }

    /// Steps that no stage names.
    fn outside<'g>(&'g self, stages: &[ExplainStage]) -> impl Iterator<Item = &'g Node> {
        let named: Vec<NodeId> = stages.iter().flat_map(|s| s.nodes.clone()).collect();
        self.nodes().iter().filter(move |n| !named.contains(&n.id))
    }

    /// Edges as (from, what flows, to).
    fn edges(&self) -> impl Iterator<Item = (NodeId, &OutputSpec, NodeId)> {
        let into = |n: &Node| {
            let id = n.id;
            n.inputs.clone().into_iter().map(move |c| (c, id))
        };
        let edges = self.nodes().iter().flat_map(into);
        edges.map(|(c, to)| (c.node, self.collection(c), to))
    }
}

/// Kind of a step, with what a source or sink says of itself.
fn kind(node: &Node) -> String {
    match &node.kind {
        NodeKind::Source(source) => format!("source: {}", source.describe()),
        NodeKind::Sink(sink) => format!("sink: {}", sink.describe()),
        other => other.name().to_string(),
    }
}

fn element(output: &OutputSpec) -> String {
    let name = short_type(output.type_name);
    match output.tag.as_str() {
        "" => name,
        tag => format!("{tag}: {name}"),
    }
}

fn boundedness(output: &OutputSpec) -> &'static str {
    match output.boundedness {
        Boundedness::Bounded => "bounded",
        Boundedness::Unbounded => "unbounded",
    }
}

/// Windowing in words; what has its default value is left out.
fn windowing(w: &WindowingStrategy) -> String {
    let mut said = w.window_fn.to_string();
    if w.trigger != Trigger::Default {
        said.push_str(&format!(", {}", w.trigger));
    }
    if w.allowed_lateness > Duration::ZERO {
        said.push_str(&format!(", lateness {}", w.allowed_lateness));
    }
    if w.accumulation == AccumulationMode::Accumulating {
        said.push_str(", accumulating");
    }
    said
}
