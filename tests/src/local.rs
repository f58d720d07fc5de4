//! The local runner on scenarios: a real pipeline, played event by event.

use crate::scripted::{Scripted, Seen, replayed};
use whitebeam_runner_local::{LocalRun, Options};
use whitebeam_sdk::erase::Dropped;
use whitebeam_sdk::graph::{Graph, NodeId};
use whitebeam_sdk::{Result, Timestamp};
use whitebeam_testkit::oracle::{Outcome, Scenario};

/// A scenario at work on the local runner.
#[derive(Debug)]
pub struct LocalScenario {
    graph: Graph,
    run: LocalRun,
    grouping: NodeId,
    seen: Seen,
    dropped: Dropped,
}

impl LocalScenario {
    /// A pipeline that plays `scenario` to its grouping.
    pub fn new(scenario: &Scenario, options: Options) -> Result<Self> {
        let Scripted {
            graph,
            grouping,
            seen,
        } = Scripted::of(scenario)?;
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
        Ok(Outcome {
            panes: self.seen.take()?,
            dropped_late: self.dropped.late - before.late,
            dropped_closed: self.dropped.closed - before.closed,
            output_watermark: output_watermark.unwrap_or(Timestamp::MIN).micros(),
        })
    }
}

/// Plays `scenario` on the local runner, calling `between` before every event, and judges it: the
/// first difference, if there is one.
pub fn judge(
    scenario: &Scenario,
    options: Options,
    mut between: impl FnMut(&mut LocalScenario) -> Result<()>,
) -> Result<(), String> {
    replayed(
        scenario,
        || LocalScenario::new(scenario, options),
        |local| between(local).and_then(|()| local.play()),
    )
}
