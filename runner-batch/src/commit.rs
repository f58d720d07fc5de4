//! Making results visible: every sink's staged parts, once, at the end.

use whitebeam_sdk::Result;
use whitebeam_sdk::graph::{Graph, NodeId, NodeKind};
use whitebeam_sdk::sink::Epoch;

/// The only epoch of a batch run.
pub(crate) const EPOCH: Epoch = Epoch(0);

/// Parts that a sink staged.
pub(crate) type Staged = Vec<(NodeId, Vec<Vec<u8>>)>;

/// Commits what was staged, sink by sink, then tells the sinks that it was all.
pub(crate) fn commit(graph: &Graph, staged: &Staged) -> Result<()> {
    for node in graph.nodes() {
        if let NodeKind::Sink(sink) = &node.kind {
            let mine = staged.iter().filter(|(id, _)| *id == node.id);
            let parts: Vec<Vec<u8>> = mine.flat_map(|(_, parts)| parts.iter().cloned()).collect();
            sink.commit(EPOCH, &parts)
                .map_err(|e| e.at_step(node.path.clone()).at_line(node.line()))?;
        }
    }
    for node in graph.nodes() {
        if let NodeKind::Sink(sink) = &node.kind {
            sink.finish()
                .map_err(|e| e.at_step(node.path.clone()).at_line(node.line()))?;
        }
    }
    Ok(())
}

/// Gives up what was staged.
pub(crate) fn abort(graph: &Graph) {
    for node in graph.nodes() {
        if let NodeKind::Sink(sink) = &node.kind {
            sink.abort();
        }
    }
}
