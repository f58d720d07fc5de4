//! The local runner on scenarios: a real pipeline, played event by event.

use crate::translate;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_runner_local::{LocalRun, Options};
use whitebeam_sdk::erase::Dropped;
use whitebeam_sdk::graph::{Graph, NodeId, NodeKind};
use whitebeam_sdk::{Duration, Error, Pipeline, Result, Timestamp};
use whitebeam_testkit::TestStream;
use whitebeam_testkit::oracle::{Action, Outcome, PaneRecord, Scenario, replay};

/// Panes as they pass by, before any of them is committed.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Result<PaneRecord>>>>);

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Vec<Result<PaneRecord>>> {
        // Nothing can fail while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A scenario at work on the local runner.
#[derive(Debug)]
pub struct LocalScenario {
    graph: Graph,
    run: LocalRun,
    grouping: NodeId,
    seen: Seen,
    dropped: Dropped,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} panes", self.lock().len())
    }
}

impl LocalScenario {
    /// A pipeline that plays `scenario` to its grouping.
    pub fn new(scenario: &Scenario, options: Options) -> Result<Self> {
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
        let mut run = LocalRun::new(&graph, options)?;
        run.hold(grouping, scenario.other_hold.map(Timestamp::from_micros))?;
        Ok(LocalScenario {
            graph,
            run,
            grouping,
            seen,
            dropped: Dropped::default(),
        })
    }

    /// Goes on in another run, from a snapshot of this one.
    pub fn move_to(&mut self, options: Options) -> Result<()> {
        let snapshot = self.run.snapshot()?;
        self.run = LocalRun::restore(&self.graph, options, &snapshot)?;
        self.dropped = self.run.dropped(self.grouping);
        Ok(())
    }

    /// Plays the next event.
    pub fn play(&mut self) -> Result<Outcome> {
        self.run.play()?;
        let before = self.dropped;
        self.dropped = self.run.dropped(self.grouping);
        let output_watermark = self.run.output_watermark(self.grouping);
        let panes: Result<Vec<PaneRecord>> = self.seen.lock().drain(..).collect();
        Ok(Outcome {
            panes: panes?,
            dropped_late: self.dropped.late - before.late,
            dropped_closed: self.dropped.closed - before.closed,
            output_watermark: output_watermark.unwrap_or(Timestamp::MIN).micros(),
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

/// Plays `scenario` on the local runner, calling `between` before every event, and judges it: the
/// first difference, if there is one.
pub fn judge(
    scenario: &Scenario,
    options: Options,
    mut between: impl FnMut(&mut LocalScenario) -> Result<()>,
) -> Result<(), String> {
    let with_name = |error: Error| format!("{}: {error}", scenario.name);
    let mut local = LocalScenario::new(scenario, options).map_err(with_name)?;
    let mut broken = None;
    let replayed = replay(scenario, |_| {
        let played = between(&mut local).and_then(|()| local.play());
        played.unwrap_or_else(|error| {
            broken = Some(with_name(error));
            Outcome {
                panes: Vec::new(),
                dropped_late: u64::MAX,
                dropped_closed: u64::MAX,
                output_watermark: 0,
            }
        })
    });
    broken.map_or(replayed, Err)
}
