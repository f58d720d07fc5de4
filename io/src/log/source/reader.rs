//! `LogReader`: one partition as batches of decoded elements.
//!
//! Owns the place within a block and the elements that are decoded but not handed out. Invariant:
//! the position is behind the last element that was handed out, and no record is decoded twice by
//! one reader.

use super::split::LogSplit;
use crate::codec::Codec;
use crate::log::cursor::{Cursor, Step};
use crate::log::error::damaged;
use crate::log::format::{LogRecord, Walk};
use crate::log::topic::Topic;
use crate::record::{OnError, RawRecord, RecordTiming, Waiting};
use std::marker::PhantomData;
use whitebeam_sdk::batch::{Batch, batch_len};
use whitebeam_sdk::source::{Poll, Position, Progress, ReadOptions, Reader, Residual, Watermarks};
use whitebeam_sdk::{Element, Result, Timestamp};

pub(super) struct LogReader<T, C, W, P: OnError<T>>
where
    T: Element,
{
    topic: Topic,
    split: LogSplit,
    options: ReadOptions,
    codec: C,
    timing: W,
    cursor: Cursor,
    /// The block that is being read, and the place in it.
    block: Vec<u8>,
    walk: Option<Walk>,
    waiting: Waiting<P::Out, ()>,
    /// The offset of the next element that is handed out.
    next: u64,
    /// Where reading began, for progress.
    start: u64,
    types: PhantomData<fn() -> (T, P)>,
}

impl<T, C, W, P> LogReader<T, C, W, P>
where
    T: Element,
    C: Codec<T>,
    W: RecordTiming<P::Out>,
    P: OnError<T>,
{
    pub(super) fn open(
        topic: Topic,
        split: LogSplit,
        at: Option<&Position>,
        options: ReadOptions,
        codec: C,
        mut timing: W,
    ) -> Result<Self> {
        let split = match at {
            Some(position) => split.resumed(position, &topic.name)?,
            None => split,
        };
        let cursor = Cursor::new(topic.clone(), split.partition, split.start);
        if at.is_some() {
            cursor.check_resumed()?;
        }
        timing.resume(split.seen);
        let start = split.start;
        Ok(LogReader {
            topic,
            split,
            options,
            codec,
            timing,
            cursor,
            block: Vec::new(),
            walk: None,
            waiting: Waiting::new(),
            next: start,
            start,
            types: PhantomData,
        })
    }

    /// The offset behind the last record that is wanted.
    fn end(&self) -> u64 {
        self.split.end.unwrap_or(u64::MAX)
    }

    /// The offset of the next record that is decoded.
    fn decoded_to(&self) -> u64 {
        self.next + self.waiting.len() as u64
    }

    /// Decodes records until `most` elements wait or there is nothing more at hand.
    fn decode(&mut self, most: usize) -> Result<Poll> {
        while self.waiting.len() < most {
            if self.decoded_to() >= self.end() {
                return Ok(Poll::End);
            }
            let Some(mut walk) = self.walk.filter(|walk| !walk.is_end()) else {
                match self.cursor.step(&mut self.block)? {
                    Step::Block(walk) => self.walk = Some(walk),
                    Step::More => return Ok(Poll::More),
                    Step::CaughtUp => return Ok(Poll::Idle(Timestamp::MIN)),
                }
                continue;
            };
            let room = most - self.waiting.len();
            let left = self.end() - self.decoded_to();
            let decoded =
                self.decode_block(&mut walk, room.min(usize::try_from(left).unwrap_or(room)));
            self.walk = Some(walk);
            decoded?;
        }
        Ok(Poll::More)
    }

    /// Decodes up to `most` records of the block.
    fn decode_block(&mut self, walk: &mut Walk, most: usize) -> Result<()> {
        self.waiting.reserve(most);
        for _ in 0..most {
            if walk.is_end() {
                return Ok(());
            }
            let Some(record) = walk.step(&self.block) else {
                return Err(self.no_record(walk.next));
            };
            let value = match self.codec.decode(record.value) {
                Ok(value) => P::decoded(value),
                Err(e) => P::undecodable(e, &self.raw(&record))?,
            };
            if W::READS_TIMES {
                self.waiting.push_time(record.time());
            }
            self.waiting.push(value, ());
        }
        Ok(())
    }

    #[cold]
    fn no_record(&self, offset: u64) -> whitebeam_sdk::Error {
        let what = format!(
            "a record (partition {}, offset {offset})",
            self.split.partition
        );
        damaged(&self.topic.folder(), offset, &what)
    }

    fn raw<'r>(&'r self, record: &LogRecord<'r>) -> RawRecord<'r> {
        RawRecord {
            topic: &self.topic.name,
            partition: self.split.partition,
            offset: record.offset,
            key: record.key,
            value: record.value,
        }
    }

    /// Hands out what one batch can hold of the elements that wait.
    fn hand_out(&mut self, out: &mut Batch<P::Out>) -> Result<()> {
        let demand = self.options.demand;
        let handed = self.waiting.hand_out(&mut self.timing, demand, out);
        let handed = handed.map_err(|e| self.placed(e))?;
        self.next += handed.map_or(0, |handed| handed.count as u64);
        Ok(())
    }

    fn placed(&self, e: whitebeam_sdk::Error) -> whitebeam_sdk::Error {
        let (topic, partition) = (&self.topic.name, self.split.partition);
        let (from, to) = (self.next, self.decoded_to());
        e.at_position(format!(
            "topic {topic} partition {partition} offsets {from}..{to}"
        ))
    }
}

