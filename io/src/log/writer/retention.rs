//! `Retention`: how much of a topic is kept.
//!
//! Owns which segments go, and the order in which they do: oldest first, so that a crash leaves a
//! row without a gap behind it. Whole segments go, never the last.

use crate::log::error::unwritable;
use crate::log::topic::Topic;
use whitebeam_sdk::{Duration, Result};

/// How much of a topic is kept. Everything, unless told otherwise.
///
/// ```
/// use whitebeam_io::log::Retention;
/// use whitebeam_sdk::time::days;
///
/// let week = Retention::everything().at_least_bytes(1 << 30).at_least_age(days(7));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Retention {
    bytes: Option<u64>,
    age: Option<Duration>,
}

impl Retention {
    /// Nothing is removed.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Removes what is not among the newest `bytes` of the topic, whatever its age.
    #[must_use]
    pub fn at_least_bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Removes what was appended longer ago than this, whatever its size.
    #[must_use]
    pub fn at_least_age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }
}

/// Removes what is too old or too much; how many segments that were.
pub(super) fn enforce(topic: &Topic, retention: Retention) -> Result<usize> {
    if retention == Retention::everything() {
        return Ok(0);
    }
    let segments = topic.segments()?;
    let mut total: u64 = segments.iter().map(|(_, len)| len).sum();
    let mut gone = 0;
    for pair in segments.windows(2) {
        let [(number, len), (next, _)] = *pair else {
            break;
        };
        let is_too_much = retention.bytes.is_some_and(|kept| total - len >= kept);
        if !is_too_much && !is_too_old(topic, retention, next)? {
            break;
        }
        remove(topic, number)?;
        total -= len;
        gone += 1;
    }
    if gone > 0 {
        let synced = topic.files().sync_dir(&topic.folder());
        synced.map_err(unwritable)?;
        topic.files().point("log.retained");
    }
    Ok(gone)
}

/// Whether everything before segment `next` is older than is kept.
fn is_too_old(topic: &Topic, retention: Retention, next: u64) -> Result<bool> {
    let Some(age) = retention.age else {
        return Ok(false);
    };
    let next = topic.open(next)?;
    let newest = next.map(|segment| segment.header.start.appended);
    Ok(newest.is_some_and(|newest| newest < topic.machine.now() - age))
}

fn remove(topic: &Topic, number: u64) -> Result<()> {
    // Without its index a segment is still whole.
    for path in [topic.index_path(number), topic.segment_path(number)] {
        match topic.files().remove(&path) {
            Err(e) if !e.is_not_found() => return Err(unwritable(e)),
            _ => {}
        }
    }
    Ok(())
}
