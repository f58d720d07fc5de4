//! Windows and window functions: which windows an instant belongs to.
//!
//! Owns assignment from a timestamp. Does not know keys, watermarks, lateness or merging of live
//! state (`runner-core` does). Invariant: an assigned window contains its instant.

mod builders;
mod strategy;

pub use builders::{FixedWindows, GlobalWindows, Sessions, SlidingWindows, Windowing};
pub use strategy::{
    AccumulationMode, ClosingBehavior, OnTimeBehavior, TimestampCombiner, WindowingStrategy,
};

use crate::time::{Demand, Duration, Grid, Timestamp, floor_to, gcd};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A span of event time `[start, end)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// The window that holds all of time.
    pub const GLOBAL: Window = Window {
        start: Timestamp::MIN,
        end: Timestamp::END_OF_GLOBAL_WINDOW.next(),
    };

    /// The window `[start, end)`.
    pub fn new(start: Timestamp, end: Timestamp) -> Self {
        Window { start, end }
    }

    /// First instant inside.
    #[inline]
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// First instant after.
    #[inline]
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Last instant inside (Beam's `maxTimestamp`).
    #[inline]
    pub fn max_timestamp(self) -> Timestamp {
        self.end.previous()
    }

    /// True if `t` lies inside.
    pub fn contains(self, t: Timestamp) -> bool {
        self.start <= t && t < self.end
    }

    /// True if the two share an instant; windows that only touch do not.
    pub fn overlaps(self, other: Window) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The smallest window that holds both.
    pub fn span(self, other: Window) -> Window {
        Window {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The instant after which an element of this window is dropped: its last instant plus
    /// `allowed_lateness`, at most the end of the global window.
    pub fn expiry(self, allowed_lateness: Duration) -> Timestamp {
        (self.max_timestamp() + allowed_lateness).min(Timestamp::END_OF_GLOBAL_WINDOW)
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Window::GLOBAL {
            return f.write_str("global");
        }
        write!(f, "[{:?}, {:?})", self.start, self.end)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Window::GLOBAL {
            return f.write_str("global");
        }
        write!(f, "[{}, {})", self.start, self.end)
    }
}

/// How instants map to windows; plain data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum WindowFn {
    /// Everything in one window.
    Global,
    /// Back-to-back windows `[offset + k size, offset + (k+1) size)`.
    Fixed {
        /// Length of a window.
        size: Duration,
        /// Shift of the boundaries.
        offset: Duration,
    },
    /// A window of `size` every `period`; overlapping if `period < size`, with gaps if larger.
    Sliding {
        /// Length of a window.
        size: Duration,
        /// Distance between window starts.
        period: Duration,
        /// Shift of the boundaries.
        offset: Duration,
    },
    /// Windows of activity per key, closed by `gap` without elements.
    Sessions {
        /// Inactivity that ends a session.
        gap: Duration,
    },
}

impl WindowFn {
    /// True if windows of a key merge.
    pub fn is_merging(self) -> bool {
        matches!(self, WindowFn::Sessions { .. })
    }

    /// Calls `each` for every window of `t`, earliest start last (Beam's order for sliding).
    #[inline]
    pub fn assign(self, t: Timestamp, mut each: impl FnMut(Window)) {
        match self {
            WindowFn::Global => each(Window::GLOBAL),
            WindowFn::Fixed { size, offset } => {
                let start = floor_to(t.micros(), size.micros(), offset.micros());
                each(interval(start, size));
            }
            WindowFn::Sliding {
                size,
                period,
                offset,
            } => {
                let mut start = floor_to(t.micros(), period.micros(), offset.micros());
                while start > t.micros().saturating_sub(size.micros()) {
                    each(interval(start, size));
                    start = start.saturating_sub(period.micros());
                }
            }
            WindowFn::Sessions { gap } => each(interval(t.micros(), gap)),
        }
    }

    /// The single window of `t` where there is exactly one by construction.
    #[inline]
    pub fn only_window(self, t: Timestamp) -> Option<Window> {
        match self {
            WindowFn::Sliding { .. } => None,
            single => {
                let mut found = None;
                single.assign(t, |w| found = Some(w));
                found
            }
        }
    }

    /// What assignment needs to know of timestamps.
    pub fn demand(self) -> Demand {
        match self {
            WindowFn::Global => Demand::None,
            WindowFn::Fixed { size, offset } => Demand::Grid(Grid::new(size, offset)),
            WindowFn::Sliding {
                size,
                period,
                offset,
            } => {
                let step = gcd(size.micros(), period.micros());
                Demand::Grid(Grid::new(Duration::from_micros(step), offset))
            }
            WindowFn::Sessions { .. } => Demand::Exact,
        }
    }

    /// True if collections windowed by the two may be flattened or joined: equal, or both sessions.
    pub fn is_compatible(self, other: WindowFn) -> bool {
        self == other || (self.is_merging() && other.is_merging())
    }
}

#[inline]
fn interval(start: i64, size: Duration) -> Window {
    let start = Timestamp::from_micros(start);
    // No interval reaches past the global window, so that every expiry can be waited for.
    Window {
        start,
        end: (start + size).min(Timestamp::END_OF_GLOBAL_WINDOW.next()),
    }
}

impl fmt::Display for WindowFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WindowFn::Global => f.write_str("global window"),
            WindowFn::Fixed { size, .. } => write!(f, "fixed windows of {size}"),
            WindowFn::Sliding { size, period, .. } => {
                write!(f, "sliding windows of {size} every {period}")
            }
            WindowFn::Sessions { gap } => write!(f, "sessions with a gap of {gap}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::micros;

    fn windows(f: WindowFn, t: i64) -> Vec<(i64, i64)> {
        let mut all = Vec::new();
        f.assign(Timestamp::from_micros(t), |w| {
            all.push((w.start.micros(), w.end.micros()))
        });
        all
    }

    #[test]
    fn instants_belong_to_their_windows() {
        let fixed = WindowFn::Fixed {
            size: micros(10),
            offset: micros(0),
        };
        let shifted = WindowFn::Fixed {
            size: micros(10),
            offset: micros(3),
        };
        let sliding = WindowFn::Sliding {
            size: micros(10),
            period: micros(5),
            offset: micros(0),
        };
        let gaps = WindowFn::Sliding {
            size: micros(5),
            period: micros(10),
            offset: micros(0),
        };
        let sessions = WindowFn::Sessions { gap: micros(10) };
        type Case = (WindowFn, i64, Vec<(i64, i64)>);
        let cases: Vec<Case> = vec![
            (fixed, 9, vec![(0, 10)]),
            (fixed, 10, vec![(10, 20)]),
            (fixed, -1, vec![(-10, 0)]),
            (shifted, 2, vec![(-7, 3)]),
            (sliding, 7, vec![(5, 15), (0, 10)]),
            (sliding, -1, vec![(-5, 5), (-10, 0)]),
            (gaps, 4, vec![(0, 5)]),
            (gaps, 5, vec![]),
            (sessions, 4, vec![(4, 14)]),
        ];
        for (f, t, expected) in cases {
            assert_eq!(windows(f, t), expected, "{f} at {t}");
        }
    }
}
