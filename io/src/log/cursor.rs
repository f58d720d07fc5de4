//! `Cursor`: reads one partition of a topic, block by block, to the end of what is committed.
//!
//! Owns the way from segment to segment. Invariant: blocks come in the order of their offsets,
//! without a gap; where records are gone, it is an error that says which.

use super::error::{overtaken, replaced, shortened};
use super::find::{Found, last_place};
use super::format::{LogRecord, Walk};
use super::segment::{Frame, Segment, Tail, Window};
use super::topic::Topic;
use whitebeam_sdk::Result;

/// Frames without a block of the partition that are passed over in one go.
const FRAMES_AT_ONCE: usize = 256;

/// What a step of a cursor found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// A block, whose records begin here.
    Block(Walk),
    /// Nothing so far, but there is more to look at.
    More,
    /// The end of what is committed.
    CaughtUp,
}

#[derive(Debug)]
struct Open {
    segment: Segment,
    sealed: Option<u64>,
    /// Where the next frame begins.
    at: u64,
    frame: Option<InFrame>,
    window: Window,
}

/// What comes behind the frames of a segment that are there.
enum Behind {
    /// More frames of the same segment.
    Same,
    Segment(Box<Open>),
    Nothing,
}

/// A frame whose blocks are being read.
#[derive(Debug)]
struct InFrame {
    frame: Frame,
    block: usize,
    /// Where that block begins.
    at: u64,
}

#[derive(Debug)]
pub(super) struct Cursor {
    topic: Topic,
    partition: u32,
    /// The offset of the next block's first record that is wanted.
    next: u64,
    open: Option<Open>,
}

impl Cursor {
    /// Reads `partition` from record `next` on.
    pub(super) fn new(topic: Topic, partition: u32, next: u64) -> Self {
        Cursor {
            topic,
            partition,
            next,
            open: None,
        }
    }

    /// Refuses to go on where records are gone, or behind the end of a log that was cut. `next` was
    /// read up to before.
    pub(super) fn check_resumed(&self) -> Result<()> {
        let found = last_place(&self.topic, |_| true)?;
        let end = found.before.next(self.partition);
        if end >= self.next {
            return Ok(());
        }
        // A reader may have seen the mark of a frame that lost it in a crash: the next writer
        // restores it.
        let tail = found.segment.tail(found.at, &mut Window::default())?;
        let restored = match tail {
            Tail::Whole(frame) => {
                let mut after = found.before;
                if after.pass(&frame.header) {
                    after.next(self.partition)
                } else {
                    end
                }
            }
            Tail::Torn => end,
        };
        if restored >= self.next {
            return Ok(());
        }
        Err(shortened(&self.topic.name, self.partition, self.next, end))
    }

    /// The offset behind the last record that is committed now.
    pub(super) fn end(&self) -> Result<u64> {
        let found = last_place(&self.topic, |_| true)?;
        Ok(found.before.next(self.partition))
    }

