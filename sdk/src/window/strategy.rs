//! `WindowingStrategy`: everything a collection says about windows, as plain data.
//!
//! Owns the fields and their defaults (Beam's). It is used at the next grouping and means nothing
//! before it; what it means there is `runner-core`'s.

use super::WindowFn;
use crate::time::{Demand, Duration};
use crate::trigger::Trigger;
use serde::{Deserialize, Serialize};

/// Whether a pane holds what came since the last one, or all so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum AccumulationMode {
    /// Each pane holds only what came since the previous pane.
    #[default]
    Discarding,
    /// Each pane holds everything so far.
    Accumulating,
}

/// Which instant a pane carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum TimestampCombiner {
    /// The last instant of the window.
    #[default]
    EndOfWindow,
    /// The earliest instant of the pane's elements that were not late.
    Earliest,
    /// The latest instant of the pane's elements that were not late.
    Latest,
}

/// Whether a window that expires emits a last pane that is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum ClosingBehavior {
    /// Only if there is something in it.
    #[default]
    FireIfNonEmpty,
    /// Always.
    FireAlways,
}

/// Whether an on-time pane is emitted even if it is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum OnTimeBehavior {
    /// Only if there is something in it.
    FireIfNonEmpty,
    /// Always.
    #[default]
    FireAlways,
}

/// Windows, trigger, accumulation and lateness of a collection.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WindowingStrategy {
    /// Which windows an instant belongs to.
    pub window_fn: WindowFn,
    /// When a window fires.
    pub trigger: Trigger,
    /// What a pane holds.
    pub accumulation: AccumulationMode,
    /// How long after its end a window accepts elements.
    pub allowed_lateness: Duration,
    /// Which instant a pane carries.
    pub timestamp_combiner: TimestampCombiner,
    /// What happens when a window expires.
    pub closing: ClosingBehavior,
    /// What happens when the watermark passes the end of the window.
    pub on_time: OnTimeBehavior,
    /// A grouping over merging windows has already merged them.
    pub already_merged: bool,
    /// The user named an accumulation mode.
    pub mode_specified: bool,
    /// The user named an allowed lateness.
    pub lateness_specified: bool,
}

impl Default for WindowingStrategy {
    fn default() -> Self {
        WindowingStrategy {
            window_fn: WindowFn::Global,
            trigger: Trigger::Default,
            accumulation: AccumulationMode::Discarding,
            allowed_lateness: Duration::ZERO,
            timestamp_combiner: TimestampCombiner::EndOfWindow,
            closing: ClosingBehavior::FireIfNonEmpty,
            on_time: OnTimeBehavior::FireAlways,
            already_merged: false,
            mode_specified: false,
            lateness_specified: false,
        }
    }
}

impl WindowingStrategy {
    /// Windows of a key still merge at a grouping of this collection.
    pub fn merges(&self) -> bool {
        self.window_fn.is_merging() && !self.already_merged
    }

    /// What a grouping under this strategy needs to know of timestamps.
    pub fn demand(&self) -> Demand {
        match self.timestamp_combiner {
            TimestampCombiner::EndOfWindow => self.window_fn.demand(),
            _ => Demand::Exact,
        }
    }

    /// The strategy of several collections put together: the first one's, with the greatest
    /// lateness of all, merged only if all are.
    pub(crate) fn joined(self, others: impl IntoIterator<Item = WindowingStrategy>) -> Self {
        others
            .into_iter()
            .fold(self, |mine, other| WindowingStrategy {
                allowed_lateness: mine.allowed_lateness.max(other.allowed_lateness),
                already_merged: mine.already_merged && other.already_merged,
                ..mine
            })
    }

    /// The strategy of a grouping's output: the same windows, already merged, under the
    /// continuation trigger.
    pub fn after_grouping(&self) -> WindowingStrategy {
        WindowingStrategy {
            trigger: self.trigger.continuation(),
            already_merged: self.window_fn.is_merging(),
            ..self.clone()
        }
    }
}
