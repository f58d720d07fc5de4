//! What a run did, as people and machines read it.
//!
//! Owns the words and the JSON of the last line of a run, the same for every runner.

use super::how::Runner;
use crate::Error;
use serde_json::{Value, json};
use whitebeam_runner_core::StepCount;

/// What became of the checkpoints of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Checkpoints {
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) last: u64,
}

/// What a run did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ran {
    /// In the order of the graph.
    pub(super) steps: Vec<StepCount>,
    /// It can be gone on with.
    pub(super) is_suspended: bool,
    /// None on runners without.
    pub(super) checkpoints: Option<Checkpoints>,
}

impl Ran {
    /// Everything is done.
    #[cfg(any(feature = "batch", feature = "local"))]
    pub(super) fn done(steps: Vec<StepCount>) -> Self {
        Ran {
            steps,
            is_suspended: false,
            checkpoints: None,
        }
    }

    fn event(&self) -> &'static str {
        match self.is_suspended {
            true => "suspended",
            false => "done",
        }
    }
}

pub(super) fn table(runner: Runner, seconds: f64, ran: &Ran) -> String {
    let mut text = format!("{runner} runner: {} in {seconds:.2} s", ran.event());
    if let Some(of) = ran.checkpoints {
        text.push_str(&match of.completed {
            1 => ", 1 checkpoint".to_string(),
            n => format!(", {n} checkpoints"),
        });
        if of.failed > 0 {
            text.push_str(&format!(" and {} that failed", of.failed));
        }
        if ran.is_suspended {
            let last = of.last;
            text.push_str(&format!(
                "; the same command goes on from checkpoint {last}"
            ));
        }
    }
    for step in &ran.steps {
        text.push_str(&format!("\n{:>12}  {}", step.elements_in, step.path));
        for (n, why) in step.dropped.reasons() {
            text.push_str(&format!(", {n} dropped ({why})"));
        }
    }
    text
}

pub(super) fn object(runner: Runner, seconds: f64, ran: &Ran) -> Value {
    let step = |step: &StepCount| {
        json!({
            "step": step.path,
            "elements": step.elements_in,
            "dropped": {
                "late": step.dropped.late,
                "closed": step.dropped.closed,
                "unwindowed": step.dropped.unwindowed,
            },
        })
    };
    let mut object = json!({
        "event": ran.event(),
        "runner": runner.to_string(),
        "seconds": seconds,
        "steps": ran.steps.iter().map(step).collect::<Vec<_>>(),
    });
    if let Some(of) = ran.checkpoints {
        object["checkpoints"] = json!({
            "completed": of.completed,
            "failed": of.failed,
            "last": of.last,
        });
    }
    object
}

/// People read the same on standard error.
pub(super) fn failure(error: &Error) -> Value {
    json!({
        "event": "failed",
        "code": error.code(),
        "message": error.message(),
        "step": error.step(),
        "text": error.to_string(),
    })
}
