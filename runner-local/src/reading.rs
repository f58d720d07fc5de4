//! `Reading`: one source of the pipeline while it is read.
//!
//! Owns its splits, open readers and watermark. Splits by force, and closes readers and opens them
//! again at their position, as the seed has it: a source that loses or repeats something there is
//! found out. Invariant: the watermark never moves back, and no split is forgotten.

use crate::chance::Chance;
use crate::mail::Mail;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use whitebeam_runner_core::origin::WasRead;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::erase::{ErasedBatch, ErasedReader, ErasedSource, NewBatch};
use whitebeam_sdk::graph::{Node, NodeId};
use whitebeam_sdk::source::{Boundedness, Poll, Position, ReadOptions, ScriptEvent};
use whitebeam_sdk::{Error, Result, Timestamp};

/// Readers of a bounded source that are open at once.
const OPEN: usize = 4;

/// Forced splits and re-openings of one source: enough to find faults, few enough to stay cheap
/// for inputs that seek by reading.
const FORCED: u32 = 16;

/// What a turn of reading found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// Something was done.
    Something,
    /// Nothing before this instant of processing time.
    NotBefore(Timestamp),
    /// The input has ended.
    End,
}

/// What is left to read of one source.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Rest {
    splits: Vec<Waiting>,
    /// Events of its script that were not played yet.
    unplayed: usize,
    watermark: Timestamp,
    elements: u64,
}

/// A split that waits for a reader.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Waiting {
    split: Vec<u8>,
    at: Option<Position>,
    hold: Timestamp,
    not_before: Timestamp,
}

struct Open {
    split: Vec<u8>,
    reader: Box<dyn ErasedReader>,
    /// It reads to the end of `split`: nothing was split off it.
    whole: bool,
    not_before: Timestamp,
}

impl Open {
    /// Closes the reader, to go on at its position.
    fn into_waiting(self) -> Waiting {
        Waiting {
            at: Some(self.reader.position()),
            hold: self.reader.watermark(),
            split: self.split,
            not_before: self.not_before,
        }
    }
}

pub(crate) struct Reading {
    pub(crate) id: NodeId,
    pub(crate) path: String,
    line: String,
    source: Arc<dyn ErasedSource>,
    options: ReadOptions,
    new_batch: NewBatch,
    readers: Vec<Mail>,
    /// Where this run began to read.
    begun: Vec<Waiting>,
    waiting: Vec<Waiting>,
    open: Vec<Open>,
    pub(crate) script: Option<VecDeque<ScriptEvent<Box<dyn ErasedBatch>>>>,
    watermark: Timestamp,
    pub(crate) elements: u64,
    forced: u32,
}

impl Reading {
    /// Starts to read `node`, handing out what it reads by `readers`.
    pub(crate) fn new(
        node: &Node,
        source: &Arc<dyn ErasedSource>,
        options: ReadOptions,
        readers: Vec<Mail>,
    ) -> Self {
        Reading {
            id: node.id,
            path: node.path.clone(),
            line: node.line(),
            source: Arc::clone(source),
            options,
            new_batch: node.outputs[0].new_batch,
            readers,
            begun: Vec::new(),
            waiting: Vec::new(),
            open: Vec::new(),
            script: source.script().map(VecDeque::from),
            watermark: Timestamp::MIN,
            elements: 0,
            forced: 0,
        }
    }

    /// Finds out what there is to read.
    pub(crate) fn discover(&mut self, chance: &mut Chance, until_end: bool) -> Result<()> {
        if self.script.is_some() {
            return Ok(());
        }
        let desired = 1 + chance.below(OPEN);
        let found = catch(|| {
            let splits = self.source.discover(&[], desired)?;
            if until_end {
                self.source.end_now(&splits)
            } else {
                Ok(splits)
            }
        });
        let splits = found.and_then(|found| found).map_err(|e| self.place(e))?;
        self.waiting = splits
            .into_iter()
            .map(|split| Waiting {
                split,
                at: None,
                hold: Timestamp::MIN,
                not_before: Timestamp::MIN,
            })
            .collect();
        self.begun.clone_from(&self.waiting);
        Ok(())
    }

    /// What this run has read, to find an element in it again.
    pub(crate) fn was_read(&self) -> WasRead {
        let begun = self.begun.iter();
        WasRead {
            source: self.id,
            from: begun.map(|w| (w.split.clone(), w.at.clone())).collect(),
            most: self.elements,
        }
    }

    /// The promise for what is still to come.
    pub(crate) fn watermark(&mut self) -> Timestamp {
        if self.script.is_none() {
            let waiting = self.waiting.iter().map(|w| w.hold);
            let open = self.open.iter().map(|o| o.reader.watermark());
            let promised = waiting.chain(open).min().unwrap_or(Timestamp::MAX);
            self.watermark = self.watermark.max(promised);
        }
        self.watermark
    }

    /// The script, or the caller, says how far the input has come.
    pub(crate) fn set_watermark(&mut self, watermark: Timestamp) -> Result<()> {
        if watermark < self.watermark {
            let e = Error::data("a watermark cannot move back")
                .note(format!(
                    "it was {} and would become {watermark}",
                    self.watermark
                ))
                .help("let the script's watermarks rise; late elements need no other watermark");
            return Err(self.place(e));
        }
        self.watermark = watermark;
        Ok(())
    }

    /// Hands `batch` to every reader of the source.
    pub(crate) fn deliver(&mut self, mut batch: Box<dyn ErasedBatch>) -> Result<()> {
        if batch.meta().bounds.1 >= Timestamp::MAX {
            let e = Error::data("an element cannot be at the end of time, where inputs end")
                .help("give it a time of its own, at most Timestamp::MAX less a microsecond");
            return Err(self.place(e));
        }
        self.elements += batch.len() as u64;
        batch.share();
        for mail in &self.readers {
            mail.put(batch.clone_shared());
        }
        Ok(())
    }

