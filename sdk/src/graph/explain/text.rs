//! The explanation as lines to read.

use super::super::{CollectionId, Graph, Node};
use super::{ExplainStage, boundedness, element, kind, windowing};

pub(super) fn draw(graph: &Graph, stages: &[ExplainStage]) -> String {
    let count = graph.nodes().len();
    let steps = if count == 1 { "step" } else { "steps" };
    let class = graph.weakest_class();
    let mut out = format!("{count} {steps}, equality class: {class}\n");
    for stage in stages {
        out.push_str(&format!("\nstage {}\n", stage.name));
        for id in &stage.nodes {
            step(graph, graph.node(*id), "  ", &mut out);
        }
    }
    let mut rest = graph.outside(stages).peekable();
    if rest.peek().is_some() {
        out.push('\n');
    }
    rest.for_each(|node| step(graph, node, "", &mut out));
    out
}

fn step(graph: &Graph, node: &Node, indent: &str, out: &mut String) {
    out.push_str(&format!("{indent}{}  ({})\n", node.path, kind(node)));
    let mut line = |what: &str, text: String| {
        out.push_str(&format!("{indent}    {what}  {text}\n"));
    };
    if !node.inputs.is_empty() {
        let inputs = node.inputs.iter().map(|id| from(graph, *id));
        line("reads", inputs.collect::<Vec<_>>().join(", "));
    }
    for output in &node.outputs {
        let (bounded, windows) = (boundedness(output), windowing(&output.windowing));
        line(
            "gives",
            format!("{}, {bounded}, {windows}", element(output)),
        );
    }
    line("class", graph.class(node.id).to_string());
}

fn from(graph: &Graph, id: CollectionId) -> String {
    let path = &graph.node(id.node).path;
    match graph.collection(id).tag.as_str() {
        "" => path.clone(),
        tag => format!("{path} ({tag})"),
    }
}
