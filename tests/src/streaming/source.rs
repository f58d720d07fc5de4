//! `Partitions`: an input of several partitions in memory, with pauses.
//!
//! Owns positions, pauses and the promise of each partition. What a reader knows of time is lost
//! when it is opened again, as with most real inputs: the runner must remember what was promised.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::source::{Boundedness, Poll, Position, ReadOptions, Reader, Source, Watermarks};
use whitebeam_sdk::{Duration, Error, PaneInfo, Result, Timestamp, Window};

/// One element of an input.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Grouped by.
    pub key: u64,
    /// Different from that of any other row.
    pub value: i64,
    /// Its event time.
    pub at: i64,
}

/// What a partition promises of the rows that are still to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// Exactly the earliest of them: nothing is ever late.
    Exact,
    /// The latest row seen, less this.
    Behind(i64),
}

/// Whether inputs end with their last row, or may get more.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// From here on, inputs are held open behind their last row, or end there.
    pub fn hold(&self, open: bool) {
        self.0.store(open, Ordering::SeqCst);
    }

    fn is_held(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// An input of several partitions.
#[derive(Clone, Debug)]
pub struct Partitions {
    /// Rows in the order of their arrival.
    pub rows: Arc<Vec<Vec<Row>>>,
    /// What readers promise.
    pub promise: Promise,
    /// How long a partition may have nothing until the others do not wait for it.
    pub idle_after: Option<Duration>,
    /// What comes behind the last row.
    pub gate: Gate,
}

impl Source for Partitions {
    type Split = u32;
    type Out = Row;

    fn discover(&self, known: &[u32], _: usize) -> Result<Vec<u32>> {
        let all = 0..self.rows.len() as u32;
        Ok(all.filter(|split| !known.contains(split)).collect())
    }

    fn open(
        &self,
        split: u32,
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<Row>>> {
        let at = at.map_or(Some(0), |at| at.offset());
        let at = at.ok_or_else(|| Error::internal("a position of another source"))?;
        Ok(Box::new(PartitionReader {
            source: self.clone(),
            split: split as usize,
            at: at as usize,
            seen: i64::MIN,
            most: options.max_elements.unwrap_or(7),
            has_paused: false,
            watermarks: options.watermarks,
        }))
    }

    fn idle_after(&self) -> Option<Duration> {
        self.idle_after
    }

    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }
}

struct PartitionReader {
    source: Partitions,
    split: usize,
    at: usize,
    seen: i64,
    most: usize,
    has_paused: bool,
    watermarks: Watermarks,
}

impl PartitionReader {
    fn rest(&self) -> &[Row] {
        &self.source.rows[self.split][self.at..]
    }
}

impl Reader<Row> for PartitionReader {
    fn poll(&mut self, out: &mut Batch<Row>) -> Result<Poll> {
        // A pause now and then, always at the same places; nobody pauses where all is there.
        let may_pause = self.watermarks == Watermarks::Estimated;
        if may_pause && self.at % 11 == 5 && !std::mem::replace(&mut self.has_paused, true) {
            return Ok(Poll::Idle(Timestamp::MIN));
        }
        self.has_paused = false;
        let n = self.rest().len().min(self.most);
        let rows = &self.source.rows[self.split][self.at..self.at + n];
        for row in rows.iter().copied() {
            self.seen = self.seen.max(row.at);
            let at = Timestamp::from_micros(row.at);
            out.push(row, at, Window::GLOBAL, PaneInfo::NO_FIRING);
        }
        self.at += n;
        Ok(match self.rest() {
            [] if self.source.gate.is_held() => Poll::Idle(Timestamp::MIN),
            [] => Poll::End,
            _ => Poll::More,
        })
    }

    fn position(&self) -> Position {
        Position::at(self.at as u64)
    }

    fn watermark(&self) -> Timestamp {
        match self.source.promise {
            Promise::Exact => {
                let earliest = self.rest().iter().map(|row| row.at).min();
                let all = &self.source.rows[self.split];
                let latest = || all.iter().map(|row| row.at).max();
                let held = || latest().filter(|_| self.source.gate.is_held());
                let at = earliest.or_else(held);
                at.map_or(Timestamp::MAX, Timestamp::from_micros)
            }
            Promise::Behind(_) if self.watermarks == Watermarks::Certain => Timestamp::MIN,
            Promise::Behind(bound) => Timestamp::from_micros(self.seen.saturating_sub(bound)),
        }
    }
}
