//! `LocalSnapshot`: everything a run holds, to go on from there in another run.
//!
//! Owns what a snapshot is made of. Invariant: a snapshot is taken when nothing is on its way
//! between steps, so steps, sources, clock and staged outputs are all there is.

use super::LocalRun;
use crate::node::owned;
use crate::reading::Rest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use whitebeam_runner_core::outputs::Staged;
use whitebeam_sdk::graph::{Graph, NodeId};
use whitebeam_sdk::hash::KEY_GROUPS;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::snapshot::{SnapshotReader, StepSnapshot};
use whitebeam_sdk::{Result, Timestamp};

/// Everything a run holds between two events.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LocalSnapshot {
    steps: Vec<(NodeId, StepSnapshot)>,
    sources: Vec<(NodeId, Rest)>,
    staged: Vec<Staged>,
    epoch: Epoch,
    now: Timestamp,
    holds: BTreeMap<NodeId, Timestamp>,
}

impl LocalRun {
    /// Writes down everything the run holds. The run may go on.
    pub fn snapshot(&mut self) -> Result<LocalSnapshot> {
        self.stage()?;
        let mut steps = Vec::new();
        for node in &mut self.nodes {
            for copy in node.copies() {
                steps.extend(copy.snapshot(KEY_GROUPS)?);
            }
        }
        let mut sources = Vec::new();
        for reading in &mut self.readings {
            sources.push((reading.id, reading.rest()?));
        }
        Ok(LocalSnapshot {
            steps,
            sources,
            staged: self.staged.clone(),
            epoch: self.epoch,
            now: self.now,
            holds: self.holds.clone(),
        })
    }

    /// A run of the same graph that goes on from `snapshot`, perhaps with another number of copies,
    /// another store or another seed.
    pub fn restore(
        graph: &Graph,
        options: super::Options,
        snapshot: &LocalSnapshot,
    ) -> Result<Self> {
        let mut steps: BTreeMap<NodeId, Vec<StepSnapshot>> = BTreeMap::new();
        for (id, part) in &snapshot.steps {
            steps.entry(*id).or_default().push(part.clone());
        }
        Self::started(graph, options, |run| {
            run.now = snapshot.now;
            run.epoch = snapshot.epoch;
            run.staged.clone_from(&snapshot.staged);
            run.holds.clone_from(&snapshot.holds);
            for (&node, &at) in &snapshot.holds {
                run.pass_hold(node, Some(at));
            }
            for node in &mut run.nodes {
                let n = node.copies().len();
                for (i, copy) in node.copies().iter_mut().enumerate() {
                    copy.restore(&|id| {
                        let parts = steps.get(&id).map_or(&[][..], Vec::as_slice);
                        SnapshotReader::new(parts, owned(i, n))
                    })?;
                }
            }
            for reading in &mut run.readings {
                let rest = snapshot.sources.iter().find(|(id, _)| *id == reading.id);
                if let Some((_, rest)) = rest {
                    reading.go_on_from(rest);
                }
            }
            Ok(())
        })
    }
}
