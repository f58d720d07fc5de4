//! The explanation as a Mermaid flow chart.

use super::super::{Graph, Node};
use super::{ExplainStage, element, kind, windowing};

pub(super) fn draw(graph: &Graph, stages: &[ExplainStage]) -> String {
    let mut out = String::from("flowchart LR\n");
    for (i, stage) in stages.iter().enumerate() {
        out.push_str(&format!("  subgraph s{i}[\"{}\"]\n", quoted(&stage.name)));
        for id in &stage.nodes {
            step(graph, graph.node(*id), "    ", &mut out);
        }
        out.push_str("  end\n");
    }
    for node in graph.outside(stages) {
        step(graph, node, "  ", &mut out);
    }
    for (from, what, to) in graph.edges() {
        let label = format!(
            "{}<br/>{}",
            quoted(&element(what)),
            windowing(&what.windowing)
        );
        out.push_str(&format!("  n{} -->|\"{label}\"| n{}\n", from.0, to.0));
    }
    out
}

fn step(graph: &Graph, node: &Node, indent: &str, out: &mut String) {
    let (path, kind) = (quoted(&node.path), quoted(&kind(node)));
    let class = graph.class(node.id);
    let label = format!("{path}<br/>{kind}<br/>{class}");
    out.push_str(&format!("{indent}n{}[\"{label}\"]\n", node.id.0));
}

/// Text that Mermaid takes for text.
fn quoted(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
