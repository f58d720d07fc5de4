//! Event time: `Timestamp`, `Duration` and the `Grid` on which boundaries lie.
//!
//! Owns the engine's unit (microseconds) and its saturating arithmetic. Owns no clock: processing
//! time is an input of runners, never read here. Invariant: `MIN <= t <= MAX` for every timestamp
//! that was built through this module.

pub mod rfc3339;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Mul, Sub};
use std::str::FromStr;

/// An instant of event time in microseconds since 1970-01-01T00:00:00Z.
///
/// In JSON and CSV it is that number. Where text such as `2010-12-01T08:26:00Z` is meant, the field says
/// so:
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// use whitebeam_sdk::time::{Timestamp, rfc3339};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Order {
///     cents: i64,
///     #[serde(with = "rfc3339")]
///     at: Timestamp,
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

/// A length of event or processing time in microseconds; it may be negative. Arithmetic saturates.
///
/// Not `std::time::Duration`, which has an `into()` for it. Lengths are written by unit:
///
/// ```
/// use whitebeam_sdk::time::{Duration, minutes, seconds};
///
/// assert_eq!(minutes(2) - seconds(30), seconds(90));
/// assert_eq!(seconds(20) * 3, minutes(1));
/// assert_eq!(Duration::from(std::time::Duration::from_secs(60)), minutes(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Duration(i64);

const MIN_MICROS: i64 = -9_223_372_036_854_775_000;
const MAX_MICROS: i64 = 9_223_372_036_854_775_000;
const DAY_MICROS: i64 = 86_400_000_000;

impl Timestamp {
    /// The smallest instant: Beam's `BoundedWindow.TIMESTAMP_MIN_VALUE`.
    pub const MIN: Timestamp = Timestamp(MIN_MICROS);
    /// The end of time: a watermark here means that the input is finished.
    pub const MAX: Timestamp = Timestamp(MAX_MICROS);
    /// The last instant of the global window, one day before [`Timestamp::MAX`].
    pub const END_OF_GLOBAL_WINDOW: Timestamp = Timestamp(MAX_MICROS - DAY_MICROS);

    /// From microseconds since the epoch, clamped to `MIN..=MAX`.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < MIN_MICROS {
            Self::MIN
        } else if micros > MAX_MICROS {
            Self::MAX
        } else {
            Timestamp(micros)
        }
    }

    /// From milliseconds since the epoch, clamped to `MIN..=MAX`.
    pub const fn from_millis(millis: i64) -> Self {
        // One comparison for nearly all: the hot path of sources with millisecond times.
        if millis > MIN_MICROS / 1_000 && millis < MAX_MICROS / 1_000 {
            Timestamp(millis * 1_000)
        } else {
            Self::from_micros(millis.saturating_mul(1_000))
        }
    }

    /// From seconds since the epoch, clamped to `MIN..=MAX`.
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_micros(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    #[inline]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, floored.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The instant one microsecond later, or `MAX`.
    pub const fn next(self) -> Self {
        Self::from_micros(self.0.saturating_add(1))
    }

    /// The instant one microsecond earlier, or `MIN`.
    pub const fn previous(self) -> Self {
        Self::from_micros(self.0.saturating_sub(1))
    }
}

impl Duration {
    /// No time at all.
    pub const ZERO: Duration = Duration(0);
    /// Longer than any span between two timestamps.
    pub const MAX: Duration = Duration(i64::MAX);

    /// From microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Duration(micros)
    }

    /// From milliseconds; the same as [`millis`].
    pub const fn from_millis(n: i64) -> Self {
        millis(n)
    }

    /// From seconds; the same as [`seconds`].
    pub const fn from_secs(secs: i64) -> Self {
        seconds(secs)
    }

    /// Length in microseconds.
    #[inline]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// True for a length above zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }
}

