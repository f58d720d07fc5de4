//! What is seen of a task from outside.
//!
//! Owns the clock of how long a task was blocked. Changes nothing that a task does.

use super::{Input, Task};
use crate::metrics::{Place, StageView, StepMetrics};
use std::time::Duration;

/// For how long there was no room for a stage's output.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    before: Duration,
    since: Option<Duration>,
}

impl Blocked {
    pub(super) fn note(&mut self, is_blocked: bool, now: Duration) {
        if is_blocked {
            self.since.get_or_insert(now);
        } else if self.since.is_some() {
            self.before = self.until(now);
            self.since = None;
        }
    }

    fn until(&self, now: Duration) -> Duration {
        let lasting = self.since.map(|since| now.saturating_sub(since));
        self.before + lasting.unwrap_or_default()
    }
}

impl Task {
    /// What there is to see from outside at `now`.
    pub(crate) fn view(&self, now: Duration) -> StageView {
        let mut steps = Vec::new();
        let mut splits = Vec::new();
        if let Input::Source(reading) = &self.input {
            let source = StepMetrics {
                place: Place::Source,
                elements_out: reading.elements(),
                watermark: reading.watermark(),
                ..StepMetrics::default()
            };
            steps.push((reading.path().to_string(), source));
            splits.extend(reading.splits());
        }
        steps.extend(self.stage.progress().map(|step| {
            let metrics = StepMetrics {
                place: if step.is_sink {
                    Place::Sink
                } else {
                    Place::Between
                },
                elements_in: step.elements_in,
                elements_out: step.elements_out,
                dropped: step.dropped,
                watermark: step.watermark,
            };
            (step.path.to_string(), metrics)
        }));
        StageView {
            name: self.name.clone(),
            blocked: self.blocked.until(now),
            steps,
            splits,
        }
    }
}
