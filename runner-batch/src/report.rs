//! What a run did: elements by step, and what was dropped.

use crate::commit::Staged;
use std::collections::BTreeMap;
use std::fmt;
use whitebeam_runner_core::StepCount;
use whitebeam_runner_core::stage::Stage;
use whitebeam_sdk::Result;
use whitebeam_sdk::graph::NodeId;

/// What a batch run did.
#[derive(Clone, Debug, Default)]
pub struct BatchReport {
    steps: BTreeMap<NodeId, StepCount>,
}

impl BatchReport {
    /// Counts by step, in the order of the graph.
    pub fn steps(&self) -> impl Iterator<Item = &StepCount> {
        self.steps.values()
    }

    /// The counts of the step at `path`.
    pub fn step(&self, path: &str) -> Option<&StepCount> {
        self.steps().find(|step| step.path == path)
    }

    /// Adds what one copy of a stage counted.
    pub(crate) fn add(&mut self, stage: &Stage) {
        for (id, path, n) in stage.elements_in() {
            let step = self.steps.entry(id).or_default();
            step.path = path.to_string();
            step.elements_in += n;
        }
        for (id, dropped) in stage.dropped() {
            self.steps.entry(id).or_default().dropped += dropped;
        }
    }

    pub(crate) fn merge(&mut self, other: BatchReport) {
        for (id, more) in other.steps {
            let step = self.steps.entry(id).or_default();
            step.path = more.path;
            step.elements_in += more.elements_in;
            step.dropped += more.dropped;
        }
    }
}

impl fmt::Display for BatchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.steps.values() {
            writeln!(f, "{step}")?;
        }
        Ok(())
    }
}

/// What a run leaves behind before its commit.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) report: BatchReport,
    pub(crate) staged: Staged,
}

impl Outcome {
    /// Ends a stage to which nothing more comes.
    pub(crate) fn of(stage: &mut Stage) -> Result<Self> {
        let mut outcome = Outcome {
            staged: Staged::of(stage)?,
            ..Outcome::default()
        };
        outcome.report.add(stage);
        Ok(outcome)
    }

    pub(crate) fn merge(&mut self, other: Outcome) {
        self.report.merge(other.report);
        self.staged.merge(other.staged);
    }
}
