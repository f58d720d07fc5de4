//! `Segment`: an open segment, looked at frame by frame.
//!
//! Owns what is a frame and what is not. Invariant: only frames that are known to be durable are
//! found: those with a mark, and those that the next segment's header counts. What a torn or unended
//! append left is nothing; what was durable once and is not right any more is an error.

use super::error::{damaged, unreadable};
use super::format::{
    Block, FrameHeader, MARK, MARK_MAGIC, PREFIX, Prefix, Salt, SegmentHeader, mark, mark_at,
};
use crc32c::crc32c;
use std::path::Path;
use whitebeam_env::{Files, Readable};
use whitebeam_sdk::Result;

/// How much is read at once where frames are small.
const READ_AHEAD: usize = 64 << 10;

/// A part of a file in memory.
#[derive(Default, Debug)]
pub(super) struct Window {
    at: u64,
    bytes: Vec<u8>,
    /// A place where there was no frame, and the file's length then: to look again would find the
    /// same.
    nothing: Option<(u64, u64)>,
}

impl Window {
    /// Up to `want` bytes from `at`; fewer where the file ends.
    fn get(&mut self, file: &dyn Readable, at: u64, want: usize) -> Result<&[u8]> {
        let from = at
            .checked_sub(self.at)
            .and_then(|n| usize::try_from(n).ok());
        let held = from.filter(|from| from.saturating_add(want) <= self.bytes.len());
        if let Some(from) = held {
            return Ok(&self.bytes[from..from + want]);
        }
        self.fill(file, at, want.max(READ_AHEAD))?;
        Ok(&self.bytes[..want.min(self.bytes.len())])
    }

    fn fill(&mut self, file: &dyn Readable, at: u64, want: usize) -> Result<()> {
        self.at = at;
        read_up_to(file, at, want, &mut self.bytes)
    }

    /// Replaces `into` by up to `len` bytes from `at`, from memory if they are held.
    fn copy(&self, file: &dyn Readable, at: u64, len: usize, into: &mut Vec<u8>) -> Result<()> {
        let from = at
            .checked_sub(self.at)
            .and_then(|n| usize::try_from(n).ok());
        let held = from.and_then(|from| self.bytes.get(from..from.checked_add(len)?));
        let Some(held) = held else {
            return read_up_to(file, at, len, into);
        };
        into.clear();
        into.extend_from_slice(held);
        Ok(())
    }
}

/// Replaces `into` by up to `want` bytes from `at`; fewer where the file ends.
fn read_up_to(file: &dyn Readable, at: u64, want: usize, into: &mut Vec<u8>) -> Result<()> {
    into.resize(want, 0);
    let mut filled = 0;
    while filled < want {
        match file.read_at(at + filled as u64, &mut into[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) => {
                into.clear();
                return Err(unreadable(e));
            }
        }
    }
    into.truncate(filled);
    Ok(())
}

/// A frame and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) header: FrameHeader,
    header_crc: u32,
    /// Where its first block begins.
    pub(super) blocks_at: u64,
    /// Where the next frame begins.
    pub(super) end: u64,
}

/// What the end of the last segment looks like.
#[derive(Debug)]
pub(super) enum Tail {
    /// Nothing, or what is left of an append that did not end.
    Torn,
    /// A whole frame without its mark: it may be that somebody has seen the mark.
    Whole(Box<Frame>),
}

#[derive(Debug)]
pub(super) struct Segment {
    file: Box<dyn Readable>,
    pub(super) number: u64,
    pub(super) header: SegmentHeader,
    /// Where its first frame begins.
    pub(super) body: u64,
}

impl Segment {
    /// Opens a segment; `None` if there is none at `path`.
    pub(super) fn open(files: &dyn Files, path: &Path, number: u64) -> Result<Option<Self>> {
        let file = match files.open(path) {
            Ok(file) => file,
            Err(e) if e.is_not_found() => return Ok(None),
            Err(e) => return Err(unreadable(e)),
        };
        let mut window = Window::default();
        let head = window.get(file.as_ref(), 0, PREFIX)?;
        let want = SegmentHeader::len_of(head);
        let found = SegmentHeader::decode(window.get(file.as_ref(), 0, want.min(LONGEST))?);
        let (header, body) = found.ok_or_else(|| damaged(path, 0, "the header of a segment"))?;
        Ok(Some(Segment {
            file,
            number,
            header,
            body,
        }))
    }

    fn salt(&self, at: u64) -> Salt {
        Salt {
            segment: self.header.id,
            at,
        }
    }

    /// How long the file is, whatever is in it.
    pub(super) fn file_len(&self) -> Result<u64> {
        self.file.len().map_err(unreadable)
    }

