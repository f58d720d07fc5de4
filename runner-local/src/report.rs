//! `Report`: what a run did, step by step.
//!
//! Owns plain numbers and how they are shown.

use std::fmt;
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::erase::Dropped;
use whitebeam_sdk::graph::NodeId;

/// What one step did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepReport {
    /// The step.
    pub node: NodeId,
    /// Its path.
    pub path: String,
    /// Elements that it took; for a source, that it read.
    pub elements: u64,
    /// What it dropped.
    pub dropped: Dropped,
    /// Its last promise; [`Timestamp::MAX`] when it had finished.
    pub output_watermark: Timestamp,
}

/// What a run did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The seed that all choices were drawn from.
    pub seed: u64,
    /// Every step, inputs before the steps that read them.
    pub steps: Vec<StepReport>,
}

impl Report {
    /// The step at `path`.
    pub fn step(&self, path: &str) -> Option<&StepReport> {
        self.steps.iter().find(|s| s.path == path)
    }

    /// Everything that was dropped.
    pub fn dropped(&self) -> Dropped {
        let mut sum = Dropped::default();
        for step in &self.steps {
            sum += step.dropped;
        }
        sum
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.iter().map(|s| s.path.len()).max().unwrap_or(0);
        write!(f, "seed {}", self.seed)?;
        for step in &self.steps {
            let (path, elements) = (&step.path, step.elements);
            write!(f, "\n  {path:width$}  {elements:>10} elements")?;
            for (n, why) in step.dropped.reasons() {
                write!(f, ", {n} dropped ({why})")?;
            }
            if step.output_watermark < Timestamp::MAX {
                write!(f, ", watermark {}", step.output_watermark)?;
            }
        }
        Ok(())
    }
}
