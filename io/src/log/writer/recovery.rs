//! What a new writer finds: how far the log goes, and what the last writer left behind its end.
//!
//! Owns nothing that is written: it only looks. Invariant: an append that was acknowledged, or that
//! a reader may have seen, is found; one that was torn is not.

use super::active::IndexBuilder;
use crate::log::format::{Commits, Ends, SegmentHeader};
use crate::log::segment::{Frame, Segment, Tail, Window};
use crate::log::topic::Topic;
use whitebeam_sdk::Result;

/// The state of a topic.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) segment: Segment,
    /// Where the frames of the last segment end.
    pub(super) len: u64,
    pub(super) ends: Ends,
    pub(super) commits: Commits,
    /// A whole frame behind the end that lacks only its mark.
    pub(super) unmarked: Option<Box<Frame>>,
    pub(super) index: IndexBuilder,
}

impl Recovered {
    pub(super) fn header(&self) -> &SegmentHeader {
        &self.segment.header
    }
}

/// Reads the last segment.
pub(super) fn recover(topic: &Topic) -> Result<Recovered> {
    let (segment, _) = topic.last()?;
    let mut window = Window::default();
    let mut index = IndexBuilder::new(segment.header.id);
    let (mut ends, mut commits) = (segment.header.start.clone(), segment.header.commits.clone());
    let mut at = segment.body;
    while let Some(frame) = segment.look(at, None, &mut window)? {
        index.note(at, &ends);
        if !ends.pass(&frame.header) {
            return Err(segment.damaged(at, "the order of frames"));
        }
        if let Some(commit) = &frame.header.commit {
            commits.note(commit);
        }
        at = frame.end;
    }
    let unmarked = match segment.tail(at, &mut window)? {
        Tail::Whole(frame) => Some(frame),
        Tail::Torn => None,
    };
    Ok(Recovered {
        segment,
        len: at,
        ends,
        commits,
        unmarked,
        index,
    })
}
