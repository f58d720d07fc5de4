//! `Task`: one copy of a stage, with what enters and what leaves it.
//!
//! Owns the order of a turn: go on with what is parked, pass the barrier if it is aligned, go on
//! with an open emission and tell the watermark, read. Does not own what steps do. Invariants: a
//! barrier passes an open emission but never a parked batch, and partial buffers go out before it;
//! no watermark is told before the batches that it follows.

use crate::clock::Clock;
use crate::control::Orders;
use crate::exchange::{Channel, Inlet, Message};
use crate::mutant::{Mutant, is_on};
use crate::reading::Reading;
use crate::settings::Limits;
use crate::snapshot::{Counts, Held, SplitSnapshot};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_core::stage::Stage;
use whitebeam_sdk::erase::Flow;
use whitebeam_sdk::graph::NodeId;
use whitebeam_sdk::hash::KEY_GROUPS;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::snapshot::SnapshotReader;
use whitebeam_sdk::{Result, Timestamp};

mod barrier;
mod read;
mod view;

use barrier::Freezing;
pub(crate) use barrier::Frozen;
use view::Blocked;

/// What enters a stage.
#[derive(Debug)]
pub(crate) enum Input {
    /// A source, read here.
    Source(Box<Reading>),
    /// Exchanges, by entry.
    Exchanges(Vec<Inlet>),
}

/// What leaves a stage towards the workers that read it.
#[derive(Debug)]
pub(crate) struct Exit {
    channels: Vec<Arc<Channel>>,
    /// The promise that was sent last.
    sent: Timestamp,
}

impl Exit {
    /// Towards these receivers.
    pub(crate) fn new(channels: Vec<Arc<Channel>>) -> Self {
        Exit {
            channels,
            sent: Timestamp::MIN,
        }
    }

    fn tell(&self, message: impl Fn() -> Message) {
        for channel in &self.channels {
            channel.control(message());
        }
    }
}

/// What a turn sees of the world.
#[derive(Debug)]
pub(crate) struct Cx<'a, E> {
    pub(crate) clock: &'a Clock<E>,
    pub(crate) orders: Orders,
    pub(crate) limits: &'a Limits,
    /// Too much output lies in memory: sources wait.
    pub(crate) is_full: bool,
}

/// One copy of a stage.
#[derive(Debug)]
pub(crate) struct Task {
    /// The path of its first step.
    name: String,
    stage: Stage,
    input: Input,
    exits: Vec<Exit>,
    paths: BTreeMap<NodeId, String>,
    /// What was counted before this run.
    before: BTreeMap<String, Counts>,
    /// Something came or moved that the steps have not been told of.
    is_unsettled: bool,
    /// Processing time that the steps were told last.
    told: Timestamp,
    /// The last epoch that was ended or given up here.
    passed: Option<Epoch>,
    freezing: Option<Freezing>,
    /// The last epoch that was written down to its end.
    frozen: Option<Epoch>,
    /// Key groups of the worker.
    mine: Range<u16>,
    is_finished: bool,
    blocked: Blocked,
}

impl Task {
    pub(crate) fn new(
        name: String,
        stage: Stage,
        input: Input,
        exits: Vec<Exit>,
        paths: BTreeMap<NodeId, String>,
    ) -> Self {
        Task {
            name,
            stage,
            input,
            exits,
            paths,
            before: BTreeMap::new(),
            is_unsettled: true,
            told: Timestamp::MIN,
            passed: None,
            freezing: None,
            frozen: None,
            mine: 0..KEY_GROUPS,
            is_finished: false,
            blocked: Blocked::default(),
        }
    }

    /// Sets up the steps, and goes on from `held` with the key groups `mine`.
    pub(crate) fn start(&mut self, held: Option<&Held>, mine: Range<u16>) -> Result<()> {
        self.mine = mine.clone();
        self.stage.setup()?;
        if let Input::Exchanges(inlets) = &self.input {
            for (entry, inlet) in inlets.iter().enumerate() {
                self.stage.set_watermark(entry, inlet.watermark());
            }
        }
        let Some(held) = held else {
            return Ok(());
        };
        let paths = &self.paths;
        let parts = |id: NodeId| {
            let parts = paths.get(&id).and_then(|path| held.steps.get(path));
            SnapshotReader::new(parts.map_or(&[], Vec::as_slice), mine.clone())
        };
        self.stage.restore(&parts)
    }

    /// What a step promises, if it is one of this stage.
    pub(crate) fn output_watermark(&self, step: NodeId) -> Option<Timestamp> {
        self.stage.output_watermark(step)
    }

    /// Holds a step that groups, beside its own holds.
    pub(crate) fn hold(&mut self, step: NodeId, at: Option<Timestamp>) {
        self.stage.hold(step, at);
        self.is_unsettled = true;
    }

    /// Tears the steps down; best effort.
    pub(crate) fn teardown(&mut self) {
        self.stage.teardown();
    }

    /// All input has ended and everything has fired.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// The last epoch that was ended or given up here.
    pub(crate) fn passed(&self) -> Option<Epoch> {
        self.passed
    }

    /// What is held at the end of an epoch is not all written down yet.
    pub(crate) fn is_freezing(&self) -> bool {
        self.freezing.is_some()
    }

    /// Reads a split, too, if it is one of its source.
    pub(crate) fn assign(&mut self, source: &str, split: &SplitSnapshot) {
        if let Input::Source(reading) = &mut self.input
            && reading.path() == source
        {
            reading.assign(split.clone());
        }
    }

