//! `Outputs`: the sinks of a run, from staging to commit.
//!
//! Owns the log of what was staged, by epoch. Invariant: nothing is committed before every sink has
//! staged everything; after a failure every sink is aborted.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::Result;
use whitebeam_sdk::erase::ErasedSink;
use whitebeam_sdk::graph::{Graph, NodeId, NodeKind};
use whitebeam_sdk::sink::Epoch;

/// What one sink staged in one epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Staged {
    pub(crate) epoch: Epoch,
    pub(crate) sink: NodeId,
    pub(crate) parts: Vec<Vec<u8>>,
}

struct Output {
    id: NodeId,
    path: String,
    line: String,
    sink: Arc<dyn ErasedSink>,
}

impl Output {
    fn call<R>(&self, body: impl FnOnce(&dyn ErasedSink) -> Result<R>) -> Result<R> {
        catch(|| body(self.sink.as_ref()))
            .and_then(|done| done)
            .map_err(|e| e.at_step(self.path.clone()).at_line(self.line.clone()))
    }
}

/// The sinks of a run.
pub(crate) struct Outputs {
    sinks: Vec<Output>,
    pub(crate) staged: Vec<Staged>,
}

impl Outputs {
    pub(crate) fn of(graph: &Graph) -> Self {
        let sinks = graph.nodes().iter().filter_map(|node| match &node.kind {
            NodeKind::Sink(sink) => Some(Output {
                id: node.id,
                path: node.path.clone(),
                line: node.line(),
                sink: Arc::clone(sink),
            }),
            _ => None,
        });
        Outputs {
            sinks: sinks.collect(),
            staged: Vec::new(),
        }
    }

    /// Makes everything staged visible, epoch by epoch, and tells the sinks that it was all.
    pub(crate) fn commit(&self) -> Result<()> {
        for Staged { epoch, sink, parts } in &self.staged {
            for output in self.sinks.iter().filter(|o| o.id == *sink) {
                output.call(|sink| sink.commit(*epoch, parts))?;
            }
        }
        let finish = |output: &Output| output.call(|sink| sink.finish());
        self.sinks.iter().try_for_each(finish)
    }

    /// Takes everything staged back; best effort.
    pub(crate) fn abort(&self) {
        for output in &self.sinks {
            // A sink that cannot even abort must not hide why the run failed.
            let _ = catch(|| output.sink.abort());
        }
    }
}
