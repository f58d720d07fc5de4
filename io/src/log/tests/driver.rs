//! Reads and writes logs of numbers.

use crate::codec::Json;
use crate::log::cursor::{Cursor, Step};
use crate::log::format::Walk;
use crate::log::{Log, LogPlace, LogSource, LogWriter, Message};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::source::{Poll, Position, ReadOptions, Reader, Source};
use whitebeam_sdk::{Error, Result};

/// A topic `t` in a folder of its own.
pub(super) fn new_log(partitions: u32) -> (tempfile::TempDir, Log) {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::at(folder.path());
    log.create_topic("t", partitions).unwrap();
    (folder, log)
}

/// Appends numbers, each to the partition that is named beside it, in one piece.
pub(super) fn append(writer: &mut LogWriter, numbers: &[(u32, u32)]) -> Result<()> {
    for (partition, number) in numbers {
        let value = number.to_string();
        writer.push(Message::of(value.as_bytes()).to(*partition))?;
    }
    writer.flush().map(drop)
}

/// Reads one partition of topic `t` as far as it goes, again and again.
#[derive(Debug)]
pub(super) struct Tail {
    cursor: Cursor,
    pub(super) seen: Vec<u32>,
}

impl Tail {
    pub(super) fn new(log: &Log, partition: u32) -> Self {
        Tail {
            cursor: Cursor::new(log.topic("t").unwrap(), partition, 0),
            seen: Vec::new(),
        }
    }

    pub(super) fn catch_up(&mut self) -> Result<()> {
        let mut block = Vec::new();
        loop {
            match self.cursor.step(&mut block)? {
                Step::More => {}
                Step::CaughtUp => return Ok(()),
                Step::Block(walk) => self.take(walk, &block)?,
            }
        }
    }

    fn take(&mut self, mut walk: Walk, block: &[u8]) -> Result<()> {
        while !walk.is_end() {
            let record = walk.step(block).ok_or_else(|| Error::data("no record"))?;
            assert_eq!(
                record.offset as usize,
                self.seen.len(),
                "offsets have no gap"
            );
            let text = std::str::from_utf8(record.value).unwrap();
            self.seen.push(text.parse().unwrap());
        }
        Ok(())
    }
}

/// Everything in topic `t`, by partition.
pub(super) fn contents(log: &Log) -> Result<Vec<Vec<u32>>> {
    (0..log.partitions("t")?)
        .map(|partition| {
            let mut tail = Tail::new(log, partition);
            tail.catch_up()?;
            Ok(tail.seen)
        })
        .collect()
}

/// All numbers of topic `t`, as JSON.
pub(super) fn numbers(log: &Log) -> LogSource<u32> {
    LogSource::with_codec(log, "t", Json)
}

/// Reads every split to the end of what is there; by partition.
pub(super) fn read<S: Source>(source: &S) -> Result<Vec<Vec<S::Out>>> {
    let splits = source.discover(&[], 1)?;
    splits
        .into_iter()
        .map(|split| Ok(drain(source.open(split, None, &ReadOptions::default())?)?.0))
        .collect()
}

/// What a reader has, and where it stands then.
pub(super) fn drain<T: whitebeam_sdk::Element>(
    mut reader: Box<dyn Reader<T>>,
) -> Result<(Vec<T>, Position, Poll)> {
    let mut all = Vec::new();
    loop {
        let mut batch = Batch::default();
        let poll = reader.poll(&mut batch)?;
        all.append(&mut batch.take_values());
        if poll != Poll::More {
            return Ok((all, reader.position(), poll));
        }
    }
}

/// The numbers of `place`, one per partition.
pub(super) fn offsets(log: &Log, place: &LogPlace) -> Vec<u64> {
    log.offsets("t", place).unwrap()
}

impl Tail {
    /// The same reader after a restart: it goes on where it was.
    pub(super) fn resumed(&self, log: &Log, partition: u32) -> Result<Self> {
        let next = self.seen.len() as u64;
        let cursor = Cursor::new(log.topic("t")?, partition, next);
        cursor.check_resumed()?;
        let seen = self.seen.clone();
        Ok(Tail { cursor, seen })
    }
}
