//! `Reading`: the splits of one source that one worker reads.
//!
//! Owns open readers, where each of them stands, and the source's watermark as far as this worker
//! sees it. Does not own which splits these are; that is decided when a run starts. Invariants: the
//! watermark never moves back; what is written down of a split describes exactly the elements that
//! were handed out.

use crate::clock::Clock;
use crate::metrics::SplitMetrics;
use crate::promises::{Promise, Promises};
use crate::rate::Bucket;
use crate::script::Cue;
use crate::snapshot::{SourceSnapshot, SplitSnapshot};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::erase::{ErasedBatch, ErasedReader, ErasedSource, NewBatch};
use whitebeam_sdk::graph::Node;
use whitebeam_sdk::source::{Boundedness, Poll, ReadOptions};
use whitebeam_sdk::{Error, Result, Timestamp};

/// Readers of a bounded source that are open at once; those of an unbounded one all are.
const OPEN: usize = 4;

/// A length of time as the machine has it.
fn length(time: whitebeam_sdk::Duration) -> Duration {
    Duration::from_micros(u64::try_from(time.micros()).unwrap_or(0))
}

/// How long a reader that has nothing is left alone at least.
const PAUSE: whitebeam_sdk::Duration = whitebeam_sdk::time::millis(1);

struct Open {
    split: SplitSnapshot,
    reader: Box<dyn ErasedReader>,
    not_before: Timestamp,
    /// Since when nothing came.
    silent: Option<Duration>,
}

impl Open {
    fn watermark(&self) -> Timestamp {
        self.reader.watermark().max(self.split.watermark)
    }

    /// Where it stands now.
    fn snapshot(&self) -> SplitSnapshot {
        SplitSnapshot {
            split: self.split.split.clone(),
            name: self.split.name.clone(),
            at: Some(self.reader.position()),
            place: self.reader.describe_position(),
            watermark: self.watermark(),
        }
    }
}

/// What a worker is told of a source.
pub(crate) struct ReadingPlan {
    pub(crate) options: ReadOptions,
    /// Elements per second, if limited.
    pub(crate) rate: Option<f64>,
    pub(crate) splits: Vec<SplitSnapshot>,
    /// Splits that had ended before this run.
    pub(crate) ended: Vec<SplitSnapshot>,
    pub(crate) promises: Arc<Promises>,
    pub(crate) worker: usize,
    /// Of a scripted input that is played here.
    pub(crate) cue: Option<Cue>,
}

/// The splits of one source that one worker reads.
pub(crate) struct Reading {
    source: Arc<dyn ErasedSource>,
    path: String,
    line: String,
    options: ReadOptions,
    new_batch: NewBatch,
    /// A split that has had nothing for so long does not hold the watermark back.
    idle_after: Option<Duration>,
    waiting: VecDeque<SplitSnapshot>,
    open: Vec<Open>,
    ended: Vec<SplitSnapshot>,
    next: usize,
    watermark: Timestamp,
    /// What the other workers promise that read this source, and who of them this is.
    promises: Arc<Promises>,
    worker: usize,
    cue: Option<Cue>,
    bucket: Option<Bucket>,
    elements: u64,
    buffer: Option<Box<dyn ErasedBatch>>,
    /// There was nothing, and will be nothing before this instant.
    quiet_until: Option<Timestamp>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reading({}, {} open)", self.path, self.open.len())
    }
}

impl Reading {
    /// Reads `plan.splits` of the source at `node`.
    pub(crate) fn new(node: &Node, source: &Arc<dyn ErasedSource>, plan: ReadingPlan) -> Self {
        let mut options = plan.options;
        let bucket = plan.rate.map(Bucket::new);
        if let Some(bucket) = &bucket {
            options.max_elements = Some(bucket.portion(options.max_elements));
        }
        Reading {
            source: Arc::clone(source),
            path: node.path.clone(),
            line: node.line(),
            options,
            new_batch: node.outputs[0].new_batch,
            idle_after: source.idle_after().map(std_duration),
            waiting: plan.splits.into(),
            open: Vec::new(),
            ended: plan.ended,
            next: 0,
            watermark: Timestamp::MIN,
            promises: plan.promises,
            worker: plan.worker,
            cue: plan.cue,
            bucket,
            elements: 0,
            buffer: None,
            quiet_until: None,
        }
    }

