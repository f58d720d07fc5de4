//! Grouping by key and window: which path runs, decided in one place.
//!
//! The general path (`general`) is the meaning: any window function, any trigger, per key and
//! window. Each fast path beside it takes one class of strategies, and a property test proves it
//! equal to the general path.

mod assign;
mod changes;
mod clocks;
mod counted;
mod general;
mod heads;
mod hold;
mod lift;
mod pane;
mod sessions;
mod slices;
mod windowed;

pub use general::General;
pub use lift::Lift;

use whitebeam_sdk::erase::{ErasedGrouping, Step, StoreKind};
use whitebeam_sdk::trigger::Trigger;
use whitebeam_sdk::window::{ClosingBehavior, TimestampCombiner, WindowFn, WindowingStrategy};
use whitebeam_sdk::{Duration, Result};

/// How groupings run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupOptions {
    /// Where keys and accumulators live.
    pub store: StoreKind,
    /// Always take the general path, to compare with it.
    pub general_only: bool,
}

/// The paths a grouping can take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Path {
    /// One table per window, emitted whole when the watermark passes its end.
    Windowed,
    /// The same for overlapping windows: one table per slice that no window boundary cuts.
    Slices,
    /// One table per window, and for each key what it has emitted early or late.
    Counted,
    /// Windows that merge, each emitted when the watermark passes its end.
    Sessions,
    /// Per key and window, any strategy.
    General,
}

/// The path for `windowing`: the one place where this is decided.
pub fn path(windowing: &WindowingStrategy, options: &GroupOptions) -> Path {
    if options.general_only {
        return Path::General;
    }
    if !fires_once(windowing) {
        return if counts(windowing) {
            Path::Counted
        } else {
            Path::General
        };
    }
    match windowing.window_fn {
        WindowFn::Sliding { size, period, .. } if period <= size => Path::Slices,
        _ if windowing.merges() => Path::Sessions,
        _ => Path::Windowed,
    }
}

/// Every window fires once, whole, when the watermark passes its end, which is also when it
/// expires.
fn fires_once(windowing: &WindowingStrategy) -> bool {
    let at_end = matches!(
        windowing.trigger,
        Trigger::Default | Trigger::Never | Trigger::AfterWatermark { early: None, .. }
    );
    at_end
        && windowing.allowed_lateness == Duration::ZERO
        && windowing.timestamp_combiner == TimestampCombiner::EndOfWindow
        && windowing.closing == ClosingBehavior::FireIfNonEmpty
}

/// Windows fire early by count at most, at their end, and late for every bundle with an element.
fn counts(windowing: &WindowingStrategy) -> bool {
    let by_count = match &windowing.trigger {
        Trigger::Default => true,
        Trigger::AfterWatermark { early, late } => {
            let early_counts = early.as_deref().is_none_or(|t| element_count(t).is_some());
            let no_lateness = windowing.allowed_lateness == Duration::ZERO;
            let every_late = late
                .as_deref()
                .map_or(no_lateness, |t| element_count(t) == Some(1));
            early_counts && every_late
        }
        _ => false,
    };
    by_count
        && !windowing.merges()
        && windowing.timestamp_combiner == TimestampCombiner::EndOfWindow
        && windowing.closing == ClosingBehavior::FireIfNonEmpty
}

/// The count of a trigger that fires at every so many elements where it repeats.
fn element_count(trigger: &Trigger) -> Option<u64> {
    match trigger {
        Trigger::ElementCount(n) => Some(*n),
        Trigger::Repeatedly(inner) => element_count(inner),
        _ => None,
    }
}

fn early_count(trigger: &Trigger) -> Option<u64> {
    match trigger {
        Trigger::AfterWatermark { early, .. } => early.as_deref().and_then(element_count),
        _ => None,
    }
}

/// True if gathering before an exchange makes data smaller and changes no result: accumulators
/// stay small, windows do not merge, the panes' times do not depend on single elements, and the
/// trigger does not count them.
pub fn lifts(grouping: &dyn ErasedGrouping, windowing: &WindowingStrategy) -> bool {
    let counts_nothing = matches!(
        windowing.trigger,
        Trigger::Default | Trigger::Never | Trigger::AfterWatermark { early: None, .. }
    );
    grouping.is_reducing()
        && grouping.inputs() == 1
        && counts_nothing
        && !windowing.merges()
        && windowing.timestamp_combiner == TimestampCombiner::EndOfWindow
}

/// The run-time step of a grouping. With `late_ports`, output 1 + i carries what input i lost.
pub fn step(
    grouping: &dyn ErasedGrouping,
    windowing: &WindowingStrategy,
    late_ports: bool,
    options: &GroupOptions,
) -> Result<Box<dyn Step>> {
    let store = grouping.store(options.store)?;
    Ok(match path(windowing, options) {
        Path::Slices => Box::new(slices::Slices::new(
            grouping,
            store,
            windowing.window_fn,
            late_ports,
        )),
        Path::Counted => Box::new(counted::Counted::new(
            store,
            windowing.clone(),
            early_count(&windowing.trigger),
            late_ports,
        )),
        Path::Sessions => Box::new(sessions::Sessions::new(
            store,
            windowing.window_fn,
            late_ports,
        )),
        Path::General => Box::new(General::new(store, windowing.clone(), late_ports)),
        Path::Windowed => Box::new(windowed::Windowed::new(
            store,
            windowing.window_fn,
            late_ports,
        )),
    })
}
