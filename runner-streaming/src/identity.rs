//! `Identity`: what tells a pipeline's checkpoints from those of others.
//!
//! Owns which parts of a graph count: its sources, groupings and sinks, for these have state,
//! positions or output that outlive a run. Steps in between may change.

use std::fmt::Write;
use whitebeam_runner_core::group::{self, GroupOptions};
use whitebeam_sdk::graph::{Graph, Node, NodeKind};
use whitebeam_sdk::hash::stable_hash;

/// What identifies a pipeline to its checkpoints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// Its sources, groupings and sinks, by path.
    pub(crate) steps: String,
    /// A digest of how they are typed and windowed, and of the form of their state.
    pub(crate) fingerprint: u64,
    /// Paths of its sinks.
    pub(crate) sinks: Vec<String>,
    /// Workers of this run.
    pub(crate) parallelism: u32,
}

impl Identity {
    pub(crate) fn of(graph: &Graph, options: &GroupOptions, parallelism: usize) -> Self {
        let (mut steps, mut form) = (Vec::new(), String::new());
        let mut sinks = Vec::new();
        for node in graph.nodes() {
            match &node.kind {
                NodeKind::Source(_) => {}
                NodeKind::Group(_) => form.push_str(&grouping(graph, node, options)),
                NodeKind::Sink(_) => sinks.push(node.path.clone()),
                _ => continue,
            }
            steps.push(node.path.as_str());
            let inputs = node.inputs.iter().map(|c| graph.collection(*c).type_name);
            let outputs = node.outputs.iter().map(|o| o.type_name);
            for name in inputs.chain(outputs) {
                // Writing to a string cannot fail.
                let _ = write!(form, "{} {name};", node.path);
            }
        }
        Identity {
            steps: steps.join(", "),
            fingerprint: stable_hash(&form),
            sinks,
            parallelism: parallelism as u32,
        }
    }
}

/// How a grouping is windowed, and the path that it takes: paths write down their state in forms of
/// their own.
fn grouping(graph: &Graph, node: &Node, options: &GroupOptions) -> String {
    let windowing = node.inputs.first().map(|c| &graph.collection(*c).windowing);
    let described = windowing.map(|w| format!("{w:?} {:?};", group::path(w, options)));
    described.unwrap_or_default()
}