    /// An empty batch of what the source yields.
    pub(crate) fn take_buffer(&mut self) -> Box<dyn ErasedBatch> {
        self.buffer.take().unwrap_or_else(|| (self.new_batch)())
    }

    /// Keeps an empty batch for the next time.
    pub(crate) fn keep_buffer(&mut self, empty: Box<dyn ErasedBatch>) {
        self.buffer = Some(empty);
    }

    /// The source's path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Elements read by this run.
    pub(crate) fn elements(&self) -> u64 {
        self.elements
    }

    /// Reads once into `batch`, which is empty. False if there was nothing to read, and nothing
    /// has ended.
    pub(crate) fn read<E: Env>(
        &mut self,
        clock: &Clock<E>,
        batch: &mut dyn ErasedBatch,
    ) -> Result<bool> {
        self.open_waiting()?;
        self.quiet_until = None;
        let is_before_cue = self.cue.as_ref().is_some_and(|cue| !cue.is_due());
        if self.has_ended() || is_before_cue {
            return Ok(false);
        }
        if let Some(bucket) = &mut self.bucket
            && let Some(wait) = bucket.wait(clock.monotonic())
        {
            self.quiet_until = Some(clock.after(wait));
            return Ok(false);
        }
        let Some(chosen) = self.choose(clock) else {
            self.quiet_until = self.open.iter().map(|o| o.not_before).min();
            return Ok(false);
        };
        self.poll(chosen, clock, batch)?;
        self.elements += batch.len() as u64;
        if let Some(bucket) = &mut self.bucket {
            bucket.take(batch.len());
        }
        if batch.meta().bounds.1 >= Timestamp::MAX && !batch.is_empty() {
            let e = Error::data("an element cannot be at the end of time, where inputs end");
            return Err(self.place(e));
        }
        Ok(true)
    }

    /// Reads `split`, too. What was promised stays promised: what is older in it is late.
    pub(crate) fn assign(&mut self, split: SplitSnapshot) {
        self.waiting.push_back(split);
    }

    /// Nothing is left to read.
    pub(crate) fn has_ended(&self) -> bool {
        self.open.is_empty() && self.waiting.is_empty()
    }

    /// The reader that is furthest behind, among those that may have something.
    fn choose<E: Env>(&mut self, clock: &Clock<E>) -> Option<usize> {
        let n = self.open.len();
        let from = self.next + clock.env().choose(n);
        let ready = (0..n).map(|i| (from + i) % n);
        let mut ready = ready.filter(|&i| self.open[i].not_before <= clock.now());
        let chosen = if E::SIM {
            ready.next()
        } else {
            ready.min_by_key(|&i| self.open[i].watermark())
        };
        self.next = chosen.map_or(0, |i| i + 1);
        chosen
    }

    fn poll<E: Env>(
        &mut self,
        chosen: usize,
        clock: &Clock<E>,
        batch: &mut dyn ErasedBatch,
    ) -> Result<()> {
        let open = &mut self.open[chosen];
        let polled = catch(|| open.reader.poll(batch)).and_then(|polled| polled);
        match polled {
            Ok(Poll::More) => open.silent = None,
            Ok(Poll::Idle(until)) => {
                open.not_before = until.max(clock.now() + PAUSE);
                if !batch.is_empty() {
                    open.silent = None;
                }
                open.silent.get_or_insert(clock.monotonic());
            }
            Ok(Poll::Waiting(until)) => {
                open.not_before = until.max(clock.now() + PAUSE);
                open.silent = None;
            }
            Ok(Poll::End) => {
                let ended = self.open.swap_remove(chosen);
                self.ended.push(ended.snapshot());
            }
            Err(e) => {
                let position = open.reader.describe_position();
                let split = self.source.describe_split(&open.split.split);
                let at = format!("{split} {position}");
                return Err(self.place(e).at_position(at.trim_end()));
            }
        }
        Ok(())
    }

