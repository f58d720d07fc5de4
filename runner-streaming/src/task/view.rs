//! What is seen of a task from outside.
//!
//! Owns what is counted, and the clock of how long a task was blocked. Changes nothing that a task
//! does.

use super::{Input, Task};
use crate::metrics::{Place, StageView, StepMetrics};
use crate::snapshot::Counts;
use std::collections::BTreeMap;
use std::time::Duration;
use whitebeam_sdk::erase::Dropped;

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

    /// Goes on counting from here.
    pub(crate) fn count_from(&mut self, counts: &BTreeMap<String, Counts>) {
        let mine = self.paths.values();
        self.before = mine
            .filter_map(|path| Some((path.clone(), *counts.get(path)?)))
            .collect();
    }

    /// What the steps have counted since the pipeline first started.
    pub(crate) fn counts(&self) -> BTreeMap<String, Counts> {
        let mut counts = self.before.clone();
        if let Input::Source(reading) = &self.input {
            let read = Counts::of(reading.elements(), Dropped::default());
            counts
                .entry(reading.path().to_string())
                .or_default()
                .add(read);
        }
        for (_, path, n) in self.stage.elements_in() {
            let of = counts.entry(path.to_string()).or_default();
            of.add(Counts::of(n, Dropped::default()));
        }
        for (id, dropped) in self.stage.dropped() {
            let path = self.paths.get(&id).cloned().unwrap_or_default();
            counts.entry(path).or_default().add(Counts::of(0, dropped));
        }
        counts
    }
}
