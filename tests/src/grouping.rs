//! The grouping step alone as an engine: no runner, batches and outputs made by hand.

use crate::engine::{Element, Engine, Happened, KeyPane};
use crate::ledger::{Account, Ledger};
use crate::translate;
use std::ops::Range;
use std::sync::Arc;
use whitebeam_runner_core::group::{self, General, GroupOptions};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::erase::{
    Dropped, ErasedBatch, ErasedGrouping, Flow, Outs, Step, StoreKind, typed,
};
use whitebeam_sdk::graph::NodeKind;
use whitebeam_sdk::snapshot::{SnapshotReader, SnapshotWriter, StepSnapshot};
use whitebeam_sdk::window::WindowingStrategy;
use whitebeam_sdk::{Error, PaneInfo, Pipeline, Result, Timestamp, Window};

/// How the step is made and driven.
#[derive(Clone, Copy, Debug)]
pub struct Drive {
    /// Which store it uses.
    pub store: StoreKind,
    /// Elements per `process` call, at the most.
    pub batch: usize,
    /// Which windows the batches name themselves, instead of leaving them implied.
    pub explicit: bool,
    /// Takes the general path whatever the strategy is.
    pub general_only: bool,
}

impl Drive {
    /// Bundles in one batch, windows implied.
    pub fn on(store: StoreKind) -> Self {
        Drive {
            store,
            batch: usize::MAX,
            explicit: false,
            general_only: true,
        }
    }
}

/// A clock and where it moves.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The input watermark.
    Watermark(Timestamp),
    /// Processing time.
    Processing(Timestamp),
}

/// A grouping step, under the general path unless its drive says otherwise.
pub struct GroupingStep {
    grouping: Arc<dyn ErasedGrouping>,
    windowing: WindowingStrategy,
    drive: Drive,
    step: Box<dyn Step>,
    /// What the step took from its store and has not given back.
    pub account: Account,
    outs: Vec<Box<dyn ErasedBatch>>,
    seen: Happened,
    input: Timestamp,
    /// Elements that came out of the late output.
    pub late: Vec<(Element, Window)>,
    /// How often a call had to be repeated.
    pub yields: usize,
}

impl std::fmt::Debug for GroupingStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GroupingStep({:?})", self.windowing)
    }
}

fn lists() -> Result<Arc<dyn ErasedGrouping>> {
    let pipeline = Pipeline::new();
    let _grouped = pipeline.create(Vec::<(u64, i64)>::new()).group_by_key();
    let graph = pipeline.graph();
    let mut kinds = graph.nodes().iter().map(|node| &node.kind);
    let grouping = kinds.find_map(|kind| match kind {
        NodeKind::Group(grouping) => Some(Arc::clone(grouping)),
        _ => None,
    });
    grouping.ok_or_else(|| Error::internal("group_by_key makes no grouping"))
}

/// The step; that of the general path keeps account of its store.
fn made(
    grouping: &dyn ErasedGrouping,
    windowing: &WindowingStrategy,
    drive: Drive,
    account: &Account,
) -> Result<Box<dyn Step>> {
    if drive.general_only {
        let store = Ledger::of(grouping.store(drive.store)?, account.clone());
        let general = General::new(Box::new(store), windowing.clone(), true);
        return Ok(Box::new(general));
    }
    let options = GroupOptions {
        store: drive.store,
        general_only: false,
    };
    group::step(grouping, windowing, true, &options)
}

impl GroupingStep {
    /// A step that has seen nothing.
    pub fn new(windowing: &WindowingStrategy, drive: Drive) -> Result<Self> {
        let grouping = lists()?;
        let account = Account::default();
        let mut step = made(&*grouping, windowing, drive, &account)?;
        step.setup()?;
        Ok(GroupingStep {
            outs: vec![grouping.new_output(), grouping.new_input(0)],
            grouping,
            windowing: windowing.clone(),
            drive,
            step,
            account,
            seen: Happened::default(),
            input: Timestamp::MIN,
            late: Vec::new(),
            yields: 0,
        })
    }

    /// How it is driven.
    pub fn drive(&self) -> Drive {
        self.drive
    }

    /// What the step holds.
    pub fn snapshot(&mut self, key_groups: u16) -> Result<StepSnapshot> {
        let mut writer = SnapshotWriter::new(key_groups);
        self.step.snapshot(&mut writer)?;
        writer.finish()
    }

    /// Begins to write down what the step holds now.
    pub fn freeze(&mut self, since_last: bool, key_groups: u16) -> Result<SnapshotWriter> {
        let mut writer = SnapshotWriter::new(key_groups);
        self.step.freeze(since_last, &mut writer)?;
        Ok(writer)
    }

    /// Goes on with that.
    pub fn pace(&mut self, quota: usize, to: &mut SnapshotWriter) -> Result<Flow> {
        self.step.pace(quota, to)
    }

