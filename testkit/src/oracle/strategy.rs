//! The windowing strategy as plain data, in the format of the recorded scenarios.
//!
//! Owns the choices a user makes: windows, trigger, accumulation, lateness, timestamps, empty panes.
//! Deliberately owns no behaviour and no check for unsafe triggers: every nesting is representable,
//! because the interpreter must have an answer for all of them.

use serde::{Deserialize, Serialize};

use super::windows::Timestamp;

/// How one grouping step windows, triggers and stamps its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// Which windows an element belongs to.
    pub window: WindowKind,
    /// When a window emits a pane.
    pub trigger: Trigger,
    /// Whether a pane repeats what earlier panes held.
    pub accumulation: Accumulation,
    /// How long past its end a window accepts elements.
    #[serde(default)]
    pub allowed_lateness: i64,
    /// Which timestamp a pane carries.
    #[serde(default)]
    pub timestamp_combiner: TimestampCombiner,
    /// Whether the last pane is emitted even if empty.
    #[serde(default)]
    pub closing: Closing,
    /// Whether the on-time pane is emitted even if empty.
    #[serde(default)]
    pub on_time: OnTime,
}

/// The window function. Sizes, periods and gaps are positive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WindowKind {
    /// One window holding everything.
    Global,
    /// Adjacent windows `[offset + n * size, offset + (n + 1) * size)`.
    Fixed {
        /// Length of a window.
        size: i64,
        /// Start of one of them.
        #[serde(default)]
        offset: i64,
    },
    /// A window of `size` starting at every `offset + n * period`; with `period > size` some
    /// instants are in no window.
    Sliding {
        /// Length of a window.
        size: i64,
        /// Distance between two starts.
        period: i64,
        /// Start of one of them.
        #[serde(default)]
        offset: i64,
    },
    /// Each element proposes `[t, t + gap)`; overlapping proposals of one key merge.
    Sessions {
        /// Silence that ends a session.
        gap: i64,
    },
}

/// When a pane is emitted; any trigger may stand inside any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// When the watermark passes the end of the window, then at every late bundle.
    Default,
    /// Only at expiry of the window.
    Never,
    /// Once, when the watermark passes the end of the window.
    EndOfWindow,
    /// Once, when the pane has at least this many elements.
    Count(u64),
    /// Once, strictly more than this delay after the first element of the pane.
    ProcessingTime(i64),
    /// End of window, with repeated firings before and after it.
    AfterWatermark {
        /// Fires until the end of the window.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        early: Option<Box<Trigger>>,
        /// Fires after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late: Option<Box<Trigger>>,
    },
    /// The same trigger again and again.
    Repeatedly(Box<Trigger>),
    /// The first trigger until the second fires.
    OrFinally(Box<Trigger>, Box<Trigger>),
    /// One after the other.
    Each(Vec<Trigger>),
    /// Once, when any is ready.
    First(Vec<Trigger>),
    /// Once, when all are ready.
    All(Vec<Trigger>),
}

/// What remains in a window after a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accumulation {
    /// Nothing: panes hold only what is new.
    Discarding,
    /// Everything: panes hold all elements so far.
    Accumulating,
}

/// How the timestamps of a pane's elements become the pane's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampCombiner {
    /// The last instant of the window.
    #[default]
    EndOfWindow,
    /// The least element timestamp.
    Earliest,
    /// The greatest element timestamp.
    Latest,
}

impl TimestampCombiner {
    /// The contribution of one element of a window that ends at `end_of_window`.
    pub(super) fn assign(self, timestamp: Timestamp, end_of_window: Timestamp) -> Timestamp {
        match self {
            Self::EndOfWindow => end_of_window,
            Self::Earliest | Self::Latest => timestamp,
        }
    }

    /// Two contributions become one.
    pub(super) fn combine(self, a: Timestamp, b: Timestamp) -> Timestamp {
        match self {
            Self::EndOfWindow | Self::Earliest => a.min(b),
            Self::Latest => a.max(b),
        }
    }
}

/// What happens when a window expires with nothing new in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// No pane.
    #[default]
    FireIfNonEmpty,
    /// An empty last pane.
    FireAlways,
}

/// What happens when the watermark passes the end of a window with nothing new in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTime {
    /// An empty on-time pane.
    #[default]
    FireAlways,
    /// No pane.
    FireIfNonEmpty,
}
