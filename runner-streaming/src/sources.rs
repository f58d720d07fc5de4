//! `Sources`: the inputs of a pipeline, by path.
//!
//! Owns the calls that are made to sources beside reading: they are told which of their positions
//! a checkpoint holds. Nothing depends on whether they hear.

use crate::snapshot::Snapshot;
use crate::told;
use std::sync::Arc;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::erase::ErasedSource;
use whitebeam_sdk::graph::{Graph, NodeKind};
use whitebeam_sdk::source::Position;

/// The inputs of a pipeline.
#[derive(Clone)]
pub(crate) struct Sources(Vec<(String, Arc<dyn ErasedSource>)>);

impl Sources {
    pub(crate) fn of(graph: &Graph) -> Self {
        let nodes = graph.nodes().iter();
        let sources = nodes.filter_map(|node| match &node.kind {
            NodeKind::Source(source) => Some((node.path.clone(), Arc::clone(source))),
            _ => None,
        });
        Sources(sources.collect())
    }

    /// Tells each source where a published checkpoint goes on.
    pub(crate) fn checkpointed(&self, snapshot: &Snapshot) {
        for (path, source) in &self.0 {
            let Some(held) = snapshot.held.sources.get(path) else {
                continue;
            };
            let splits = held.splits.iter().chain(&held.ended);
            let at = splits.filter_map(|split| Some((split.split.as_slice(), split.at.as_ref()?)));
            let at: Vec<(&[u8], &Position)> = at.collect();
            let told = catch(|| source.checkpointed(&at)).and_then(|told| told);
            if let Err(e) = told {
                told::not_shown(snapshot.epoch, path, &e);
            }
        }
    }
}
