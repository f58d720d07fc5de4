//! Random strategies and random inputs, drawn from a source of choices the caller supplies.
//!
//! Owns the distribution: small windows and counts, so that short inputs reach the corners, and the
//! shapes a user may write. Deliberately owns no random numbers: a property test passes its own
//! seeded source, and replays a failure by passing the same choices again.
//!
//! Invariant: equal choices give equal results, and every result is well formed.

use super::scenario::Action;
use super::strategy::{
    Accumulation, Closing, OnTime, Strategy, TimestampCombiner, Trigger, WindowKind,
};
use super::windows::{MAX, Timestamp};

/// A source of choices: `choose(n)` is one of `0..n`.
type Choose<'a> = &'a mut dyn FnMut(u64) -> u64;

/// Draws a strategy. `choose(n)` returns one of `0..n`; nested triggers are at most three deep, and
/// early, late and `until` parts are drawn from the kinds that fire once.
pub fn random_strategy(choose: &mut dyn FnMut(u64) -> u64) -> Strategy {
    Strategy {
        window: random_window(choose),
        trigger: random_trigger(choose, 3),
        accumulation: pick(
            choose,
            &[Accumulation::Discarding, Accumulation::Accumulating],
        ),
        allowed_lateness: pick(choose, &[0, 0, 1, 5, 10, 20]),
        timestamp_combiner: pick(
            choose,
            &[
                TimestampCombiner::EndOfWindow,
                TimestampCombiner::Earliest,
                TimestampCombiner::Latest,
            ],
        ),
        closing: pick(
            choose,
            &[
                Closing::FireIfNonEmpty,
                Closing::FireIfNonEmpty,
                Closing::FireAlways,
            ],
        ),
        on_time: pick(
            choose,
            &[
                OnTime::FireAlways,
                OnTime::FireAlways,
                OnTime::FireIfNonEmpty,
            ],
        ),
    }
}

/// Draws `count` inputs for one key: bundles of one to five elements around the watermark, advances
/// of the watermark and of processing time, and a last watermark at the end of time.
pub fn random_actions(choose: &mut dyn FnMut(u64) -> u64, count: usize) -> Vec<Action> {
    let mut watermark = 0;
    let mut actions = Vec::with_capacity(count + 1);
    for _ in 0..count {
        actions.push(match choose(10) {
            0..=4 => Action::Bundle(random_bundle(choose, watermark)),
            5..=7 => {
                watermark += between(choose, 1, 15);
                Action::Watermark(watermark)
            }
            _ => Action::AdvanceProcessingTime(between(choose, 1, 12)),
        });
    }
    actions.push(Action::Watermark(MAX));
    actions
}

fn random_bundle(choose: Choose<'_>, watermark: Timestamp) -> Vec<Timestamp> {
    let size = between(choose, 1, 5);
    (0..size)
        .map(|_| watermark + between(choose, -20, 20))
        .collect()
}

fn random_window(choose: Choose<'_>) -> WindowKind {
    match choose(5) {
        0 => WindowKind::Global,
        1 => WindowKind::Fixed {
            size: pick(choose, &[1, 5, 7, 10]),
            offset: pick(choose, &[0, 0, 3]),
        },
        2 => WindowKind::Sliding {
            size: pick(choose, &[5, 10]),
            period: pick(choose, &[2, 5, 7]),
            offset: pick(choose, &[0, 0, 3]),
        },
        _ => WindowKind::Sessions {
            gap: pick(choose, &[1, 5, 10]),
        },
    }
}

/// Any trigger, composites at most `depth` deep.
fn random_trigger(choose: Choose<'_>, depth: u32) -> Trigger {
    if depth == 0 {
        return random_leaf(choose);
    }
    match choose(10) {
        0 => Trigger::Default,
        1 => Trigger::Never,
        2 => random_leaf(choose),
        3 | 4 => match (
            random_firing(choose, depth - 1),
            random_firing(choose, depth - 1),
        ) {
            // Without either there are no phases: it is the plain trigger.
            (None, None) => Trigger::EndOfWindow,
            (early, late) => Trigger::AfterWatermark { early, late },
        },
        5 => Trigger::OrFinally(
            Box::new(random_trigger(choose, depth - 1)),
            Box::new(random_once(choose, depth - 1)),
        ),
        6 => Trigger::Each(several(choose, depth, random_trigger)),
        7 => random_once(choose, depth),
        _ => Trigger::Repeatedly(Box::new(random_trigger(choose, depth - 1))),
    }
}

/// A trigger that fires at most once and then is finished.
fn random_once(choose: Choose<'_>, depth: u32) -> Trigger {
    if depth == 0 {
        return random_leaf(choose);
    }
    match choose(4) {
        0 => Trigger::First(several(choose, depth, random_once)),
        1 => Trigger::All(several(choose, depth, random_once)),
        _ => random_leaf(choose),
    }
}

fn random_firing(choose: Choose<'_>, depth: u32) -> Option<Box<Trigger>> {
    (choose(3) > 0).then(|| Box::new(random_once(choose, depth)))
}

fn random_leaf(choose: Choose<'_>) -> Trigger {
    match choose(4) {
        0 => Trigger::EndOfWindow,
        1 => Trigger::ProcessingTime(pick(choose, &[0, 3, 5, 10])),
        _ => Trigger::Count(pick(choose, &[1, 2, 3, 5])),
    }
}

fn several(choose: Choose<'_>, depth: u32, draw: fn(Choose<'_>, u32) -> Trigger) -> Vec<Trigger> {
    let count = 2 + choose(2);
    (0..count).map(|_| draw(choose, depth - 1)).collect()
}

fn pick<T: Copy>(choose: Choose<'_>, among: &[T]) -> T {
    let position = choose(among.len() as u64);
    let position = usize::try_from(position).map_or(0, |position| position % among.len());
    among[position]
}

fn between(choose: Choose<'_>, least: i64, most: i64) -> i64 {
    let choices = most.abs_diff(least) + 1;
    least.saturating_add_unsigned(choose(choices) % choices)
}
