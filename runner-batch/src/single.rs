//! One worker: the whole graph as one stage, without an exchange.
//!
//! Sources are read in the order of their watermarks, which move the stage's: what a source
//! promises frees windows early. A source without promises stays at the beginning of time until it
//! ends.

use crate::input::{Input, Reading};
use crate::observe::Meter;
use crate::report::Outcome;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_runner_core::plan::{Plan, StageOptions};
use whitebeam_runner_core::stage::Stage;
use whitebeam_sdk::sink::Shard;
use whitebeam_sdk::time::Timestamp;
use whitebeam_sdk::{Error, Result};

/// One source: its open split and the splits behind it.
struct Lane<'g> {
    input: Input<'g>,
    next_split: usize,
    open: Option<Reading<'g>>,
    watermark: Timestamp,
}

impl<'g> Lane<'g> {
    /// Opens the next split if none is open; false if there is none.
    fn ready(&mut self, plan: &Plan<'g>, meter: &Meter) -> Result<bool> {
        if self.open.is_none()
            && let Some(split) = self.input.splits.get(self.next_split)
        {
            self.open = Some(self.input.open(plan, split, meter)?);
            self.next_split += 1;
        }
        Ok(self.open.is_some())
    }

    /// The promise of the source: of its last split, since the others may hold anything.
    fn promise(&self) -> Timestamp {
        match &self.open {
            Some(reading) if self.next_split == self.input.splits.len() => reading.watermark(),
            Some(_) => Timestamp::MIN,
            None if self.next_split == self.input.splits.len() => Timestamp::MAX,
            None => Timestamp::MIN,
        }
    }
}

/// Runs the whole graph on the calling thread.
pub(crate) fn run(plan: &Plan<'_>, group: GroupOptions, meter: &Meter) -> Result<Outcome> {
    let whole = plan.whole();
    let options = StageOptions {
        group,
        shard: Shard { index: 0, of: 1 },
    };
    let no_exit = &mut |_: &_| Err(Error::internal("a stage without exits has no outlet"));
    let mut stage = plan.stage(&whole, &options, no_exit)?;
    let mut lanes = Vec::new();
    for entry in &whole.entries {
        let input = Input::discover(plan, entry.collection.node, 1)?;
        meter.found(input.splits.len());
        lanes.push(Lane {
            input,
            next_split: 0,
            open: None,
            watermark: Timestamp::MIN,
        });
    }
    stage.setup()?;
    let ran = read_all(plan, &mut stage, &mut lanes, meter).and_then(|()| finish(&mut stage));
    stage.teardown();
    ran
}

fn read_all<'g>(
    plan: &Plan<'g>,
    stage: &mut Stage,
    lanes: &mut [Lane<'g>],
    meter: &Meter,
) -> Result<()> {
    while let Some(entry) = least(plan, lanes, meter)? {
        let lane = &mut lanes[entry];
        let Some(reading) = &mut lane.open else {
            continue;
        };
        let more = reading.step(plan, stage, entry, meter)?;
        let full = reading.bundle_is_full();
        if !more {
            lane.open = None;
            meter.split_done();
        }
        if full || !more {
            lane.watermark = lane.promise();
            stage.set_watermark(entry, lane.watermark);
            stage.settle().map_err(|e| match &lane.open {
                Some(reading) => reading.near(e),
                None => e,
            })?;
        }
    }
    Ok(())
}

/// The lane to read next: the one whose watermark is least.
fn least<'g>(plan: &Plan<'g>, lanes: &mut [Lane<'g>], meter: &Meter) -> Result<Option<usize>> {
    let mut least: Option<usize> = None;
    for i in 0..lanes.len() {
        if lanes[i].ready(plan, meter)?
            && least.is_none_or(|l| lanes[i].watermark < lanes[l].watermark)
        {
            least = Some(i);
        }
    }
    Ok(least)
}

/// Nothing more comes: fires everything, on a virtual clock, and stages the sinks.
fn finish(stage: &mut Stage) -> Result<Outcome> {
    drain(stage)?;
    Outcome::of(stage)
}

/// Moves every watermark to the end of time, then the clock to each instant that a step waits for.
pub(crate) fn drain(stage: &mut Stage) -> Result<()> {
    stage.finish_inputs();
    stage.settle()?;
    while let Some(due) = stage.next_tick() {
        stage.tick(due.next())?;
    }
    stage.settle()
}