    /// The frame at `at`. `sealed` is where the segment's frames end, if another segment follows;
    /// `None` is the end of what is committed.
    pub(super) fn look(
        &self,
        at: u64,
        sealed: Option<u64>,
        window: &mut Window,
    ) -> Result<Option<Frame>> {
        if sealed.is_some_and(|end| at >= end) {
            return Ok(None);
        }
        let frame = self.parse(at, window)?;
        if let Some(end) = sealed {
            return match frame {
                Some(frame) if frame.end <= end => Ok(Some(frame)),
                _ => Err(self.damaged(at, "a frame")),
            };
        }
        if let Some(frame) = &frame {
            let wanted = mark(self.salt(at), frame.header_crc);
            let mark_at = frame.end - MARK as u64;
            match window.get(self.file.as_ref(), mark_at, MARK)? {
                found if found == wanted => return Ok(Some(frame.clone())),
                found if found.len() < MARK => return Ok(None),
                // Marks are begun when what is before them is durable: only this one is damaged.
                _ if self.is_whole(frame, window)? => return Ok(Some(frame.clone())),
                _ => return Err(self.damaged(at, "a frame")),
            }
        }
        let len = self.file_len()?;
        if len >= at + PREFIX as u64 && window.nothing != Some((at, len)) {
            if self.has_mark_behind(at)? {
                // What was not there may have been written since: where its mark is seen, all of it
                // is.
                *window = Window::default();
                return match self.parse(at, window)? {
                    Some(_) => self.look(at, sealed, window),
                    None => Err(self.damaged(at, "a frame")),
                };
            }
            window.nothing = Some((at, len));
        }
        Ok(None)
    }

    /// The header at `at`, if there is one; the blocks and the mark may be missing.
    fn parse(&self, at: u64, window: &mut Window) -> Result<Option<Frame>> {
        let file = self.file.as_ref();
        let Some(prefix) = Prefix::parse(window.get(file, at, PREFIX)?) else {
            return Ok(None);
        };
        let header_at = at + PREFIX as u64;
        let len = prefix.header_len as usize;
        if len > READ_AHEAD && self.file_len()? < header_at + u64::from(prefix.header_len) {
            return Ok(None);
        }
        let bytes = window.get(file, header_at, len)?;
        let Some(header) = FrameHeader::decode(bytes, prefix, self.salt(at)) else {
            return Ok(None);
        };
        let blocks_at = header_at + u64::from(prefix.header_len);
        Ok(Some(Frame {
            header_crc: prefix.header_crc,
            blocks_at,
            end: blocks_at + header.body_len() + MARK as u64,
            header,
        }))
    }

    /// A mark behind something that is no frame says that there was one: marks are written when
    /// everything before them is durable. Without one, it is what a crash left.
    fn has_mark_behind(&self, at: u64) -> Result<bool> {
        let (mut from, mut window) = (at, Window::default());
        loop {
            let bytes = window.get(self.file.as_ref(), from, READ_AHEAD)?;
            let marks = memchr::memmem::find_iter(bytes, &MARK_MAGIC);
            let is_ours =
                |n: &usize| mark_at(&bytes[*n..], self.header.id).is_some_and(|frame| frame >= at);
            if marks.into_iter().any(|n| is_ours(&n)) {
                return Ok(true);
            }
            if bytes.len() < READ_AHEAD {
                return Ok(false);
            }
            // A mark may lie across two reads.
            from += (READ_AHEAD - MARK) as u64;
        }
    }

    /// What lies at the end of what is committed, for the next writer.
    pub(super) fn tail(&self, at: u64, window: &mut Window) -> Result<Tail> {
        let Some(frame) = self.parse(at, window)? else {
            return Ok(Tail::Torn);
        };
        if self.is_whole(&frame, window)? {
            Ok(Tail::Whole(Box::new(frame)))
        } else {
            Ok(Tail::Torn)
        }
    }

    /// Whether all blocks of a frame are there as they were written.
    fn is_whole(&self, frame: &Frame, window: &Window) -> Result<bool> {
        let (mut at, mut bytes) = (frame.blocks_at, Vec::new());
        for block in &frame.header.blocks {
            if !self.fetch(block, at, window, &mut bytes)? {
                return Ok(false);
            }
            at += u64::from(block.bytes);
        }
        Ok(true)
    }

    /// Reads a block; false if it is not whole.
    fn fetch(&self, block: &Block, at: u64, window: &Window, into: &mut Vec<u8>) -> Result<bool> {
        window.copy(self.file.as_ref(), at, block.bytes as usize, into)?;
        Ok(into.len() == block.bytes as usize && crc32c(into) == block.crc)
    }

    /// Reads a block of a frame that was found.
    pub(super) fn block(
        &self,
        block: &Block,
        at: u64,
        window: &Window,
        into: &mut Vec<u8>,
    ) -> Result<()> {
        if self.fetch(block, at, window, into)? {
            return Ok(());
        }
        let (partition, first, end) = (block.partition, block.first, block.end());
        let what = format!("a block (partition {partition}, offsets {first}..{end})");
        Err(self.damaged(at, &what))
    }

    pub(super) fn damaged(&self, at: u64, what: &str) -> whitebeam_sdk::Error {
        damaged(self.file.path(), at, what)
    }
}

/// No segment's header is longer: what says so is damaged.
const LONGEST: usize = 64 << 20;
