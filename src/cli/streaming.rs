//! The streaming runner from the command line.
//!
//! Owns what is said while a run without end goes on. Does not own signals; they are
//! `interrupt`'s.

use super::how::How;
use super::interrupt;
use super::report::{Checkpoints, Ran, StepLine};
use crate::runners::{Completed, End, Failed, Started, StreamingObserver, StreamingRunner};
use crate::sink::Epoch;
use crate::{Pipeline, Result};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;

/// Runs `pipeline` until its input ends or the process is asked to stop.
pub(super) fn run(how: &How, pipeline: &Pipeline) -> Result<Ran> {
    let options = &how.streaming;
    let mut runner = StreamingRunner::new()
        .until_end(options.until_end)
        .allow_sink_rewind(options.allow_sink_rewind)
        .observe(Arc::new(Told { json: how.json }));
    if let Some(directory) = &options.checkpoints {
        runner = runner.checkpoints(directory);
    }
    if let Some(n) = how.parallelism {
        runner = runner.parallelism(n.get());
    }
    if let Some(interval) = options.checkpoint_interval {
        runner = runner.interval(interval);
    }
    if let Some(rate) = options.max_rate {
        runner = runner.max_rate(f64::from(rate.get()));
    }
    if let Some(lease) = options.lease {
        runner = runner.lease(lease);
    }
    let _suspending = interrupt::suspends(runner.stop_handle())?;
    let report = runner.run(pipeline)?;
    let step = |step: &whitebeam_runner_streaming::StepCount| StepLine {
        path: step.path.clone(),
        elements: step.elements_in,
        dropped: step.dropped,
    };
    Ok(Ran {
        steps: report.steps().map(step).collect(),
        is_suspended: report.end == End::Suspended,
        checkpoints: Some(Checkpoints {
            completed: report.epochs.completed,
            failed: report.epochs.failed,
            last: report.epochs.last.0,
        }),
    })
}

/// Says what happens: every event to machines, what matters to people.
struct Told {
    json: bool,
}

impl Told {
    /// What nobody can read any more is no reason to stop a run.
    fn tell(&self, event: &Value) {
        if self.json {
            let _ = writeln!(std::io::stdout(), "{event}");
        }
    }

    fn say(&self, text: &str) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }
}

impl StreamingObserver for Told {
    fn started(&self, started: &Started) {
        let workers = started.parallelism;
        self.tell(&json!({
            "event": "started",
            "resumed_from": started.resumed_from.map(|epoch| epoch.0),
            "parallelism": workers,
            "rejected": started.rejected,
        }));
        for rejected in &started.rejected {
            self.say(&format!("cannot be used: {rejected}"));
        }
        if let Some(Epoch(epoch)) = started.resumed_from {
            self.say(&format!(
                "going on from checkpoint {epoch} with {workers} workers"
            ));
        }
    }

    fn completed(&self, completed: &Completed) {
        self.tell(&json!({
            "event": "checkpoint",
            "epoch": completed.epoch.0,
            "seconds": completed.took.as_secs_f64(),
            "bytes": completed.bytes,
        }));
    }

    fn failed(&self, failed: &Failed<'_>) {
        self.tell(&json!({
            "event": "checkpoint_failed",
            "epoch": failed.epoch.0,
            "text": failed.why.map(ToString::to_string),
        }));
        self.say(&failed.to_string());
    }

    fn committed(&self, epoch: Epoch) {
        self.tell(&json!({ "event": "committed", "epoch": epoch.0 }));
    }
}
