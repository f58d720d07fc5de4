//! What a run did.

use crate::coordinator::{End, Ended, Epochs};
use crate::snapshot::Counts;
use std::collections::BTreeMap;
use std::fmt;
use whitebeam_runner_core::StepCount;
use whitebeam_sdk::erase::Dropped;

/// What a run did, up to its last epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamingReport {
    /// How it came to its end.
    pub end: End,
    /// What became of its epochs.
    pub epochs: Epochs,
    steps: Vec<StepCount>,
}

impl StreamingReport {
    /// `paths` in the order of the graph.
    pub(crate) fn new(ended: &Ended, paths: impl Iterator<Item = String>) -> Self {
        StreamingReport {
            end: ended.end,
            epochs: ended.epochs,
            steps: steps(&ended.counts, paths),
        }
    }

    /// Counts by step, in the order of the graph.
    pub fn steps(&self) -> impl Iterator<Item = &StepCount> {
        self.steps.iter()
    }
}

fn steps(counts: &BTreeMap<String, Counts>, paths: impl Iterator<Item = String>) -> Vec<StepCount> {
    let step = |path: String| {
        let counts = counts.get(&path)?;
        Some(StepCount {
            path,
            elements_in: counts.elements_in,
            dropped: Dropped {
                late: counts.late,
                closed: counts.closed,
                unwindowed: counts.unwindowed,
            },
        })
    };
    paths.filter_map(step).collect()
}

impl fmt::Display for StreamingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        Ok(())
    }
}