/// `n` microseconds.
pub const fn micros(n: i64) -> Duration {
    Duration(n)
}
/// `n` milliseconds.
pub const fn millis(n: i64) -> Duration {
    Duration(n.saturating_mul(1_000))
}
/// `n` seconds.
pub const fn seconds(n: i64) -> Duration {
    Duration(n.saturating_mul(1_000_000))
}
/// `n` minutes.
pub const fn minutes(n: i64) -> Duration {
    seconds(n.saturating_mul(60))
}
/// `n` hours.
pub const fn hours(n: i64) -> Duration {
    minutes(n.saturating_mul(60))
}
/// `n` days of 24 hours.
pub const fn days(n: i64) -> Duration {
    hours(n.saturating_mul(24))
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    #[inline]
    fn add(self, d: Duration) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_add(d.0))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    #[inline]
    fn sub(self, d: Duration) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_sub(d.0))
    }
}

impl Sub<Timestamp> for Timestamp {
    type Output = Duration;
    fn sub(self, other: Timestamp) -> Duration {
        Duration(self.0.saturating_sub(other.0))
    }
}

impl Add for Duration {
    type Output = Duration;
    fn add(self, other: Duration) -> Duration {
        Duration(self.0.saturating_add(other.0))
    }
}

impl Sub for Duration {
    type Output = Duration;
    fn sub(self, other: Duration) -> Duration {
        Duration(self.0.saturating_sub(other.0))
    }
}

impl Mul<i64> for Duration {
    type Output = Duration;
    fn mul(self, n: i64) -> Duration {
        Duration(self.0.saturating_mul(n))
    }
}

impl From<std::time::Duration> for Duration {
    /// In whole microseconds, rounded down, at most [`Duration::MAX`].
    fn from(length: std::time::Duration) -> Duration {
        i64::try_from(length.as_micros()).map_or(Duration::MAX, Duration)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Timestamp::MIN => f.write_str("min"),
            Timestamp::MAX => f.write_str("max"),
            Timestamp::END_OF_GLOBAL_WINDOW => f.write_str("end-of-global-window"),
            Timestamp(micros) => write!(f, "{micros}us"),
        }
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with as many fraction digits as needed; `min` and `max` by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant}"),
            Err(_) => write!(f, "{self:?}"),
        }
    }
}

/// An instant in a text that is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoInstant(String);

impl fmt::Display for NoInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoInstant {}

impl FromStr for Timestamp {
    type Err = NoInstant;

    /// Reads RFC 3339, such as `2010-12-01T08:26:00Z`.
    fn from_str(text: &str) -> Result<Self, NoInstant> {
        let instant: jiff::Timestamp = text.parse().map_err(|e| NoInstant(format!("{e}")))?;
        Ok(Timestamp::from_micros(instant.as_microsecond()))
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0 => (1, "s"),
            n if n % DAY_MICROS == 0 => (DAY_MICROS, "d"),
            n if n % 3_600_000_000 == 0 => (3_600_000_000, "h"),
            n if n % 60_000_000 == 0 => (60_000_000, "min"),
            n if n % 1_000_000 == 0 => (1_000_000, "s"),
            n if n % 1_000 == 0 => (1_000, "ms"),
            _ => (1, "us"),
        };
        write!(f, "{} {name}", self.0 / unit)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The boundaries `offset + k * step` that some consumer looks at: two timestamps in one cell are
/// the same to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grid {
    step: i64,
    offset: i64,
}

impl Grid {
    /// The grid of boundaries `offset + k * step`.
    pub fn new(step: Duration, offset: Duration) -> Self {
        let step = step.0.max(1);
        Grid {
            step,
            offset: offset.0.rem_euclid(step),
        }
    }

    /// The coarsest grid that has the boundaries of both.
    pub fn join(self, other: Grid) -> Grid {
        let step = gcd(
            gcd(self.step, other.step),
            (self.offset - other.offset).abs(),
        );
        Grid {
            step,
            offset: self.offset.rem_euclid(step),
        }
    }

    /// First instant of the cell that holds `t`.
    #[inline]
    pub fn cell_start(self, t: Timestamp) -> Timestamp {
        Timestamp::from_micros(floor_to(t.0, self.step, self.offset))
    }

