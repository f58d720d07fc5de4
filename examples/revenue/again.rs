//! `Again`: lines that arrive once more and once more, each pass later than the one before.
//!
//! Owns the shift of time between two passes, whole days, so that a shop that was recorded for a while
//! is open for ever. Invariant: time goes on, and no line is held twice in memory.

use super::feed::Numbered;
use super::invoice::InvoiceLine;
use std::sync::Arc;
use whitebeam::Result;
use whitebeam::batch::{Batch, batch_len};
use whitebeam::prelude::*;
use whitebeam::source::{Poll, Position, ReadOptions, Reader};

/// Lines, in passes.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    lines: Arc<Vec<Numbered>>,
    /// Between two passes.
    shift: Duration,
    /// Of all passes together.
    len: u64,
}

/// A line, with the number of lines before it.
pub(crate) type Line = (u64, Numbered);

impl Again {
    pub(crate) fn new(lines: Vec<Numbered>, passes: u32) -> Self {
        let times = || lines.iter().map(|(_, line)| line.at);
        let (first, last) = (times().min(), times().max());
        let span = first
            .zip(last)
            .map_or(0, |(first, last)| (last - first).micros());
        Again {
            shift: days(span / days(1).micros() + 1),
            len: lines.len() as u64 * u64::from(passes),
            lines: Arc::new(lines),
        }
    }

    /// How many lines arrive in all.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// A line of a pass, as it arrives then.
    pub(crate) fn line(&self, n: u64) -> Numbered {
        let once = self.lines.len().max(1) as u64;
        let (invoice, line) = &self.lines[(n % once) as usize];
        let pass = i64::try_from(n / once).unwrap_or(i64::MAX);
        let line = InvoiceLine {
            at: line.at + self.shift * pass,
            ..line.clone()
        };
        (invoice.clone(), line)
    }
}

impl Source for Again {
    type Split = u64;
    type Out = Line;

    /// One split, so that lines keep their order.
    fn discover(&self, known: &[u64], _: usize) -> Result<Vec<u64>> {
        Ok(if known.is_empty() {
            vec![0]
        } else {
            Vec::new()
        })
    }

    fn open(
        &self,
        first: u64,
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<Line>>> {
        Ok(Box::new(Passing {
            again: self.clone(),
            next: at.and_then(|at| at.offset()).unwrap_or(first),
            most: options.max_elements.unwrap_or(batch_len::<Line>()).max(1) as u64,
        }))
    }
}

struct Passing {
    again: Again,
    next: u64,
    most: u64,
}

impl Reader<Line> for Passing {
    fn poll(&mut self, out: &mut Batch<Line>) -> Result<Poll> {
        let end = self.again.len().min(self.next.saturating_add(self.most));
        for n in self.next..end {
            let line = self.again.line(n);
            let at = line.1.at;
            out.push_at((n, line), at);
        }
        self.next = end;
        Ok(if end < self.again.len() {
            Poll::More
        } else {
            Poll::End
        })
    }

    fn position(&self) -> Position {
        Position::at(self.next)
    }
}
