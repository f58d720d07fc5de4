//! `LocalRun`: a pipeline at work under the caller's hand.
//!
//! Owns the loop: read, work, tick, until nothing is left; and the virtual clock. Does not own what
//! a step does with what it is given. Invariant: an event is driven until nothing moves any more
//! before the next one is played.

mod snapshot;
mod turns;

pub use snapshot::LocalSnapshot;

use crate::chance::Chance;
use crate::node::{Bundles, Mails, Node};
use crate::reading::Reading;
use crate::report::{Report, StepReport};
use std::collections::{BTreeMap, BTreeSet};
use whitebeam_runner_core::origin::WasRead;
use whitebeam_runner_core::outputs::{Outputs, Staged};
use whitebeam_runner_core::plan::Plan;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::erase::{Dropped, ErasedBatch, StoreKind};
use whitebeam_sdk::graph::{CollectionId, Graph, NodeId, NodeKind};
use whitebeam_sdk::hash::KEY_GROUPS;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::source::ScriptEvent;
use whitebeam_sdk::{Duration, Error, Result, Timestamp};

/// Where the virtual clock starts.
const START: Timestamp = Timestamp::from_micros(0);

/// The settings of a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// All choices are drawn from it.
    pub seed: u64,
    /// Where keys and accumulators live.
    pub store: StoreKind,
    /// Groupings take the general path only.
    pub general_only: bool,
    /// Every grouping runs as so many copies that divide the key groups.
    pub copies: usize,
    /// Unbounded inputs end where they end when the run begins.
    pub until_end: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 0,
            store: StoreKind::Fast,
            general_only: false,
            copies: 1,
            until_end: false,
        }
    }
}

/// A pipeline at work.
pub struct LocalRun {
    options: Options,
    nodes: Vec<Node>,
    readings: Vec<Reading>,
    outputs: Outputs,
    staged: Vec<Staged>,
    chance: Chance,
    now: Timestamp,
    epoch: Epoch,
    /// The caller's own holds.
    holds: BTreeMap<NodeId, Timestamp>,
}

impl std::fmt::Debug for LocalRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "LocalRun({} steps, clock at {})",
            self.nodes.len(),
            self.now
        )
    }
}

impl LocalRun {
    /// Builds and sets up every step of `graph`, and finds out what there is to read. The clock
    /// starts at the epoch.
    pub fn new(graph: &Graph, options: Options) -> Result<Self> {
        Self::started(graph, options, |run| {
            for reading in &mut run.readings {
                reading.discover(&mut run.chance, options.until_end)?;
            }
            Ok(())
        })
    }

    /// A run whose steps are set up and which `prepare` has made ready; if that fails, everything
    /// is torn down and the sinks are aborted.
    fn started(
        graph: &Graph,
        options: Options,
        prepare: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<Self> {
        let built = catch(|| Self::build(graph, options)).and_then(|built| built);
        let mut run = built.inspect_err(|_| Outputs::of(graph).abort())?;
        let started = catch(|| {
            run.nodes.iter_mut().try_for_each(Node::setup)?;
            prepare(&mut run)?;
            run.tick()
        });
        match started.and_then(|started| started) {
            Ok(()) => Ok(run),
            Err(e) => {
                run.abort();
                Err(e)
            }
        }
    }

    fn build(graph: &Graph, options: Options) -> Result<Self> {
        let plan = Plan::new(graph);
        let mut mails = Mails::default();
        let (mut nodes, mut readings) = (Vec::new(), Vec::new());
        for node in graph.nodes() {
            if let NodeKind::Source(source) = &node.kind {
                let output = CollectionId {
                    node: node.id,
                    port: 0,
                };
                let readers: BTreeSet<NodeId> = graph
                    .consumers(output)
                    .into_iter()
                    .map(|(id, _)| id)
                    .collect();
                let readers = readers.into_iter().map(|id| mails.of(output, id)).collect();
                let options = plan.read_options(node.id);
                readings.push(Reading::new(node, source, options, readers));
            } else {
                nodes.push(Node::new(&plan, node, &options, &mut mails)?);
            }
        }
        Ok(LocalRun {
            options,
            nodes,
            readings,
            outputs: Outputs::of(graph),
            staged: Vec::new(),
            chance: Chance::new(options.seed),
            now: START,
            epoch: Epoch(0),
            holds: BTreeMap::new(),
        })
    }

    /// Runs until every input has ended and nothing is pending: reads what can be read, plays
    /// scripts, ends the inputs, then moves processing time on from timer to timer.
    pub fn run_to_end(&mut self) -> Result<()> {
        self.read_all()?;
        while self.play()? {}
        for i in 0..self.readings.len() {
            self.readings[i].set_watermark(Timestamp::MAX)?;
        }
        self.quiesce(Bundles::AsSent)?;
        while let Some(next) = self.next_tick() {
            self.now = self.now.max(next);
            self.tick()?;
        }
        self.nothing_is_left()
    }

    /// Every step has let go of its keys and of its watermark: what is left at the end of time is
    /// lost, and nobody would know.
    fn nothing_is_left(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            let mut keys = 0;
            for copy in node.copies() {
                let held = copy.snapshot(KEY_GROUPS)?;
                keys += held.iter().map(|(_, held)| held.keyed.len()).sum::<usize>();
            }
            if keys > 0 || node.output_watermark() < Timestamp::MAX {
                let path = node.path.clone();
                let e = Error::internal("a step still holds something when everything has ended");
                return Err(e
                    .at_step(path)
                    .note(format!("{keys} keyed records are left"))
                    .note(node.report()));
            }
        }
        Ok(())
    }

