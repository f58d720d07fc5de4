//! What a run staged, sink by sink, for its only epoch.

use std::collections::BTreeMap;
use whitebeam_runner_core::outputs;
use whitebeam_runner_core::stage::Stage;
use whitebeam_sdk::Result;
use whitebeam_sdk::graph::NodeId;
use whitebeam_sdk::sink::Epoch;

/// The only epoch of a batch run.
const EPOCH: Epoch = Epoch(0);

/// The staged parts of every sink, of all its copies.
#[derive(Debug, Default)]
pub(crate) struct Staged(BTreeMap<NodeId, Vec<Vec<u8>>>);

impl Staged {
    /// What one stage's sinks staged.
    pub(crate) fn of(stage: &mut Stage) -> Result<Self> {
        let mut staged = Self::default();
        staged.extend(stage.stage_sinks(EPOCH)?);
        Ok(staged)
    }

    fn extend(&mut self, more: impl IntoIterator<Item = (NodeId, Vec<Vec<u8>>)>) {
        for (sink, parts) in more {
            self.0.entry(sink).or_default().extend(parts);
        }
    }

    pub(crate) fn merge(&mut self, other: Staged) {
        self.extend(other.0);
    }

    /// As the outputs take it.
    pub(crate) fn into_epoch(self) -> Vec<outputs::Staged> {
        let staged = self.0.into_iter().map(|(sink, parts)| outputs::Staged {
            epoch: EPOCH,
            sink,
            parts,
        });
        staged.collect()
    }
}
