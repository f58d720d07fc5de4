//! What can be asked of a stage: what its steps have done, and where they stand.
//!
//! Owns the answers. Changes nothing: whoever watches a run makes it no other.

use super::Stage;
use super::node::{Body, StageNode};
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::erase::Dropped;
use whitebeam_sdk::graph::NodeId;

/// What one node of a stage has done, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepProgress<'a> {
    /// The step's path.
    pub path: &'a str,
    /// It hands to the outside.
    pub is_sink: bool,
    /// Elements it took.
    pub elements_in: u64,
    /// Elements it handed on, on all outputs together.
    pub elements_out: u64,
    /// (element, window) pairs it dropped.
    pub dropped: Dropped,
    /// What it promises for its outputs.
    pub watermark: Timestamp,
}

impl Stage {
    /// Output watermark of a node, for progress, tests and stuck-job reports.
    pub fn output_watermark(&self, node: NodeId) -> Option<Timestamp> {
        self.nodes
            .iter()
            .find(|n| n.id == node)
            .map(|n| n.output_watermark)
    }

    /// Elements dropped by the groupings of this stage, by node.
    pub fn dropped(&self) -> Vec<(NodeId, Dropped)> {
        let of = |n: &StageNode| Some((n.id, n.step()?.dropped()));
        self.nodes
            .iter()
            .filter_map(of)
            .filter(|(_, d)| *d != Dropped::default())
            .collect()
    }

    /// Elements that each node took so far.
    pub fn elements_in(&self) -> impl Iterator<Item = (NodeId, &str, u64)> {
        // An outlet stands for its reader, which counts for itself where it runs.
        let own = |n: &&StageNode| !matches!(n.body, Body::Outlet(_));
        self.nodes
            .iter()
            .filter(own)
            .map(|n| (n.id, n.path.as_str(), n.elements_in))
    }

    /// What each node has done so far and where it stands, for who watches a run.
    pub fn progress(&self) -> impl Iterator<Item = StepProgress<'_>> {
        let own = |n: &&StageNode| !matches!(n.body, Body::Outlet(_));
        self.nodes.iter().filter(own).map(|n| StepProgress {
            path: &n.path,
            is_sink: matches!(n.body, Body::Writer(_)),
            elements_in: n.elements_in,
            elements_out: n.elements_out,
            dropped: n.step().map_or_else(Dropped::default, |s| s.dropped()),
            watermark: n.output_watermark,
        })
    }

    /// What stands still and why: every node's watermarks, for a runner that makes no progress.
    pub fn report(&self) -> String {
        let line = |n: &StageNode| {
            let input = n.input_watermark();
            format!(
                "  {}: input watermark {input}, output watermark {}",
                n.path, n.output_watermark
            )
        };
        self.nodes.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