    fn open_waiting(&mut self) -> Result<()> {
        let all = self.source.boundedness() == Boundedness::Unbounded;
        while (all || self.open.len() < OPEN)
            && let Some(split) = self.waiting.pop_front()
        {
            let opened = catch(|| match &self.cue {
                Some(cue) => Ok(cue.reader(self.promises.bell(self.worker))),
                None => self
                    .source
                    .open(&split.split, split.at.clone(), &self.options),
            });
            let reader = opened.and_then(|opened| opened).map_err(|e| {
                let described = self.source.describe_split(&split.split);
                self.place(e).at_position(described)
            })?;
            self.open.push(Open {
                split,
                reader,
                not_before: Timestamp::MIN,
                silent: None,
            });
        }
        Ok(())
    }

    /// Moves the watermark as far as the splits allow that are not idle; where all are, as far as
    /// the other workers have come. True once it has moved.
    pub(crate) fn advance<E: Env>(&mut self, clock: &Clock<E>) -> bool {
        let now = clock.monotonic();
        let is_silent = |o: &&Open| self.idle_at(o).is_some_and(|at| at <= now);
        let heard = self.open.iter().filter(|o| !is_silent(o));
        let waiting = self.waiting.iter().map(|w| w.watermark);
        let promise = match heard.map(Open::watermark).chain(waiting).min() {
            Some(least) => Promise::At(least.max(self.watermark)),
            None if self.has_ended() => Promise::Ended,
            None => Promise::Idle,
        };
        let said = self.promises.give(self.worker, promise);
        let moved = said.filter(|at| *at > self.watermark);
        self.watermark = moved.unwrap_or(self.watermark);
        moved.is_some()
    }

    /// When a split that is silent counts as idle.
    fn idle_at(&self, open: &Open) -> Option<Duration> {
        Some(open.silent? + self.idle_after?)
    }

    /// How long there is nothing to do.
    pub(crate) fn pause<E: Env>(&self, clock: &Clock<E>) -> Option<Duration> {
        let now = clock.monotonic();
        let idle = self.open.iter().filter_map(|o| self.idle_at(o));
        let idle = idle.filter(|at| *at > now).map(|at| at - now);
        let quiet = self.quiet_until.map(|at| clock.until(at));
        idle.chain(quiet).min()
    }

    /// The promise for what is still to come.
    pub(crate) fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Nothing is read any more: what is left of the splits is left for good.
    pub(crate) fn stop(&mut self) {
        let open = self.open.drain(..).map(|o| o.snapshot());
        self.ended.extend(open.chain(self.waiting.drain(..)));
    }

    /// Where every split stands.
    pub(crate) fn snapshot(&self) -> SourceSnapshot {
        let open = self.open.iter().map(Open::snapshot);
        SourceSnapshot {
            splits: open.chain(self.waiting.iter().cloned()).collect(),
            ended: self.ended.clone(),
        }
    }

    /// Every split as it stands, for who watches.
    pub(crate) fn splits(&self) -> impl Iterator<Item = SplitMetrics> {
        let metrics = |split: &SplitSnapshot, watermark| SplitMetrics {
            step: self.path.clone(),
            split: split.name.clone(),
            worker: self.worker,
            watermark,
            lag: None,
            held_back: None,
        };
        let open = self.open.iter().map(move |o| SplitMetrics {
            lag: o.reader.backlog(),
            held_back: o.reader.held_back().map(length),
            ..metrics(&o.split, o.watermark())
        });
        let waiting = self.waiting.iter();
        open.chain(waiting.map(move |split| metrics(split, split.watermark)))
    }

    /// Adds how far the input was read: the element that failed stands before it.
    pub(crate) fn near(&self, e: Error) -> Error {
        let Some(last) = self.open.get(self.next.wrapping_sub(1)) else {
            return e;
        };
        let split = self.source.describe_split(&last.split.split);
        e.at_position(match last.reader.describe_position().as_str() {
            "" => split,
            position => format!("{split}, up to {position}"),
        })
    }

    fn place(&self, e: Error) -> Error {
        e.at_step(self.path.clone()).at_line(self.line.clone())
    }
}

fn std_duration(of: whitebeam_sdk::Duration) -> Duration {
    Duration::from_micros(u64::try_from(of.micros()).unwrap_or(0))
}