    /// Reads once, from a reader that `chance` chooses among those that may have something.
    pub(crate) fn read(&mut self, now: Timestamp, chance: &mut Chance) -> Result<Found> {
        if self.script.is_some() {
            return Ok(Found::End);
        }
        self.open_waiting(now, chance)?;
        let ready: Vec<usize> = (0..self.open.len())
            .filter(|&i| self.open[i].not_before <= now)
            .collect();
        if ready.is_empty() {
            return Ok(self.next_turn().map_or(Found::End, Found::NotBefore));
        }
        let chosen = ready[chance.below(ready.len())];
        self.poll(chosen, now)?;
        if chosen < self.open.len() && self.forced < FORCED {
            self.force(chosen, now, chance)?;
        }
        Ok(Found::Something)
    }

    /// Another split may be opened. Those of an unbounded source are read side by side: none need
    /// ever end.
    fn has_room(&self) -> bool {
        self.open.len() < OPEN || self.source.boundedness() == Boundedness::Unbounded
    }

    /// When a reader may have something again.
    fn next_turn(&self) -> Option<Timestamp> {
        let open = self.open.iter().map(|o| o.not_before);
        // A split that waits for its turn only waits for another to end.
        let has_room = self.has_room();
        let waiting = self.waiting.iter().filter(|_| has_room);
        open.chain(waiting.map(|w| w.not_before)).min()
    }

    fn open_waiting(&mut self, now: Timestamp, chance: &mut Chance) -> Result<()> {
        while self.has_room() {
            let ready: Vec<usize> = (0..self.waiting.len())
                .filter(|&i| self.waiting[i].not_before <= now)
                .collect();
            if ready.is_empty() {
                return Ok(());
            }
            let next = self.waiting.swap_remove(ready[chance.below(ready.len())]);
            let size = chance.size();
            let options = ReadOptions {
                max_elements: (size < usize::MAX).then_some(size),
                ..self.options
            };
            let opened = catch(|| self.source.open(&next.split, next.at, &options));
            let reader = opened.and_then(|opened| opened).map_err(|e| {
                self.place(e)
                    .at_position(self.source.describe_split(&next.split))
            })?;
            self.open.push(Open {
                split: next.split,
                reader,
                whole: true,
                not_before: Timestamp::MIN,
            });
        }
        Ok(())
    }

    fn poll(&mut self, chosen: usize, now: Timestamp) -> Result<()> {
        let mut batch = (self.new_batch)();
        let open = &mut self.open[chosen];
        let polled = catch(|| open.reader.poll(batch.as_mut()));
        match polled.and_then(|polled| polled) {
            Ok(Poll::More) => {}
            // A reader that says "ask again now" is asked when other work is done.
            Ok(Poll::Idle(until) | Poll::Waiting(until)) => open.not_before = until.max(now.next()),
            Ok(Poll::End) => drop(self.open.swap_remove(chosen)),
            Err(e) => {
                let split = self.source.describe_split(&open.split);
                let position = format!("{split} {}", open.reader.describe_position());
                return Err(self.place(e).at_position(position.trim_end()));
            }
        }
        self.deliver(batch)
    }

    /// Now and then, splits a reader or closes it and opens it again.
    fn force(&mut self, chosen: usize, now: Timestamp, chance: &mut Chance) -> Result<()> {
        if chance.one_in(6) {
            self.forced += 1;
            let fraction = if chance.one_in(3) {
                0.0
            } else {
                chance.fraction()
            };
            let split = catch(|| self.open[chosen].reader.try_split(fraction));
            if let Some(rest) = split.and_then(|split| split).map_err(|e| self.place(e))? {
                self.open[chosen].whole = false;
                self.waiting.push(Waiting {
                    split: rest.split,
                    at: None,
                    hold: rest.hold,
                    not_before: now + rest.delay,
                });
            }
        } else if self.open[chosen].whole && chance.one_in(6) {
            self.forced += 1;
            let closed = self.open.swap_remove(chosen);
            self.waiting.push(closed.into_waiting());
        }
        Ok(())
    }

    /// What is left to read. Open readers are closed, and opened again when reading goes on.
    pub(crate) fn rest(&mut self) -> Result<Rest> {
        for mut closed in std::mem::take(&mut self.open) {
            if closed.whole {
                self.waiting.push(closed.into_waiting());
            } else if let Some(rest) = closed.reader.try_split(0.0).map_err(|e| self.place(e))? {
                self.waiting.push(Waiting {
                    split: rest.split,
                    at: None,
                    hold: rest.hold,
                    not_before: closed.not_before,
                });
            }
        }
        Ok(Rest {
            splits: self.waiting.clone(),
            unplayed: self.script.as_ref().map_or(0, VecDeque::len),
            watermark: self.watermark(),
            elements: self.elements,
        })
    }

    /// Reads what was left by another run.
    pub(crate) fn go_on_from(&mut self, rest: &Rest) {
        self.waiting.clone_from(&rest.splits);
        self.begun.clone_from(&rest.splits);
        self.watermark = rest.watermark;
        self.elements = rest.elements;
        if let Some(script) = &mut self.script {
            script.drain(..script.len().saturating_sub(rest.unplayed));
        }
    }

    pub(crate) fn place(&self, e: Error) -> Error {
        e.at_step(self.path.clone()).at_line(self.line.clone())
    }
}
