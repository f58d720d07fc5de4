//! `Scripted`: a recorded scenario as a pipeline that plays a test stream.
//!
//! Owns the pipeline, what its grouping is seen to emit, and the replay on whichever runner plays
//! it. Knows no runner.

use crate::translate;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::graph::{Graph, NodeId, NodeKind};
use whitebeam_sdk::{Duration, Error, Pipeline, Result, Timestamp};
use whitebeam_testkit::TestStream;
use whitebeam_testkit::oracle::{Action, Outcome, PaneRecord, Scenario, replay};

/// Panes as they pass by, before any of them is committed.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<Result<PaneRecord>>>>);

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Vec<Result<PaneRecord>>> {
        // Nothing can fail while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those since the last time.
    pub fn take(&self) -> Result<Vec<PaneRecord>> {
        self.lock().drain(..).collect()
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} panes", self.lock().len())
    }
}

/// A pipeline that plays a scenario to its grouping.
#[derive(Debug)]
pub struct Scripted {
    /// The pipeline.
    pub graph: Graph,
    /// Its grouping.
    pub grouping: NodeId,
    /// What that emits.
    pub seen: Seen,
}

impl Scripted {
    /// Of `scenario`.
    pub fn of(scenario: &Scenario) -> Result<Self> {
        let seen = Seen::default();
        let pipeline = Pipeline::new();
        pipeline.allow_unsafe_triggers();
        let panes = seen.clone();
        let _ = pipeline
            .read(script(scenario))
            .window(translate::windowing(&scenario.strategy))
            .map(|value| (0_u64, value))
            .group_by_key()
            .map_with(move |(_, values), at| {
                let pane = translate::pane(at.window(), values, at.timestamp(), at.pane());
                panes.lock().push(pane);
            });
        // Not checked: scenarios ask for windows that never end, and say so.
        let graph = pipeline.graph();
        let mut groupings = graph.nodes().iter();
        let grouping = groupings.find(|n| matches!(n.kind, NodeKind::Group(_)));
        let grouping = grouping.ok_or_else(|| Error::internal("no grouping"))?.id;
        Ok(Scripted {
            graph,
            grouping,
            seen,
        })
    }
}

fn script(scenario: &Scenario) -> TestStream<i64> {
    let mut stream = TestStream::new();
    for step in &scenario.steps {
        stream = match &step.action {
            Action::Bundle(timestamps) => {
                let element = |&t: &i64| (t, Timestamp::from_micros(t));
                stream.elements(timestamps.iter().map(element))
            }
            Action::Watermark(to) => stream.watermark(Timestamp::from_micros(*to)),
            Action::AdvanceProcessingTime(by) => stream.advance(Duration::from_micros(*by)),
        };
    }
    stream
}

/// Plays `scenario` event by event on what `start` makes, and judges it: the first difference, if
/// there is one.
pub fn replayed<R>(
    scenario: &Scenario,
    start: impl FnOnce() -> Result<R>,
    mut play: impl FnMut(&mut R) -> Result<Outcome>,
) -> Result<(), String> {
    let with_name = |error: Error| format!("{}: {error}", scenario.name);
    let mut run = start().map_err(with_name)?;
    let mut broken = None;
    let judged = replay(scenario, |_| {
        play(&mut run).unwrap_or_else(|error| {
            broken = Some(with_name(error));
            Outcome {
                panes: Vec::new(),
                dropped_late: u64::MAX,
                dropped_closed: u64::MAX,
                output_watermark: 0,
            }
        })
    });
    broken.map_or(judged, Err)
}
