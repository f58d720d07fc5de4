//! `Partition`: the records of one partition, each once and in order, or an error that says which are
//! gone.
//!
//! Owns the way back to where an earlier reader stood. Reading begins at the last record that was
//! read, to see whether it is still the same one, and passes over it. Does not own what records
//! mean. Invariant: no record is passed over that was not read before, unless the user was told.

use super::error::{no_offset, overtaken, replaced, truncated};
use super::held::Held;
use super::mark::Mark;
use super::split::Reached;
use super::topic::{Topic, may_pass};
use crate::kafka::client::{Failure, Isolation, PartitionReader, Record};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use whitebeam_sdk::{Error, Result};

/// Records that retention removed before they were read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The offsets that are gone. Not each of them was a record: ends of transactions and what was
    /// compacted away have offsets too.
    pub offsets: Range<u64>,
}

/// Who hears of gaps; without, a gap is an error.
pub(super) type OnLoss = Arc<dyn Fn(&Gap) + Send + Sync>;

/// What a poll found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Records, or at least offsets that are none.
    Something,
    /// Nothing: all that can be seen was read.
    Nothing,
    /// Nothing, and there may be something that has not arrived.
    NothingYet,
    /// The end that was set.
    End,
}

pub(super) struct Partition {
    topic: Topic,
    partition: u32,
    /// Behind the last record that is wanted.
    pub(super) end: u64,
    /// How far it was read.
    pub(super) reached: Reached,
    /// Somebody has read up to `reached`, this reader or one before it.
    was_read: bool,
    reader: Option<Box<dyn PartitionReader>>,
    on_loss: Option<OnLoss>,
    held: Held,
}

impl Partition {
    /// Reads from `next` on, where nobody has read before.
    pub(super) fn from(topic: Topic, partition: u32, next: u64, on_loss: Option<OnLoss>) -> Self {
        Partition {
            held: Held::new(topic.alarm_after),
            topic,
            partition,
            end: u64::MAX,
            reached: Reached { next, last: None },
            was_read: false,
            reader: None,
            on_loss,
        }
    }

    /// The same, where an earlier reader stood.
    pub(super) fn resumed(mut self, reached: Reached) -> Result<Self> {
        self.reached = reached;
        self.was_read = true;
        if !self.is_over() {
            self.find()?;
        }
        Ok(self)
    }

    fn is_over(&self) -> bool {
        self.reached.next >= self.end
    }

    /// Begins to read at the last record that was read, or behind it if it is not there any more.
    fn find(&mut self) -> Result<()> {
        let (topic, partition) = (&self.topic, self.partition);
        let next = self.reached.next;
        let ends = topic.ends_reaching(partition, next)?;
        if ends.end < next {
            return Err(match self.was_read {
                true => truncated(&topic.name, partition, next, ends.end),
                false => no_offset(&topic.name, partition, next, ends.end),
            });
        }
        if ends.first > next {
            self.pass_over(ends.first)?;
        }
        let last = self.reached.last.map(|last| last.offset);
        let from = last.filter(|last| *last >= ends.first);
        self.open(from.unwrap_or(self.reached.next))
    }

    fn open(&mut self, from: u64) -> Result<()> {
        self.reader = Some(self.topic.reader(self.partition, from)?);
        Ok(())
    }

    /// Goes on at `first`, if the user wants to hear of the gap rather than to stop.
    fn pass_over(&mut self, first: u64) -> Result<()> {
        let (topic, partition) = (&self.topic.name, self.partition);
        let next = self.reached.next;
        let Some(told) = &self.on_loss else {
            return Err(overtaken(topic, partition, next, first));
        };
        told(&Gap {
            topic: topic.to_string(),
            partition,
            offsets: next..first.min(self.end),
        });
        self.reached = Reached {
            next: first,
            last: None,
        };
        Ok(())
    }

