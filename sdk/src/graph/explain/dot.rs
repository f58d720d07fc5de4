//! The explanation as a DOT graph.

use super::super::{Graph, Node};
use super::{ExplainStage, element, kind, windowing};

pub(super) fn draw(graph: &Graph, stages: &[ExplainStage]) -> String {
    let mut out = String::from("digraph pipeline {\n  rankdir=LR;\n  node [shape=box];\n");
    for (i, stage) in stages.iter().enumerate() {
        let name = quoted(&stage.name);
        out.push_str(&format!(
            "  subgraph cluster_{i} {{\n    label=\"{name}\";\n"
        ));
        for id in &stage.nodes {
            step(graph, graph.node(*id), "    ", &mut out);
        }
        out.push_str("  }\n");
    }
    for node in graph.outside(stages) {
        step(graph, node, "  ", &mut out);
    }
    for (from, what, to) in graph.edges() {
        let (element, windows) = (quoted(&element(what)), windowing(&what.windowing));
        let label = format!("{element}\\n{windows}");
        out.push_str(&format!(
            "  n{} -> n{} [label=\"{label}\"];\n",
            from.0, to.0
        ));
    }
    out.push_str("}\n");
    out
}

fn step(graph: &Graph, node: &Node, indent: &str, out: &mut String) {
    let (path, kind) = (quoted(&node.path), quoted(&kind(node)));
    let class = graph.class(node.id);
    let label = format!("{path}\\n{kind}\\n{class}");
    out.push_str(&format!("{indent}n{} [label=\"{label}\"];\n", node.id.0));
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
