//! From the judge's words to the sdk's, and back.

use whitebeam_sdk::time::micros;
use whitebeam_sdk::trigger::Trigger;
use whitebeam_sdk::window::{
    AccumulationMode, ClosingBehavior, FixedWindows, GlobalWindows, OnTimeBehavior, Sessions,
    SlidingWindows, TimestampCombiner, WindowFn, Windowing, WindowingStrategy,
};
use whitebeam_sdk::{Error, PaneInfo, PaneTiming, Result, Timestamp, Window};
use whitebeam_testkit::oracle::{self, PaneRecord};

/// The windowing of a scenario.
pub fn strategy(of: &oracle::Strategy) -> WindowingStrategy {
    WindowingStrategy {
        window_fn: window_fn(&of.window),
        trigger: trigger(&of.trigger),
        accumulation: match of.accumulation {
            oracle::Accumulation::Discarding => AccumulationMode::Discarding,
            oracle::Accumulation::Accumulating => AccumulationMode::Accumulating,
        },
        allowed_lateness: micros(of.allowed_lateness),
        timestamp_combiner: match of.timestamp_combiner {
            oracle::TimestampCombiner::EndOfWindow => TimestampCombiner::EndOfWindow,
            oracle::TimestampCombiner::Earliest => TimestampCombiner::Earliest,
            oracle::TimestampCombiner::Latest => TimestampCombiner::Latest,
        },
        closing: match of.closing {
            oracle::Closing::FireIfNonEmpty => ClosingBehavior::FireIfNonEmpty,
            oracle::Closing::FireAlways => ClosingBehavior::FireAlways,
        },
        on_time: match of.on_time {
            oracle::OnTime::FireAlways => OnTimeBehavior::FireAlways,
            oracle::OnTime::FireIfNonEmpty => OnTimeBehavior::FireIfNonEmpty,
        },
        mode_specified: true,
        lateness_specified: true,
        ..WindowingStrategy::default()
    }
}

/// The windowing of a scenario, in the words of a user.
pub fn windowing(of: &oracle::Strategy) -> Windowing {
    let wanted = strategy(of);
    let windowing = match wanted.window_fn {
        WindowFn::Global => GlobalWindows::new(),
        WindowFn::Fixed { size, offset } => FixedWindows::with_offset(size, offset),
        WindowFn::Sliding {
            size,
            period,
            offset,
        } => SlidingWindows::of(size).every_with_offset(period, offset),
        WindowFn::Sessions { gap } => Sessions::with_gap(gap),
    };
    let windowing = match wanted.accumulation {
        AccumulationMode::Discarding => windowing.discarding(),
        AccumulationMode::Accumulating => windowing.accumulating(),
    };
    windowing
        .trigger(wanted.trigger)
        .allowed_lateness(wanted.allowed_lateness)
        .timestamp_combiner(wanted.timestamp_combiner)
        .closing(wanted.closing)
        .on_time(wanted.on_time)
}

fn window_fn(of: &oracle::WindowKind) -> WindowFn {
    match *of {
        oracle::WindowKind::Global => WindowFn::Global,
        oracle::WindowKind::Fixed { size, offset } => WindowFn::Fixed {
            size: micros(size),
            offset: micros(offset),
        },
        oracle::WindowKind::Sliding {
            size,
            period,
            offset,
        } => WindowFn::Sliding {
            size: micros(size),
            period: micros(period),
            offset: micros(offset),
        },
        oracle::WindowKind::Sessions { gap } => WindowFn::Sessions { gap: micros(gap) },
    }
}

fn trigger(of: &oracle::Trigger) -> Trigger {
    let all = |subs: &[oracle::Trigger]| subs.iter().map(trigger).collect();
    let boxed = |sub: &oracle::Trigger| Box::new(trigger(sub));
    match of {
        oracle::Trigger::Default => Trigger::Default,
        oracle::Trigger::Never => Trigger::Never,
        oracle::Trigger::EndOfWindow => Trigger::AfterWatermark {
            early: None,
            late: None,
        },
        oracle::Trigger::Count(least) => Trigger::ElementCount(*least),
        oracle::Trigger::ProcessingTime(delay) => Trigger::AfterProcessingTime(micros(*delay)),
        oracle::Trigger::AfterWatermark { early, late } => Trigger::AfterWatermark {
            early: early.as_deref().map(boxed),
            late: late.as_deref().map(boxed),
        },
        oracle::Trigger::Repeatedly(repeated) => Trigger::Repeatedly(boxed(repeated)),
        oracle::Trigger::OrFinally(actual, until) => {
            Trigger::OrFinally(boxed(actual), boxed(until))
        }
        oracle::Trigger::Each(subs) => Trigger::AfterEach(all(subs)),
        oracle::Trigger::First(subs) => Trigger::AfterFirst(all(subs)),
        oracle::Trigger::All(subs) => Trigger::AfterAll(all(subs)),
    }
}

/// A window in the judge's words.
pub fn window(of: Window) -> oracle::Window {
    if of == Window::GLOBAL {
        return oracle::Window::Global;
    }
    oracle::Window::Interval {
        start: of.start().micros(),
        end: of.end().micros(),
    }
}

/// When a pane came, in the judge's words; no grouping emits a pane of unknown timing.
pub fn timing(of: PaneTiming) -> Option<oracle::Timing> {
    match of {
        PaneTiming::Early => Some(oracle::Timing::Early),
        PaneTiming::OnTime => Some(oracle::Timing::OnTime),
        PaneTiming::Late => Some(oracle::Timing::Late),
        PaneTiming::Unknown => None,
    }
}

/// A pane in the judge's words, its values in order.
pub fn pane(
    in_window: Window,
    mut values: Vec<i64>,
    timestamp: Timestamp,
    pane: PaneInfo,
) -> Result<PaneRecord> {
    values.sort_unstable();
    let timing = timing(pane.timing);
    Ok(PaneRecord {
        window: window(in_window),
        values,
        timestamp: timestamp.micros(),
        timing: timing.ok_or_else(|| Error::internal("a pane without timing"))?,
        index: i64::from(pane.index),
        nonspeculative_index: i64::from(pane.nonspeculative_index),
        first: pane.first,
        last: pane.last,
    })
}