impl<T, C, W, P> Reader<P::Out> for LogReader<T, C, W, P>
where
    T: Element,
    C: Codec<T>,
    W: RecordTiming<P::Out>,
    P: OnError<T>,
{
    fn poll(&mut self, out: &mut Batch<P::Out>) -> Result<Poll> {
        let most = self.options.max_elements.unwrap_or(batch_len::<P::Out>());
        let poll = self.decode(most.max(1))?;
        let before = self.next;
        self.hand_out(out)?;
        let is_empty = self.waiting.is_empty();
        Ok(match poll {
            Poll::End if is_empty => Poll::End,
            Poll::Idle(_) if self.next == before => poll,
            _ => Poll::More,
        })
    }

    fn position(&self) -> Position {
        self.split.position(self.next, self.timing.seen())
    }

    fn watermark(&self) -> Timestamp {
        match self.options.watermarks {
            Watermarks::Estimated => self.timing.watermark(),
            Watermarks::Certain => Timestamp::MIN,
        }
    }

    fn progress(&self) -> Progress {
        let bytes = |records: u64| records.saturating_mul(self.split.record_bytes);
        let total = self
            .split
            .end
            .map(|end| bytes(end.saturating_sub(self.start)));
        Progress {
            done: bytes(self.next - self.start),
            total,
        }
    }

    fn backlog(&self) -> Option<u64> {
        let end = self.cursor.end().ok()?.min(self.end());
        Some(end.saturating_sub(self.next))
    }

    /// Gives up offsets behind a place that nobody has decoded yet.
    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        let (next, end) = (self.decoded_to(), self.end());
        let Some(left) = self.split.end.and_then(|end| end.checked_sub(next)) else {
            return Ok(None);
        };
        // The conversion saturates, and takes what is not a number for zero.
        let cut = next + ((left as f64 * fraction) as u64).min(left);
        if cut >= end {
            return Ok(None);
        }
        let rest = LogSplit {
            start: cut,
            seen: self.timing.seen(),
            ..self.split.clone()
        };
        self.split.end = Some(cut);
        Residual::of(&rest, self.watermark()).map(Some)
    }

    fn describe_position(&self) -> String {
        format!("offset {}", self.next)
    }
}