    /// First instant after the cell that holds `t`.
    #[inline]
    pub fn cell_end(self, t: Timestamp) -> Timestamp {
        Timestamp::from_micros(floor_to(t.0, self.step, self.offset).saturating_add(self.step))
    }
}

/// Largest `offset + k * step` at or below `t`; floors for negative instants too.
#[inline]
pub(crate) fn floor_to(t: i64, step: i64, offset: i64) -> i64 {
    let shifted = t.saturating_sub(offset);
    t.saturating_sub(shifted.rem_euclid(step))
}

pub(crate) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// How exactly a consumer needs timestamps; computed backward over the graph, so that timestamps
/// are paid for only where someone looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Demand {
    /// Nobody looks: any instant may stand for all.
    #[default]
    None,
    /// Only the cell of this grid matters.
    Grid(Grid),
    /// Each element's own instant matters.
    Exact,
}

impl Demand {
    /// The weakest demand that satisfies both.
    pub fn join(self, other: Demand) -> Demand {
        match (self, other) {
            (Demand::Exact, _) | (_, Demand::Exact) => Demand::Exact,
            (Demand::None, d) | (d, Demand::None) => d,
            (Demand::Grid(a), Demand::Grid(b)) => Demand::Grid(a.join(b)),
        }
    }

    /// True if two instants are the same to every consumer.
    #[inline]
    pub fn same(self, a: Timestamp, b: Timestamp) -> bool {
        match self {
            Demand::None => true,
            Demand::Grid(g) => g.cell_start(a) == g.cell_start(b),
            Demand::Exact => a == b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_floor_before_the_epoch() {
        let g = Grid::new(micros(10), micros(3));
        for (t, start) in [(-8, -17), (-7, -7), (2, -7), (3, 3), (12, 3), (13, 13)] {
            assert_eq!(
                g.cell_start(Timestamp::from_micros(t)).micros(),
                start,
                "t = {t}"
            );
            assert_eq!(
                g.cell_end(Timestamp::from_micros(t)).micros(),
                start + 10,
                "t = {t}"
            );
        }
    }

    #[test]
    fn joined_grids_have_both_sets_of_boundaries() {
        let cases = [
            (10, 0, 4, 0, 2),
            (10, 5, 10, 0, 5),
            (6, 0, 4, 1, 1),
            (10, 3, 5, 3, 5),
        ];
        for (s1, o1, s2, o2, step) in cases {
            let joined = Grid::new(micros(s1), micros(o1)).join(Grid::new(micros(s2), micros(o2)));
            assert_eq!(joined.step, step);
            for boundary in [o1, o1 + s1, o2, o2 + s2] {
                let t = Timestamp::from_micros(boundary);
                assert_eq!(joined.cell_start(t), t);
            }
        }
    }

    #[test]
    fn lengths_saturate_at_both_ends() {
        let least = Duration(i64::MIN);
        let cases = [
            (seconds(3) - seconds(5), seconds(-2)),
            (least - micros(1), least),
            (Duration::MAX * 2, Duration::MAX),
            (Duration::MAX * -2, least),
            (Duration::from_secs(i64::MAX), Duration::MAX),
            (Duration::from_millis(7), micros(7_000)),
            (std::time::Duration::from_nanos(1_999).into(), micros(1)),
            (std::time::Duration::MAX.into(), Duration::MAX),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn timestamps_read_as_rfc_3339() {
        assert_eq!(
            Timestamp::from_secs(1_291_191_960).to_string(),
            "2010-12-01T08:26:00Z"
        );
        assert_eq!(
            "2010-12-01T09:26:00+01:00".parse(),
            Ok(Timestamp::from_secs(1_291_191_960))
        );
        assert!("2010-12-01".parse::<Timestamp>().is_err());
        assert_eq!(Timestamp::MAX.to_string(), "max");
        assert_eq!(Timestamp::from_micros(i64::MAX), Timestamp::MAX);
    }
}
