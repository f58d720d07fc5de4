//! Finding a place in a topic by what lies before it.
//!
//! Owns the search: by halving over segments, then over the index of one, then frame by frame.
//! Invariant: the question is one whose answer turns from yes to no once along the topic, as all
//! that [`Ends`] holds only grows.

use super::format::Ends;
use super::segment::{Frame, Segment, Window};
use super::topic::Topic;
use whitebeam_sdk::{Error, Result};

/// A place between two frames.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) segment: Segment,
    /// Where the segment's frames end, if another follows.
    pub(super) sealed: Option<u64>,
    /// Where the next frame begins, if there is one.
    pub(super) at: u64,
    /// What lies before the place.
    pub(super) before: Ends,
    /// The frame behind it.
    pub(super) frame: Option<Frame>,
}

/// The last place of which `is_before` is true of what lies before it; the beginning of the log if
/// it is true of none.
pub(super) fn last_place(topic: &Topic, is_before: impl Fn(&Ends) -> bool) -> Result<Found> {
    let segment = last_segment(topic, &is_before)?;
    let sealed = topic.sealed(segment.number)?;
    let (mut at, mut before) = (segment.body, segment.header.start.clone());
    if sealed.is_some()
        && let Some(index) = topic.index(&segment)
    {
        let behind = index
            .entries
            .partition_point(|entry| is_before(&entry.before));
        if let Some(entry) = index.entries.into_iter().take(behind).next_back() {
            (at, before) = (entry.at, entry.before);
        }
    }
    let mut window = Window::default();
    loop {
        let frame = segment.look(at, sealed, &mut window)?;
        let Some(frame) = frame else {
            let frame = None;
            return Ok(Found {
                segment,
                sealed,
                at,
                before,
                frame,
            });
        };
        let mut after = before.clone();
        if !after.pass(&frame.header) {
            return Err(segment.damaged(at, "the order of frames"));
        }
        if !is_before(&after) {
            let frame = Some(frame);
            return Ok(Found {
                segment,
                sealed,
                at,
                before,
                frame,
            });
        }
        (at, before) = (frame.end, after);
    }
}

/// The last segment whose start `is_before`; the first if there is none.
fn last_segment(topic: &Topic, is_before: &impl Fn(&Ends) -> bool) -> Result<Segment> {
    'again: for _ in 0..ATTEMPTS {
        let numbers = topic.existing()?;
        let (mut low, mut high) = (0, numbers.len());
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            // Retention may have removed it meanwhile.
            let Some(segment) = topic.open(numbers[middle].0)? else {
                continue 'again;
            };
            if middle == 0 || is_before(&segment.header.start) {
                low = middle + 1;
                found = Some(segment);
            } else {
                high = middle;
            }
        }
        if let Some(segment) = found {
            return Ok(segment);
        }
    }
    Err(Error::unavailable(format!(
        "topic `{}`: retention removes segments faster than they can be looked at",
        topic.name
    ))
    .help("let the log keep more: .retain(..)"))
}

/// How often retention may be in the way.
const ATTEMPTS: usize = 100;