    /// Bytes that its sinks hold in memory.
    pub(crate) fn pending(&self) -> u64 {
        let staged = self.freezing.as_ref().map_or(0, Freezing::staged);
        self.stage.pending() + staged
    }

    /// How many of these the end of an epoch stages.
    pub(crate) fn unstaged(&self) -> u64 {
        self.stage.unstaged()
    }

    /// Does a little of everything; false if there was nothing to do.
    pub(crate) fn turn<E: Env>(
        &mut self,
        cx: &Cx<'_, E>,
        frozen: &mut Option<Frozen>,
    ) -> Result<bool> {
        if self.is_finished && !self.is_freezing() {
            return self.answer(cx, frozen);
        }
        let is_writing = self.is_freezing();
        *frozen = self.write_down(cx, cx.limits.records)?;
        let was_parked = self.stage.is_parked();
        let mut is_free = self.stage.resume()? == Flow::Done;
        let mut worked = is_writing | (was_parked && is_free);
        is_free |= is_on(Mutant::BarrierPassesParked);
        if is_free && let Some(epoch) = self.due_epoch(&cx.orders) {
            worked = true;
            if self.pass_barrier(epoch, cx)? {
                // A freeze is work enough for a turn.
                *frozen = self.write_down(cx, 0)?;
            }
        }
        worked |= is_free && self.settle(cx)?;
        self.disobey();
        worked |= self.read(cx)?;
        Ok(worked | self.finish()?)
    }

    /// Goes on with an emission, or begins to tell the steps what has moved; then tells the readers
    /// what the steps promise. False if nothing had moved but the clock.
    fn settle<E: Env>(&mut self, cx: &Cx<'_, E>) -> Result<bool> {
        let now = cx.clock.now();
        let is_due = self.stage.next_tick().is_some_and(|at| at <= now);
        let is_asked = self.is_unsettled || is_due || self.stage.is_settling();
        // Elements that come next find the steps' clock right.
        if !is_asked && now < self.told + cx.limits.time_grain {
            return Ok(false);
        }
        if !self.stage.is_settling() {
            self.is_unsettled = false;
            self.told = now;
            self.stage.begin_settling(Some(now));
        }
        if self.stage.settle_some(cx.limits.quanta)? == Flow::Yield {
            cx.clock.env().point("pane.emit");
        }
        self.tell_watermarks()?;
        Ok(is_asked)
    }

    fn tell_watermarks(&mut self) -> Result<()> {
        if self.stage.is_parked() {
            return Ok(());
        }
        let promised: Vec<Timestamp> = self.stage.outlet_watermarks().collect();
        let moved = |(exit, to): (&Exit, &Timestamp)| *to > exit.sent;
        if self.exits.iter().zip(&promised).any(moved) {
            self.stage.flush_partial()?;
        }
        for (exit, to) in self.exits.iter_mut().zip(promised) {
            if to > exit.sent {
                exit.sent = to;
                exit.tell(|| Message::Watermark(to));
            }
        }
        Ok(())
    }

    /// Nothing, unless a mistake is switched on: then what is never told too early is.
    fn disobey(&mut self) {
        let not_held = is_on(Mutant::WatermarkNotHeld) && self.stage.is_emitting();
        let overtakes = is_on(Mutant::WatermarkPassesParked) && self.stage.is_parked();
        if not_held || overtakes {
            let input = self.input_watermark();
            for exit in self.exits.iter_mut().filter(|exit| exit.sent < input) {
                exit.sent = input;
                exit.tell(|| Message::Watermark(input));
            }
        }
    }

    fn input_watermark(&self) -> Timestamp {
        match &self.input {
            Input::Source(reading) => reading.watermark(),
            Input::Exchanges(inlets) => {
                let watermarks = inlets.iter().map(|inlet| inlet.watermark());
                watermarks.min().unwrap_or(Timestamp::MIN)
            }
        }
    }

    /// Once all inputs have ended and nothing is left to tell: lets the timers of processing time
    /// fire, one after the other, then says that nothing follows.
    fn finish(&mut self) -> Result<bool> {
        if self.is_finished {
            // What was held at the last barrier may still be on its way.
            return Ok(false);
        }
        let has_ended = match &self.input {
            Input::Source(reading) => reading.has_ended(),
            Input::Exchanges(inlets) => inlets.iter().all(|inlet| inlet.has_ended()),
        };
        let is_busy = self.is_unsettled || self.stage.is_settling() || self.stage.is_parked();
        if !has_ended || is_busy {
            return Ok(false);
        }
        if let Some(due) = self.stage.next_tick() {
            // Nothing will come before it any more: there is nothing to wait for.
            self.stage.begin_settling(Some(due.max(self.told)));
            return Ok(true);
        }
        self.stage.flush_partial()?;
        for exit in &self.exits {
            exit.tell(|| Message::End);
        }
        self.is_finished = true;
        Ok(true)
    }

    /// How long there is nothing to do unless something comes.
    pub(crate) fn pause<E: Env>(&self, clock: &Clock<E>) -> Option<Duration> {
        if self.is_finished {
            return None;
        }
        let tick = self.stage.next_tick().map(|at| clock.until(at));
        let source = match &self.input {
            Input::Source(reading) => reading.pause(clock),
            Input::Exchanges(_) => None,
        };
        tick.into_iter().chain(source).min()
    }
}