    /// Takes `turns` turns of reading, or fewer if there is less, and drives what was read until
    /// nothing moves any more.
    pub fn read_some(&mut self, turns: usize) -> Result<()> {
        for _ in 0..turns {
            if !self.read_once()? {
                break;
            }
        }
        self.quiesce(Bundles::Cut)
    }

    /// Plays the next event of every script, in the order of the sources. False if there was none.
    pub fn play(&mut self) -> Result<bool> {
        let mut played = false;
        for i in 0..self.readings.len() {
            let Some(script) = &mut self.readings[i].script else {
                continue;
            };
            if let Some(event) = script.pop_front() {
                played = true;
                let source = self.readings[i].id;
                self.event(source, event)?;
            }
        }
        Ok(played)
    }

    /// Lets `event` happen at `source`, and drives it until nothing moves any more.
    pub fn event(
        &mut self,
        source: NodeId,
        event: ScriptEvent<Box<dyn ErasedBatch>>,
    ) -> Result<()> {
        match event {
            ScriptEvent::Elements(batch) => self.reading(source)?.deliver(batch)?,
            ScriptEvent::Watermark(to) => self.reading(source)?.set_watermark(to)?,
            ScriptEvent::ProcessingTime(by) if by.is_positive() => return self.advance(by),
            ScriptEvent::ProcessingTime(by) => {
                let e = Error::data(format!("processing time cannot move on by {by}"))
                    .help("say how far it moves on, such as `+5s`");
                return Err(self.reading(source)?.place(e));
            }
            ScriptEvent::Pass => return Ok(()),
        }
        self.quiesce(Bundles::AsSent)
    }

    /// Moves processing time on by `by`, in one step.
    pub fn advance(&mut self, by: Duration) -> Result<()> {
        self.now = self.now + by;
        self.tick()
    }

    fn reading(&mut self, source: NodeId) -> Result<&mut Reading> {
        let found = self.readings.iter_mut().find(|r| r.id == source);
        found.ok_or_else(|| Error::internal(format!("{source:?} is not a source of this graph")))
    }

    /// What was read so far, to find an element in it again.
    pub(crate) fn was_read(&self) -> Vec<WasRead> {
        self.readings.iter().map(Reading::was_read).collect()
    }

    /// The virtual clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What `node` promises of its outputs.
    pub fn output_watermark(&self, node: NodeId) -> Option<Timestamp> {
        let found = self.nodes.iter().find(|n| n.id == node);
        found.map(Node::output_watermark)
    }

    /// What `node` dropped so far.
    pub fn dropped(&self, node: NodeId) -> Dropped {
        let found = self.nodes.iter().find(|n| n.id == node);
        found.map(Node::dropped).unwrap_or_default()
    }

    /// Holds the output watermark of a grouping at `at`, beside its own holds.
    pub fn hold(&mut self, node: NodeId, at: Option<Timestamp>) -> Result<()> {
        match at {
            Some(at) => self.holds.insert(node, at),
            None => self.holds.remove(&node),
        };
        self.pass_hold(node, at);
        self.quiesce(Bundles::AsSent)
    }

    fn pass_hold(&mut self, node: NodeId, at: Option<Timestamp>) {
        for n in self.nodes.iter_mut().filter(|n| n.id == node) {
            n.hold(at);
        }
    }

    /// Stages what the sinks were given since the last time.
    fn stage(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            for copy in node.copies() {
                for (sink, parts) in copy.stage_sinks(self.epoch)? {
                    self.staged.push(Staged {
                        epoch: self.epoch,
                        sink,
                        parts,
                    });
                }
            }
        }
        self.epoch = Epoch(self.epoch.0 + 1);
        Ok(())
    }

    /// Ends the run: makes everything visible that the sinks were given, or nothing.
    pub fn commit(mut self) -> Result<Report> {
        let staged = catch(|| self.stage()).and_then(|staged| staged);
        let report = self.report();
        self.nodes.iter_mut().for_each(Node::teardown);
        match staged {
            Ok(()) => self.outputs.commit(&self.staged)?,
            Err(e) => {
                self.outputs.abort();
                return Err(e);
            }
        }
        Ok(report)
    }

    /// Ends the run without making anything visible.
    pub fn abort(mut self) {
        self.nodes.iter_mut().for_each(Node::teardown);
        self.outputs.abort();
    }

    /// What happened so far.
    pub fn report(&mut self) -> Report {
        let sources = self.readings.iter_mut().map(|r| StepReport {
            node: r.id,
            path: r.path.clone(),
            elements: r.elements,
            dropped: Dropped::default(),
            output_watermark: r.watermark(),
        });
        let others = self.nodes.iter().map(|n| StepReport {
            node: n.id,
            path: n.path.clone(),
            elements: n.elements_in(),
            dropped: n.dropped(),
            output_watermark: n.output_watermark(),
        });
        let mut steps: Vec<StepReport> = sources.chain(others).collect();
        steps.sort_by_key(|s| s.node);
        Report {
            seed: self.options.seed,
            steps,
        }
    }
}
