//! Time and windows: assignment of instants to windows and merging of sessions.
//!
//! Owns the time scale (its bounds, the end of the global window) and pure functions over windows.
//! Deliberately knows no keys, elements or triggers. Invariant: an interval window is non-empty and
//! half-open, `start < end`, and its last instant is `end - 1`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::strategy::WindowKind;

/// An instant, counted in the smallest unit of time.
pub type Timestamp = i64;

/// The beginning of time: a watermark here promises nothing.
pub const MIN: Timestamp = -9_223_372_036_854_775_000;
/// The end of time: a watermark here means the input is finished.
pub const MAX: Timestamp = 9_223_372_036_854_775_000;
/// Last instant of the global window: a day (in microseconds) before the end of time, so that a
/// timer set there can still fire.
pub const END_OF_GLOBAL_WINDOW: Timestamp = MAX - 86_400_000_000;

/// A span of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "WindowFormat", into = "WindowFormat")]
pub enum Window {
    /// All of time.
    Global,
    /// `[start, end)`.
    Interval {
        /// First instant inside.
        start: Timestamp,
        /// First instant after.
        end: Timestamp,
    },
}

impl Window {
    /// The last instant inside the window (EOW).
    #[must_use]
    pub fn last_instant(self) -> Timestamp {
        match self {
            Self::Global => END_OF_GLOBAL_WINDOW,
            Self::Interval { end, .. } => end - 1,
        }
    }

    /// The last instant at which the window is still remembered (GC).
    #[must_use]
    pub fn expiry(self, allowed_lateness: i64) -> Timestamp {
        self.last_instant()
            .saturating_add(allowed_lateness)
            .min(END_OF_GLOBAL_WINDOW)
    }
}

/// `"global"` or `[start, end]`, as the scenarios write it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WindowFormat {
    Interval(Timestamp, Timestamp),
    Named(GlobalName),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GlobalName {
    Global,
}

impl From<WindowFormat> for Window {
    fn from(format: WindowFormat) -> Self {
        match format {
            WindowFormat::Interval(start, end) => Self::Interval { start, end },
            WindowFormat::Named(GlobalName::Global) => Self::Global,
        }
    }
}

impl From<Window> for WindowFormat {
    fn from(window: Window) -> Self {
        match window {
            Window::Interval { start, end } => Self::Interval(start, end),
            Window::Global => Self::Named(GlobalName::Global),
        }
    }
}

impl WindowKind {
    /// Whether windows of this kind merge.
    #[must_use]
    pub fn is_merging(&self) -> bool {
        matches!(self, Self::Sessions { .. })
    }

    /// Whether sizes, periods and gaps are positive.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        match *self {
            Self::Global => true,
            Self::Fixed { size, .. } => size > 0,
            Self::Sliding { size, period, .. } => size > 0 && period > 0,
            Self::Sessions { gap } => gap > 0,
        }
    }

    /// The windows of an element at `timestamp`: before merging, and possibly none.
    #[must_use]
    pub fn assign(&self, timestamp: Timestamp) -> Vec<Window> {
        match *self {
            Self::Global => vec![Window::Global],
            Self::Fixed { size, offset } => sliding(timestamp, size, size, offset),
            Self::Sliding {
                size,
                period,
                offset,
            } => sliding(timestamp, size, period, offset),
            Self::Sessions { gap } => vec![Window::Interval {
                start: timestamp,
                end: timestamp.saturating_add(gap),
            }],
        }
    }
}

/// All windows of `size` that contain `timestamp` and start at some `offset + n * period`.
fn sliding(timestamp: Timestamp, size: i64, period: i64, offset: i64) -> Vec<Window> {
    let since_start = i128::from(timestamp) - i128::from(offset);
    let into_period = i64::try_from(since_start.rem_euclid(i128::from(period)))
        .expect("a remainder is smaller than its divisor, which is an i64");
    let mut windows = Vec::new();
    let mut age = into_period;
    while age < size {
        let start = timestamp.saturating_sub(age);
        windows.push(Window::Interval {
            start,
            end: start.saturating_add(size),
        });
        age += period;
    }
    windows
}

/// A group of windows that become one.
#[derive(Debug)]
pub(super) struct Merge {
    /// Two or more overlapping windows, possibly including `result`.
    pub(super) parts: BTreeSet<Window>,
    /// The span of all of them.
    pub(super) result: Window,
}

/// The groups of two or more among `windows` that overlap, directly or through others. Windows that
/// only touch stay apart.
pub(super) fn overlapping(windows: &BTreeSet<Window>) -> Vec<Merge> {
    let mut groups: Vec<Merge> = Vec::new();
    // In order of start, so only the last group can overlap the next window.
    for &window in windows {
        let Window::Interval { start, end } = window else {
            continue;
        };
        match groups.last_mut() {
            Some(Merge {
                parts,
                result: Window::Interval { end: group_end, .. },
            }) if start < *group_end => {
                parts.insert(window);
                *group_end = end.max(*group_end);
            }
            _ => groups.push(Merge {
                parts: BTreeSet::from([window]),
                result: window,
            }),
        }
    }
    groups.retain(|group| group.parts.len() > 1);
    groups
}