    /// Reads the next block into `into`, and says where its wanted records begin.
    pub(super) fn step(&mut self, into: &mut Vec<u8>) -> Result<Step> {
        for _ in 0..FRAMES_AT_ONCE {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.find()?,
            };
            if let Some(walk) = self.block_of(&mut open, into)? {
                self.open = Some(open);
                return Ok(Step::Block(walk));
            }
            let frame = open.segment.look(open.at, open.sealed, &mut open.window)?;
            match frame {
                Some(frame) => open.enter(frame),
                None => match self.behind(&mut open)? {
                    Behind::Same => {}
                    Behind::Segment(next) => open = *next,
                    Behind::Nothing => {
                        self.open = Some(open);
                        return Ok(Step::CaughtUp);
                    }
                },
            }
            self.open = Some(open);
        }
        Ok(Step::More)
    }

    fn find(&self) -> Result<Open> {
        let found = last_place(&self.topic, |ends| ends.next(self.partition) <= self.next)?;
        let earliest = found.before.next(self.partition);
        if earliest > self.next {
            return Err(overtaken(
                &self.topic.name,
                self.partition,
                self.next,
                earliest,
            ));
        }
        Ok(Open::at(found.segment, found.sealed, found.at))
    }

    /// The next wanted block of the frame that is being read.
    fn block_of(&mut self, open: &mut Open, into: &mut Vec<u8>) -> Result<Option<Walk>> {
        let Some(inside) = &mut open.frame else {
            return Ok(None);
        };
        while let Some(block) = inside.frame.header.blocks.get(inside.block) {
            let at = inside.at;
            inside.block += 1;
            inside.at += u64::from(block.bytes);
            if block.partition != self.partition || block.end() <= self.next {
                continue;
            }
            if block.first > self.next {
                return Err(open.segment.damaged(at, "the order of blocks"));
            }
            open.segment.block(block, at, &open.window, into)?;
            let appended = inside.frame.header.appended;
            let mut walk = Walk::start(block.first, block.count, appended);
            while walk.next < self.next {
                let skipped = walk.step(into);
                skipped.ok_or_else(|| open.segment.damaged(at, "a record"))?;
            }
            self.next = block.end();
            return Ok(Some(walk));
        }
        open.frame = None;
        Ok(None)
    }

    /// What follows a segment that was read to the end of what was found in it.
    fn behind(&self, open: &mut Open) -> Result<Behind> {
        let number = open.segment.number + 1;
        let Some(segment) = self.topic.open(number)? else {
            // Only the last segment has none behind it, unless retention overtook the reader.
            let segments = self.topic.existing()?;
            if segments.first().is_none_or(|(first, _)| *first <= number) {
                return Ok(Behind::Nothing);
            }
            return Ok(Behind::Segment(Box::new(self.find()?)));
        };
        if segment.header.topic != open.segment.header.topic {
            return Err(replaced(&self.topic.name));
        }
        if segment.header.previous != open.segment.header.id {
            // What was open is none of the log's: it was made in vain and removed.
            return Ok(Behind::Segment(Box::new(self.find()?)));
        }
        let end = segment.header.previous_len;
        if open.sealed.is_none() && open.at < end {
            // Frames were added before the next segment was.
            open.sealed = Some(end);
            return Ok(Behind::Same);
        }
        let next = segment.header.start.next(self.partition);
        if open.at != end || next > self.next {
            return Err(open.segment.damaged(open.at, "the end of a segment"));
        }
        let body = segment.body;
        Ok(Behind::Segment(Box::new(Open::at(segment, None, body))))
    }
}

impl Open {
    fn at(segment: Segment, sealed: Option<u64>, at: u64) -> Self {
        Open {
            segment,
            sealed,
            at,
            frame: None,
            window: Window::default(),
        }
    }

    fn enter(&mut self, frame: Frame) {
        self.at = frame.end;
        self.frame = Some(InFrame {
            block: 0,
            at: frame.blocks_at,
            frame,
        });
    }
}

/// The offset of the first record of `partition` behind a place of which `wanted` is true; that
/// place's own next offset if there is none.
pub(super) fn first_at(
    found: &Found,
    partition: u32,
    wanted: impl Fn(&LogRecord<'_>) -> bool,
) -> Result<u64> {
    let nothing = found.before.next(partition);
    let Some(frame) = &found.frame else {
        return Ok(nothing);
    };
    let (mut at, mut bytes, window) = (frame.blocks_at, Vec::new(), Window::default());
    for block in &frame.header.blocks {
        if block.partition == partition {
            found.segment.block(block, at, &window, &mut bytes)?;
            let mut walk = Walk::start(block.first, block.count, frame.header.appended);
            while !walk.is_end() {
                let record = walk.step(&bytes);
                let record = record.ok_or_else(|| found.segment.damaged(at, "a record"))?;
                if wanted(&record) {
                    return Ok(record.offset);
                }
            }
        }
        at += u64::from(block.bytes);
    }
    Ok(nothing)
}
