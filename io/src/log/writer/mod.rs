//! `LogWriter`: appends to a topic, one writer at a time.
//!
//! Owns the lock, the state that a new writer finds and the turn to a new segment; `active` owns
//! the write itself, `recovery` what the last writer left, `retention` what goes. Invariants: what
//! is appended together becomes visible together or not at all; a commit that is repeated is
//! recognised; offsets have no gap.

mod active;
mod lock;
mod recovery;
mod retention;

pub(super) use active::Blocks;
pub use retention::Retention;

use super::draft::{Draft, Drafts, Message};
use super::error::{broken, unwritable};
use super::format::{Commit, Commits, Ends, FrameHeader, SegmentHeader};
use super::segment::{Frame, Segment, Window};
use super::topic::Topic;
use active::{Active, Failed, IndexBuilder};
use lock::Lock;
use recovery::recover;
use std::ops::Range;
use whitebeam_sdk::{Error, ErrorKind, Result};

/// A segment that is longer gets no more frames.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Appends records to a topic. Records gather in memory until [`flush`](Self::flush), which appends
/// them in one piece: readers see all of them or none, whatever crashes, and what it returned has
/// happened durably.
///
/// ```
/// use whitebeam_io::log::{Log, Message};
/// # let folder = tempfile::tempdir().unwrap();
/// let log = Log::at(folder.path());
/// log.create_topic("orders", 2)?;
/// let mut writer = log.writer("orders")?;
/// writer.push(Message::of(b"six pieces").key(b"UK"))?;
/// writer.push(Message::of(b"two pieces").key(b"UK"))?;
/// let appended = writer.flush()?;
/// assert_eq!(appended.iter().map(|(_, offsets)| offsets.end).sum::<u64>(), 2);
/// # Ok::<(), whitebeam_sdk::Error>(())
/// ```
///
/// After an error of `flush` the records may still appear, if the disk failed at the very end: the
/// next writer finds out. Where that matters, records carry an identity of their own, or come from
/// a [`LogSink`](super::LogSink), whose epochs are recognised.
#[derive(Debug)]
pub struct LogWriter {
    topic: Topic,
    _lock: Lock,
    segment_bytes: u64,
    retention: Retention,
    topic_id: u128,
    generation: u64,
    ends: Ends,
    commits: Commits,
    /// The last segment and where its frames end.
    last: (u64, u64),
    /// Its `id`.
    last_id: u128,
    /// Of the last segment, if another writer wrote it.
    last_index: Option<IndexBuilder>,
    /// The last segment, if this writer made it and nothing went wrong with it.
    active: Option<Active>,
    is_broken: bool,
    drafts: Drafts,
    full: Vec<(Draft, Vec<u8>)>,
    records: usize,
}

impl LogWriter {
    /// Makes a topic with its first, empty segment.
    pub(super) fn create(topic: &Topic, partitions: u32) -> Result<()> {
        if partitions == 0 || partitions > MOST_PARTITIONS {
            let message = format!("a topic cannot have {partitions} partitions");
            return Err(Error::new(ErrorKind::InvalidPipeline, message)
                .help(format!("choose from 1 to {MOST_PARTITIONS}")));
        }
        let folder = topic.folder();
        topic.files().create_dir_all(&folder).map_err(unwritable)?;
        let _lock = Lock::take(topic)?;
        if !topic.segments()?.is_empty() {
            return Ok(());
        }
        let header = SegmentHeader {
            topic: topic.machine.unique(),
            id: topic.machine.unique(),
            generation: 0,
            previous: 0,
            previous_len: 0,
            created: topic.machine.now(),
            start: Ends::new(partitions),
            commits: Commits::default(),
        };
        Active::create(topic, 1, &header, None).map(drop)
    }