    /// A new step that goes on from `parts` with the key groups `mine`.
    pub fn restored(&self, parts: &[StepSnapshot], mine: Range<u16>) -> Result<Self> {
        let mut other = GroupingStep::new(&self.windowing, self.drive)?;
        other.step.restore(&SnapshotReader::new(parts, mine))?;
        other.input = self.input;
        Ok(other)
    }

    /// The key group of a key, of `key_groups` in all.
    pub fn key_group(key: u64, key_groups: u16) -> u16 {
        let hash = whitebeam_sdk::hash::stable_hash(&key);
        whitebeam_sdk::hash::KeyGroup::of(hash, key_groups).0
    }

    /// Moves a clock by one call, which may not be enough, and by more until a snapshot may be
    /// taken: what came out, and whether that was all.
    pub fn move_once(&mut self, clock: Clock) -> Result<(Happened, Flow)> {
        let mut flow = self.move_clock(clock)?;
        self.collect()?;
        while flow == Flow::Yield && !self.step.saves_amid() {
            flow = self.move_clock(clock)?;
            self.collect()?;
        }
        Ok((std::mem::take(&mut self.seen), flow))
    }

    fn move_clock(&mut self, clock: Clock) -> Result<Flow> {
        let out = &mut Outs::new(&mut self.outs);
        match clock {
            Clock::Watermark(to) => {
                self.input = self.input.max(to);
                self.step.watermark(to, out)
            }
            Clock::Processing(now) => self.step.processing_time(now, out),
        }
    }

    /// Moves a clock by as many calls as it takes.
    pub fn move_fully(&mut self, clock: Clock) -> Result<Happened> {
        let before = self.step.dropped();
        while self.move_clock(clock)? == Flow::Yield {
            self.collect()?;
            self.yields += 1;
        }
        self.collect()?;
        Ok(self.happened(before))
    }

    /// Calls until all is done, collecting what comes out.
    fn call(
        &mut self,
        mut call: impl FnMut(&mut dyn Step, &mut Outs<'_>) -> Result<Flow>,
    ) -> Result<()> {
        loop {
            let flow = call(&mut *self.step, &mut Outs::new(&mut self.outs))?;
            self.collect()?;
            match flow {
                Flow::Done => return Ok(()),
                Flow::Yield => self.yields += 1,
            }
        }
    }

    fn collect(&mut self) -> Result<()> {
        let panes = typed::<(u64, Vec<i64>)>(&mut *self.outs[0]);
        for (row, (key, values)) in panes.values().iter().enumerate() {
            let (window, pane) = (panes.meta.windows.get(row), panes.meta.panes.get(row));
            let timestamp = panes.meta.ts.get(row);
            self.seen.panes.push(KeyPane {
                key: *key,
                pane: translate::pane(window, values.clone(), timestamp, pane)?,
            });
        }
        panes.clear();
        let late = typed::<(u64, i64)>(&mut *self.outs[1]);
        for (row, &(key, value)) in late.values().iter().enumerate() {
            let timestamp = late.meta.ts.get(row);
            let element = Element {
                key,
                timestamp,
                value,
            };
            self.late.push((element, late.meta.windows.get(row)));
        }
        late.clear();
        Ok(())
    }

    fn happened(&mut self, before: Dropped) -> Happened {
        let after = self.step.dropped();
        self.seen.dropped = Dropped {
            late: after.late - before.late,
            closed: after.closed - before.closed,
            unwindowed: after.unwindowed - before.unwindowed,
        };
        std::mem::take(&mut self.seen)
    }

    fn batch(&self, elements: &[Element]) -> Batch<(u64, i64)> {
        let mut batch = Batch::default();
        for element in elements {
            let mut push = |window| {
                let value = (element.key, element.value);
                batch.push(value, element.timestamp, window, PaneInfo::NO_FIRING);
            };
            if self.drive.explicit {
                self.windowing.window_fn.assign(element.timestamp, push);
            } else {
                push(Window::GLOBAL);
            }
        }
        batch.meta.implied = !self.drive.explicit;
        batch
    }
}

impl Engine for GroupingStep {
    fn bundle(&mut self, elements: &[Element]) -> Result<Happened> {
        let before = self.step.dropped();
        self.step.start_bundle()?;
        for part in elements.chunks(self.drive.batch) {
            let mut input = self.grouping.new_input(0);
            *typed::<(u64, i64)>(&mut *input) = self.batch(part);
            self.call(|step, out| step.process(0, &mut *input, out))?;
        }
        self.call(|step, out| step.finish_bundle(out))?;
        Ok(self.happened(before))
    }

    fn watermark(&mut self, to: Timestamp) -> Result<Happened> {
        self.move_fully(Clock::Watermark(to))
    }

    fn processing_time(&mut self, now: Timestamp) -> Result<Happened> {
        self.move_fully(Clock::Processing(now))
    }

    fn hold(&mut self, at: Option<Timestamp>) {
        self.step.hold(at);
    }

    fn output_watermark(&self) -> Timestamp {
        self.step.output_watermark(self.input)
    }
}
