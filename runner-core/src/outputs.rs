//! `Outputs`: the sinks of a run that shows everything at its end, or nothing.
//!
//! Owns the order of the calls that make staged parts visible, and what is said when that fails
//! half-way. Does not own when a run ends, nor what sinks do. Invariant: no sink is asked to commit
//! before every sink has staged everything and done, without showing it, all that can fail.

use crate::stage::catch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use whitebeam_sdk::erase::ErasedSink;
use whitebeam_sdk::graph::{Graph, NodeId, NodeKind};
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, Result};

/// What one sink staged in one epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Staged {
    /// When.
    pub epoch: Epoch,
    /// By whom.
    pub sink: NodeId,
    /// The staged parts, encoded.
    pub parts: Vec<Vec<u8>>,
}

/// One sink of a graph.
#[derive(Clone)]
pub struct Output {
    id: NodeId,
    path: String,
    line: String,
    sink: Arc<dyn ErasedSink>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)
    }
}

impl Output {
    /// All of `graph`.
    pub fn all(graph: &Graph) -> Vec<Output> {
        let sinks = graph.nodes().iter().filter_map(|node| match &node.kind {
            NodeKind::Sink(sink) => Some(Output {
                id: node.id,
                path: node.path.clone(),
                line: node.line(),
                sink: Arc::clone(sink),
            }),
            _ => None,
        });
        sinks.collect()
    }

    /// The path of its step.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Takes back what was staged and is not visible; best effort: a sink that cannot even abort
    /// must not hide why the run failed.
    pub fn abort(&self) {
        let _ = catch(|| self.sink.abort());
    }

    /// What `body` makes of the sink; an error or a panic there is the step's.
    pub fn call<R>(&self, body: impl FnOnce(&dyn ErasedSink) -> Result<R>) -> Result<R> {
        catch(|| body(self.sink.as_ref()))
            .and_then(|done| done)
            .map_err(|e| e.at_step(self.path.clone()).at_line(self.line.clone()))
    }
}

/// The sinks of a graph.
#[derive(Debug)]
pub struct Outputs(Vec<Output>);

impl Outputs {
    /// The sinks of `graph`.
    pub fn of(graph: &Graph) -> Self {
        Outputs(Output::all(graph))
    }

    /// Makes everything staged visible, in the order given, and tells the sinks that it was all.
    /// Parts of one sink and epoch stand together. After an error every sink is aborted; an error
    /// that found some sinks visible already names them.
    pub fn commit(&self, staged: &[Staged]) -> Result<()> {
        let committed = self
            .settle(staged)
            .and_then(|()| self.prepare(staged))
            .and_then(|()| self.show(staged))
            .and_then(|()| self.finish());
        committed.inspect_err(|_| self.abort())
    }

    fn settle(&self, staged: &[Staged]) -> Result<()> {
        self.each(staged, |output, staged| {
            output.call(|sink| sink.settle(staged.epoch))
        })
    }

    fn prepare(&self, staged: &[Staged]) -> Result<()> {
        self.each(staged, |output, staged| {
            output.call(|sink| sink.prepare(staged.epoch, &staged.parts))
        })
    }

    fn show(&self, staged: &[Staged]) -> Result<()> {
        let mut visible = BTreeSet::new();
        let shown = self.each(staged, |output, staged| {
            output.call(|sink| sink.commit(staged.epoch, &staged.parts))?;
            visible.insert(output.id);
            Ok(())
        });
        shown.map_err(|e| self.half_visible(e, &visible))
    }

    fn each<'o>(
        &'o self,
        staged: &[Staged],
        mut call: impl FnMut(&'o Output, &Staged) -> Result<()>,
    ) -> Result<()> {
        for staged in staged {
            for output in self.0.iter().filter(|o| o.id == staged.sink) {
                call(output, staged)?;
            }
        }
        Ok(())
    }

    /// Sinks are different systems: nothing shows all of them in one instant.
    fn half_visible(&self, e: Error, visible: &BTreeSet<NodeId>) -> Error {
        if visible.is_empty() {
            return e;
        }
        let names = |shown: bool| {
            let of = self.0.iter().filter(|o| visible.contains(&o.id) == shown);
            let names: Vec<String> = of.map(|o| format!("{} ({})", o.path, o.line)).collect();
            names.join(", ")
        };
        e.note("Every output was ready, then this one failed while they became visible one by one.")
            .note(format!("visible: {}", names(true)))
            .note(format!("not visible: {}", names(false)))
            .help("remove what is visible, or let the next run replace it; then run again")
    }

    fn finish(&self) -> Result<()> {
        let finish = |output: &Output| output.call(|sink| sink.finish());
        self.0.iter().try_for_each(finish)
    }

    /// Takes everything staged back; best effort.
    pub fn abort(&self) {
        self.0.iter().for_each(Output::abort);
    }
}

#[cfg(test)]
mod tests;