    /// Hands at most `most` records to `take`, which says if one is wrong.
    pub(super) fn poll(
        &mut self,
        most: usize,
        mut take: impl FnMut(&Record<'_>, Mark) -> Result<()>,
    ) -> Result<Found> {
        if self.is_over() {
            return Ok(Found::End);
        }
        if self.reader.is_none() {
            self.open(self.reached.next)?;
        }
        let Some(mut reader) = self.reader.take() else {
            return Ok(Found::NothingYet);
        };
        let before = self.reached.next;
        let mut stopped = None;
        let polled = reader.poll(most, &mut |record| match self.pass(record, &mut take) {
            Ok(goes_on) => goes_on,
            Err(e) => {
                stopped = Some(e);
                false
            }
        });
        if let Some(e) = stopped {
            return Err(e);
        }
        match polled {
            Err(e) if e.failure == Failure::OffsetOutOfRange => {
                drop(reader);
                self.find()?;
                Ok(Found::NothingYet)
            }
            // Who does not answer may come back: the client goes on trying.
            Err(e) if may_pass(e.failure) || e.failure == Failure::Unreachable => {
                self.reader = Some(reader);
                Ok(Found::NothingYet)
            }
            Err(e) => Err(self.topic.failed(e)),
            Ok(polled) => {
                self.reached.next = self.reached.next.max(polled.next.min(self.end));
                self.look(reader.as_ref());
                self.reader = Some(reader);
                Ok(match polled.at_end {
                    _ if self.is_over() => Found::End,
                    _ if self.reached.next > before => Found::Something,
                    true => Found::Nothing,
                    false => Found::NothingYet,
                })
            }
        }
    }

    /// Whether it stands before an open transaction, and if that has to be told.
    fn look(&mut self, reader: &dyn PartitionReader) {
        let now = self.topic.monotonic();
        if self.topic.isolation == Isolation::Uncommitted || !self.held.is_due(now) {
            return;
        }
        let next = self.reached.next;
        if let Some(alarm) = self.held.look(now, next, reader.undecided()) {
            let (topic, partition) = (&*self.topic.name, self.partition);
            let (at, end) = (alarm.offsets.start, alarm.offsets.end);
            let seconds = alarm.time.as_secs_f64();
            tracing::warn!(
                topic,
                partition,
                at,
                end,
                seconds,
                "an open transaction of somebody holds this reader back"
            );
        }
    }

    /// For how long open transactions have held it back, if they do.
    pub(super) fn held_back(&self) -> Option<Duration> {
        self.held.time()
    }

    /// Takes a record, unless it was read before or lies behind the end; false at the end.
    #[inline]
    fn pass(
        &mut self,
        record: &Record<'_>,
        take: &mut impl FnMut(&Record<'_>, Mark) -> Result<()>,
    ) -> Result<bool> {
        if record.offset < self.reached.next {
            return self.recognise(record).map(|()| true);
        }
        if record.offset >= self.end {
            self.reached.next = self.end;
            return Ok(false);
        }
        let mark = Mark::of(record);
        if self
            .reached
            .last
            .is_some_and(|last| mark.is_of_older_leader(&last))
        {
            return Err(self.other(
                record.offset,
                "Its leader is older than that of the one before it.",
            ));
        }
        take(record, mark)?;
        self.reached = Reached {
            next: record.offset + 1,
            last: Some(mark),
        };
        Ok(true)
    }

    /// A record at a place that was read before: it must be the one that was there.
    #[cold]
    fn recognise(&self, record: &Record<'_>) -> Result<()> {
        let Some(last) = self.reached.last else {
            return Ok(());
        };
        if record.offset == last.offset {
            return match Mark::of(record).differs(&last) {
                Some(how) => Err(self.other(record.offset, how)),
                None => Ok(()),
            };
        }
        // Behind the last record that was read, there was none; but who reads uncommitted records
        // sees some that a reader of committed ones did not.
        if record.offset > last.offset && self.topic.isolation == Isolation::Committed {
            return Err(self.other(record.offset, "There was none before."));
        }
        Ok(())
    }

    fn other(&self, offset: u64, how: &str) -> Error {
        replaced(&self.topic.name, self.partition, offset, how)
    }

    /// The end of what can be seen, as far as it is known.
    pub(super) fn known_end(&self) -> Option<u64> {
        let known = self.reader.as_ref()?.known_end()?;
        Some(known.min(self.end))
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({} of {:?})", self.partition, self.topic)
    }
}
