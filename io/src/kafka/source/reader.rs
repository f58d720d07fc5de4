//! `KafkaReader`: one partition as batches of decoded elements.
//!
//! Owns the elements that are decoded but not handed out. Invariant: the position is behind the last
//! record whose element was handed out, and behind records without elements that follow it; no
//! record is decoded twice by one reader.

use super::error::no_time;
use super::mark::Mark;
use super::partition::{Found, OnLoss, Partition};
use super::split::{KafkaSplit, Reached};
use super::topic::Topic;
use super::yields::Yields;
use crate::kafka::client::Record;
use crate::record::{OnError, RawRecord, RecordTiming, Waiting};
use std::marker::PhantomData;
use whitebeam_sdk::batch::{Batch, batch_len};
use whitebeam_sdk::source::{Poll, Position, Progress, ReadOptions, Reader, Residual, Watermarks};
use whitebeam_sdk::time::Duration;
use whitebeam_sdk::{Element, Error, Result, Timestamp};

pub(super) struct KafkaReader<T, R, W, P: OnError<T>>
where
    T: Element,
{
    topic: Topic,
    split: KafkaSplit,
    options: ReadOptions,
    yields: R,
    timing: W,
    partition: Partition,
    waiting: Waiting<P::Out, Mark>,
    /// Behind what was handed out, if something waits.
    handed: Reached,
    /// Where reading began, for progress.
    start: u64,
    types: PhantomData<fn() -> (T, P)>,
}

impl<T, R, W, P> KafkaReader<T, R, W, P>
where
    T: Element,
    R: Yields<T>,
    W: RecordTiming<P::Out>,
    P: OnError<T>,
{
    pub(super) fn open(
        topic: Topic,
        split: KafkaSplit,
        at: Option<&Position>,
        options: ReadOptions,
        (yields, mut timing): (R, W),
        on_loss: Option<OnLoss>,
    ) -> Result<Self> {
        let stand = at.map(|at| split.stand(at, &topic.name)).transpose()?;
        let split = match &stand {
            Some(stand) => split.resumed(stand),
            None => split,
        };
        let mut partition = Partition::from(topic.clone(), split.partition, split.start, on_loss);
        partition.end = split.end.unwrap_or(u64::MAX);
        if let Some(stand) = stand {
            partition = partition.resumed(stand.reached)?;
        }
        timing.resume(split.seen);
        Ok(KafkaReader {
            topic,
            options,
            yields,
            timing,
            handed: partition.reached,
            partition,
            waiting: Waiting::new(),
            start: split.start,
            split,
            types: PhantomData,
        })
    }

    /// Decodes records until `most` elements wait or there is nothing more at hand.
    fn decode(&mut self, most: usize) -> Result<Found> {
        let room = most.saturating_sub(self.waiting.len());
        if room == 0 {
            return Ok(Found::Something);
        }
        self.waiting.reserve(room);
        let (waiting, yields, topic) = (&mut self.waiting, &self.yields, &self.topic);
        self.partition.poll(room, |record, mark| {
            let element = match yields.read(record) {
                Ok(Some(value)) => P::decoded(value),
                Ok(None) => return Ok(()),
                Err(e) => P::undecodable(e, &raw(&topic.name, record))?,
            };
            if W::READS_TIMES {
                waiting.push_time(time(&topic.name, record)?);
            }
            waiting.push(element, mark);
            Ok(())
        })
    }

    /// Behind what was handed out.
    fn reached(&self) -> Reached {
        match self.waiting.is_empty() {
            true => self.partition.reached,
            false => self.handed,
        }
    }

    /// Hands out what one batch can hold of the elements that wait; false if there were none.
    fn hand_out(&mut self, out: &mut Batch<P::Out>) -> Result<bool> {
        let demand = self.options.demand;
        let handed = self.waiting.hand_out(&mut self.timing, demand, out);
        let handed = handed.map_err(|e| self.placed(e))?;
        if let Some(handed) = handed {
            self.handed = Reached {
                next: handed.last.offset + 1,
                last: Some(handed.last),
            };
        }
        Ok(handed.is_some())
    }

    fn placed(&self, e: Error) -> Error {
        let (topic, partition) = (&self.topic.name, self.split.partition);
        let (from, to) = (self.reached().next, self.partition.reached.next);
        e.at_position(format!(
            "topic {topic} partition {partition} offsets {from}..{to}"
        ))
    }
}

fn raw<'r>(topic: &'r str, record: &Record<'r>) -> RawRecord<'r> {
    RawRecord {
        topic,
        partition: record.partition,
        offset: record.offset,
        key: record.key,
        value: record.value.unwrap_or_default(),
    }
}

fn time(topic: &str, record: &Record<'_>) -> Result<Timestamp> {
    let time = record.timestamp;
    time.ok_or_else(|| no_time(topic, record.partition, record.offset))
}

impl<T, R, W, P> Reader<P::Out> for KafkaReader<T, R, W, P>
where
    T: Element,
    R: Yields<T>,
    W: RecordTiming<P::Out>,
    P: OnError<T>,
{
    fn poll(&mut self, out: &mut Batch<P::Out>) -> Result<Poll> {
        let most = self.options.max_elements.unwrap_or(batch_len::<P::Out>());
        let found = self.decode(most.max(1))?;
        let handed = self.hand_out(out)?;
        Ok(match found {
            Found::End if self.waiting.is_empty() => Poll::End,
            _ if handed => Poll::More,
            Found::Something | Found::End => Poll::More,
            Found::Nothing => Poll::Idle(Timestamp::MIN),
            Found::NothingYet => Poll::Waiting(Timestamp::MIN),
        })
    }

    fn position(&self) -> Position {
        self.split.position(self.reached(), self.timing.seen())
    }

    fn watermark(&self) -> Timestamp {
        match self.options.watermarks {
            Watermarks::Estimated => self.timing.watermark(),
            Watermarks::Certain => Timestamp::MIN,
        }
    }

    fn progress(&self) -> Progress {
        let end = self.split.end;
        Progress {
            done: self.reached().next.saturating_sub(self.start),
            total: end.map(|end| end.saturating_sub(self.start)),
        }
    }

    fn backlog(&self) -> Option<u64> {
        let end = self.partition.known_end()?;
        Some(end.saturating_sub(self.reached().next))
    }

    fn held_back(&self) -> Option<Duration> {
        self.partition.held_back().map(Duration::from)
    }

    /// Gives up offsets behind a place that nobody has decoded yet.
    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        let (next, end) = (self.partition.reached.next, self.partition.end);
        let Some(left) = self.split.end.and_then(|end| end.checked_sub(next)) else {
            return Ok(None);
        };
        // The conversion saturates, and takes what is not a number for zero.
        let cut = next + ((left as f64 * fraction) as u64).min(left);
        if cut >= end {
            return Ok(None);
        }
        let rest = KafkaSplit {
            start: cut,
            seen: self.timing.seen(),
            ..self.split.clone()
        };
        (self.split.end, self.partition.end) = (Some(cut), cut);
        Residual::of(&rest, self.watermark()).map(Some)
    }

    fn describe_position(&self) -> String {
        format!("offset {}", self.reached().next)
    }
}
