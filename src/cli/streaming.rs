//! The streaming runner from the command line.
//!
//! Owns which events are told while a run without end goes on. Does not own signals (`interrupt`)
//! nor how things look (`status`).

use super::how::How;
use super::interrupt;
use super::report::{Checkpoints, Ran};
use super::status::{Screen, Status};
use crate::runners::{Completed, End, Failed, Started, StreamingObserver, StreamingRunner};
use crate::sink::Epoch;
use crate::{Pipeline, Result};
use serde_json::json;
use std::sync::Arc;

/// Runs `pipeline` until its input ends or the process is asked to stop.
pub(super) fn run(how: &How, pipeline: &Pipeline) -> Result<Ran> {
    let options = &how.streaming;
    let screen = Screen::new(how.json);
    let mut runner = StreamingRunner::new()
        .until_end(options.until_end)
        .allow_sink_rewind(options.allow_sink_rewind)
        .observe(Arc::new(Told(screen.clone())));
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
    #[cfg(feature = "metrics")]
    let _endpoint = serve(options, &runner, &screen)?;
    let status = Status::show(screen, runner.metrics());
    let report = runner.run(pipeline);
    drop(status);
    let report = report?;
    Ok(Ran {
        steps: report.steps().cloned().collect(),
        is_suspended: report.end == End::Suspended,
        checkpoints: Some(Checkpoints {
            completed: report.epochs.completed,
            failed: report.epochs.failed,
            last: report.epochs.last.0,
        }),
    })
}

/// Serves the run's numbers, if that was asked for.
#[cfg(feature = "metrics")]
fn serve(
    options: &super::how::Streaming,
    runner: &StreamingRunner,
    screen: &Screen,
) -> Result<Option<crate::metrics::Endpoint>> {
    let Some(address) = options.metrics else {
        return Ok(None);
    };
    let endpoint = crate::metrics::Endpoint::open(address, runner.metrics())?;
    let address = endpoint.address().to_string();
    screen.tell(&json!({ "event": "metrics", "address": address }));
    screen.say(&format!("metrics: http://{address}/metrics"));
    Ok(Some(endpoint))
}

/// Says what happens: every event to machines, what matters to people.
struct Told(Screen);

impl StreamingObserver for Told {
    fn started(&self, started: &Started) {
        let workers = started.parallelism;
        self.0.tell(&json!({
            "event": "started",
            "resumed_from": started.resumed_from.map(|epoch| epoch.0),
            "parallelism": workers,
            "rejected": started.rejected,
        }));
        for rejected in &started.rejected {
            self.0.say(&format!("cannot be used: {rejected}"));
        }
        if let Some(Epoch(epoch)) = started.resumed_from {
            self.0.say(&format!(
                "going on from checkpoint {epoch} with {workers} workers"
            ));
        }
    }

    fn completed(&self, completed: &Completed) {
        self.0.tell(&json!({
            "event": "checkpoint",
            "epoch": completed.epoch.0,
            "seconds": completed.took.as_secs_f64(),
            "bytes": completed.bytes,
        }));
    }

    fn failed(&self, failed: &Failed<'_>) {
        self.0.tell(&json!({
            "event": "checkpoint_failed",
            "epoch": failed.epoch.0,
            "text": failed.why.map(ToString::to_string),
        }));
        self.0.say(&failed.to_string());
    }

    fn committed(&self, epoch: Epoch) {
        self.0
            .tell(&json!({ "event": "committed", "epoch": epoch.0 }));
    }
}