    /// Takes over a topic: completes or gives up what the last writer did not end.
    pub(super) fn open(topic: &Topic) -> Result<Self> {
        topic.existing()?;
        let lock = Lock::take(topic)?;
        let found = recover(topic)?;
        let header = found.header();
        let partitions = header.start.partitions.len() as u32;
        let mut writer = LogWriter {
            topic_id: header.topic,
            generation: header.generation + 1,
            last: (found.segment.number, found.len),
            last_id: header.id,
            ends: found.ends,
            commits: found.commits,
            topic: topic.clone(),
            _lock: lock,
            segment_bytes: SEGMENT_BYTES,
            retention: Retention::everything(),
            last_index: Some(found.index),
            active: None,
            is_broken: false,
            drafts: Drafts::new(partitions, 0),
            full: Vec::new(),
            records: 0,
        };
        if let Some(frame) = found.unmarked {
            writer.complete(&found.segment, &frame)?;
        }
        if writer.active.is_none() && found.len > found.segment.body {
            // The last mark can be read and may not be durable. A segment's header says where the
            // one before it ends, whatever becomes of marks.
            writer.turn(writer.ends.clone(), None)?;
        }
        Ok(writer)
    }

    /// How much of the topic is kept, from now on.
    #[must_use]
    pub fn retain(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Begins a new segment after so many bytes (64 MiB unless given): what retention removes at
    /// once.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// How many partitions the topic has.
    pub fn partitions(&self) -> u32 {
        self.ends.partitions.len() as u32
    }

    /// The offset of the next record of a partition.
    pub fn next_offset(&self, partition: u32) -> u64 {
        self.ends.next(partition)
    }

    /// How many records wait for [`flush`](Self::flush).
    pub fn waiting(&self) -> usize {
        self.records
    }

    /// Takes a record, to be appended by the next [`flush`](Self::flush).
    pub fn push(&mut self, message: Message<'_>) -> Result<()> {
        self.full
            .extend(self.drafts.put(&self.topic.name, &message)?);
        self.records += 1;
        Ok(())
    }

    /// Appends everything that was pushed, in one piece. Says which offsets the records of each
    /// partition got; partitions without any are left out.
    pub fn flush(&mut self) -> Result<Vec<(u32, Range<u64>)>> {
        let mut waiting = std::mem::take(&mut self.full);
        waiting.extend(self.drafts.rest());
        self.records = 0;
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.ends.clone();
        let drafts: Vec<Draft> = waiting.iter().map(|(draft, _)| *draft).collect();
        self.append(None, &drafts, &mut InMemory(waiting))?;
        let ends = self.ends.partitions.iter().zip(0..);
        let offsets = ends.map(|(end, partition)| (partition, before.next(partition)..end.next));
        Ok(offsets.filter(|(_, range)| !range.is_empty()).collect())
    }

    /// Gives the topic this many partitions, if it has fewer. Keys move to other partitions by it:
    /// the order of a key's records from before and after is lost.
    pub fn grow(&mut self, partitions: u32) -> Result<()> {
        if partitions <= self.partitions() || partitions > MOST_PARTITIONS {
            return Ok(());
        }
        self.flush()?;
        let mut ends = self.ends.clone();
        ends.grow(partitions);
        self.turn(ends, None)?;
        self.drafts = Drafts::new(partitions, 0);
        Ok(())
    }

    /// Removes what the retention does not keep; happens by itself with every new segment.
    pub fn enforce_retention(&mut self) -> Result<usize> {
        retention::enforce(&self.topic, self.retention)
    }

    /// Whether this very commit was appended before.
    pub(super) fn knows(&self, commit: &Commit) -> bool {
        self.commits.knows(commit)
    }

    /// The last epoch that a sink committed.
    pub(super) fn last_epoch(&self, sink: &str) -> Option<u64> {
        self.commits.last(sink)
    }

    /// Appends blocks that nobody has appended so far, in one piece.
    pub(super) fn append(
        &mut self,
        commit: Option<Commit>,
        drafts: &[Draft],
        blocks: &mut dyn Blocks,
    ) -> Result<()> {
        if self.is_broken {
            return Err(broken(&self.topic.name));
        }
        let appended = self.topic.machine.now().max(self.ends.appended);
        let mut next: Vec<u64> = self.ends.partitions.iter().map(|end| end.next).collect();
        let mut header = FrameHeader {
            number: self.ends.frames,
            appended,
            generation: self.generation,
            commit,
            blocks: Vec::with_capacity(drafts.len()),
        };
        for draft in drafts {
            let Some(next) = next.get_mut(draft.partition as usize) else {
                let (partition, partitions) = (draft.partition, self.partitions());
                return Err(super::error::no_partition(
                    &self.topic.name,
                    partition,
                    partitions,
                ));
            };
            header.blocks.push(draft.block(*next, appended));
            *next += u64::from(draft.count);
        }
        self.append_frame(&header, blocks)
    }

    fn append_frame(&mut self, header: &FrameHeader, blocks: &mut dyn Blocks) -> Result<()> {
        let is_full = |active: &Active| active.len >= self.segment_bytes;
        if self.active.as_ref().is_none_or(is_full) {
            self.turn(self.ends.clone(), None)?;
            self.enforce_retention()?;
        }
        let Some(active) = &mut self.active else {
            return Err(Error::internal("a writer without a segment to write"));
        };
        let appended = active.append(&self.topic, header, &self.ends, blocks);
        if let Err(failed) = appended {
            self.give_up(&failed);
            return Err(failed.error);
        }
        self.last.1 = active.len;
        if let Some(commit) = &header.commit {
            self.commits.note(commit);
        }
        if !self.ends.pass(header) {
            return Err(Error::internal(
                "a frame that does not follow the one before",
            ));
        }
        Ok(())
    }

    /// Leaves a segment in which something went wrong. What is behind its last frame is nothing, as
    /// the next segment will say; unless readers may have seen it.
    fn give_up(&mut self, failed: &Failed) {
        self.is_broken = failed.may_be_seen;
        self.active = None;
        if !failed.may_be_seen {
            // Only to free the space: where it fails, the next segment's header says the same.
            let path = self.topic.segment_path(self.last.0);
            let _ = self.topic.files().truncate(&path, self.last.1);
        }
    }

    /// A segment that could not be made may be there all the same.
    fn distrust(&mut self, number: u64) {
        let path = self.topic.segment_path(number);
        let is_absent = self.topic.files().exists(&path).is_ok_and(|there| !there);
        self.is_broken = !is_absent;
    }

    /// Begins a new segment, with `start` before it and perhaps a frame in it.
    fn turn(&mut self, start: Ends, first: Option<(&FrameHeader, &mut dyn Blocks)>) -> Result<()> {
        let (last, previous_len) = self.last;
        let id = self.topic.machine.unique();
        let header = SegmentHeader {
            topic: self.topic_id,
            id,
            generation: self.generation,
            previous: self.last_id,
            previous_len,
            created: self.topic.machine.now(),
            start: start.clone(),
            commits: self.commits.clone(),
        };
        let made = Active::create(&self.topic, last + 1, &header, first);
        let active = made.inspect_err(|_| self.distrust(last + 1))?;
        if let Some(index) = self.last_index.take() {
            index.write(&self.topic, last);
        }
        self.ends = start;
        self.last = (active.number, active.len);
        self.last_id = id;
        if let Some(left) = self.active.replace(active) {
            left.leave(&self.topic);
        }
        Ok(())
    }

    /// Appends a frame of the last writer's again that lacks only its mark: readers may have seen
    /// the mark before a crash took it back. The segment that ends the last one before that frame
    /// holds it from the beginning.
    fn complete(&mut self, segment: &Segment, frame: &Frame) -> Result<()> {
        let start = self.ends.clone();
        let mut after = start.clone();
        if !after.pass(&frame.header) {
            return Ok(());
        }
        let at = frame.blocks_at;
        let mut blocks = InSegment { segment, frame, at };
        self.turn(start, Some((&frame.header, &mut blocks)))?;
        if let Some(commit) = &frame.header.commit {
            self.commits.note(commit);
        }
        self.ends = after;
        Ok(())
    }
}

/// More would make headers of segments long for nothing.
const MOST_PARTITIONS: u32 = 4_096;

/// Blocks that are in memory.
struct InMemory(Vec<(Draft, Vec<u8>)>);

impl Blocks for InMemory {
    fn read(&mut self, block: usize, into: &mut Vec<u8>) -> Result<()> {
        *into = self
            .0
            .get_mut(block)
            .map(|(_, bytes)| std::mem::take(bytes))
            .unwrap_or_default();
        Ok(())
    }
}

/// The blocks of a frame in another segment, read in their order.
struct InSegment<'a> {
    segment: &'a Segment,
    frame: &'a Frame,
    at: u64,
}

impl Blocks for InSegment<'_> {
    fn read(&mut self, block: usize, into: &mut Vec<u8>) -> Result<()> {
        let block = &self.frame.header.blocks[block];
        self.segment
            .block(block, self.at, &Window::default(), into)?;
        self.at += u64::from(block.bytes);
        Ok(())
    }
}
