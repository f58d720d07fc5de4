//! What a user writes inside `.window(..)`: `FixedWindows::of(minutes(1)).trigger(..)`.
//!
//! Owns the fluent surface; the result is a change to a [`WindowingStrategy`]. Nothing is checked
//! here: validation collects every problem later, with the step's name and line.

use super::{
    AccumulationMode, ClosingBehavior, OnTimeBehavior, TimestampCombiner, WindowFn,
    WindowingStrategy,
};
use crate::time::Duration;
use crate::trigger::Trigger;

/// A change to the windowing of a collection. Fields that are not named keep their old value; before
/// any is named, a collection is in the global window under the default trigger, discards, allows
/// no lateness and stamps panes with the end of their window.
#[must_use = "a windowing does nothing before .window(..) is given it"]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Windowing {
    window_fn: Option<WindowFn>,
    trigger: Option<Trigger>,
    accumulation: Option<AccumulationMode>,
    allowed_lateness: Option<Duration>,
    timestamp_combiner: Option<TimestampCombiner>,
    closing: Option<ClosingBehavior>,
    on_time: Option<OnTimeBehavior>,
}

impl Windowing {
    /// Keeps the windows and changes only what is named next.
    pub fn configure() -> Self {
        Windowing::default()
    }

    fn with(window_fn: WindowFn) -> Self {
        Windowing {
            window_fn: Some(window_fn),
            ..Windowing::default()
        }
    }

    /// When windows fire.
    pub fn trigger(mut self, trigger: impl Into<Trigger>) -> Self {
        self.trigger = Some(trigger.into());
        self
    }

    /// How long after its end a window accepts elements. It can be raised, never lowered.
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.allowed_lateness = Some(lateness);
        self
    }

    /// Each pane holds everything so far.
    pub fn accumulating(mut self) -> Self {
        self.accumulation = Some(AccumulationMode::Accumulating);
        self
    }

    /// Each pane holds what came since the previous one.
    pub fn discarding(mut self) -> Self {
        self.accumulation = Some(AccumulationMode::Discarding);
        self
    }

    /// Which instant a pane carries.
    pub fn timestamp_combiner(mut self, combiner: TimestampCombiner) -> Self {
        self.timestamp_combiner = Some(combiner);
        self
    }

    /// Whether an expiring window emits an empty last pane.
    pub fn closing(mut self, behavior: ClosingBehavior) -> Self {
        self.closing = Some(behavior);
        self
    }

    /// Whether an empty on-time pane is emitted.
    pub fn on_time(mut self, behavior: OnTimeBehavior) -> Self {
        self.on_time = Some(behavior);
        self
    }

    /// The window function, if this changes it.
    pub fn window_fn(&self) -> Option<WindowFn> {
        self.window_fn
    }

    /// The trigger, if this changes it.
    pub(crate) fn changes_trigger(&self) -> Option<&Trigger> {
        self.trigger.as_ref()
    }

    /// The lateness asked for, which may be less than what is granted.
    pub(crate) fn asked_lateness(&self) -> Option<Duration> {
        self.allowed_lateness
    }

    /// `old` with this change applied.
    pub fn applied_to(&self, old: &WindowingStrategy) -> WindowingStrategy {
        WindowingStrategy {
            window_fn: self.window_fn.unwrap_or(old.window_fn),
            trigger: self.trigger.clone().unwrap_or_else(|| old.trigger.clone()),
            accumulation: self.accumulation.unwrap_or(old.accumulation),
            allowed_lateness: self
                .allowed_lateness
                .map_or(old.allowed_lateness, |l| l.max(old.allowed_lateness)),
            timestamp_combiner: self.timestamp_combiner.unwrap_or(old.timestamp_combiner),
            closing: self.closing.unwrap_or(old.closing),
            on_time: self.on_time.unwrap_or(old.on_time),
            already_merged: self.window_fn.is_none() && old.already_merged,
            mode_specified: self.accumulation.is_some() || old.mode_specified,
            lateness_specified: self.allowed_lateness.is_some() || old.lateness_specified,
        }
    }
}

/// Everything in one window that ends with time itself.
#[derive(Clone, Copy, Debug)]
pub struct GlobalWindows;

impl GlobalWindows {
    /// The global window.
    #[allow(clippy::new_ret_no_self, reason = "names a windowing, as Beam does")]
    pub fn new() -> Windowing {
        Windowing::with(WindowFn::Global)
    }
}

/// Back-to-back windows of one size.
#[derive(Clone, Copy, Debug)]
pub struct FixedWindows;

impl FixedWindows {
    /// Windows `[k size, (k+1) size)` since the epoch.
    pub fn of(size: Duration) -> Windowing {
        Self::with_offset(size, Duration::ZERO)
    }

    /// Windows whose boundaries are shifted by `offset`.
    pub fn with_offset(size: Duration, offset: Duration) -> Windowing {
        Windowing::with(WindowFn::Fixed { size, offset })
    }
}

/// A window of one size at every period.
#[must_use = "say how often: .every(period)"]
#[derive(Clone, Copy, Debug)]
pub struct SlidingWindows {
    size: Duration,
}

impl SlidingWindows {
    /// Windows of this length; say how often with [`SlidingWindows::every`].
    pub fn of(size: Duration) -> Self {
        SlidingWindows { size }
    }

    /// One window starts every `period`.
    pub fn every(self, period: Duration) -> Windowing {
        self.every_with_offset(period, Duration::ZERO)
    }

    /// One window starts every `period`, shifted by `offset`.
    pub fn every_with_offset(self, period: Duration, offset: Duration) -> Windowing {
        Windowing::with(WindowFn::Sliding {
            size: self.size,
            period,
            offset,
        })
    }
}

/// Windows of activity per key.
#[derive(Clone, Copy, Debug)]
pub struct Sessions;

impl Sessions {
    /// A session ends after `gap` without elements.
    pub fn with_gap(gap: Duration) -> Windowing {
        Windowing::with(WindowFn::Sessions { gap })
    }
}
