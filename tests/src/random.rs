//! Seeded choices for property tests, and how many cases a run draws.

use crate::translate;
use whitebeam_runner_core::group::{self, GroupOptions, Path};
use whitebeam_testkit::oracle::{
    Action, Closing, Strategy, TimestampCombiner, Trigger, random_actions, random_strategy,
};

/// A source of choices that is the same for the same seed: `choose(n)` is one of `0..n`.
pub fn choices(seed: u64) -> impl FnMut(u64) -> u64 {
    // Seeds are small and near each other: spread them over the whole word, and never 0.
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |among| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) % among
    }
}

/// The seeds of a run: `cases` of them from 0 on; or as many as `WHITEBEAM_CASES` says, from
/// `WHITEBEAM_SEED` on. A failure is repeated with `WHITEBEAM_SEED=<its seed> WHITEBEAM_CASES=1`.
pub fn seeds(cases: u64) -> std::ops::Range<u64> {
    let from_environment = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let first = from_environment("WHITEBEAM_SEED").unwrap_or(0);
    let cases = from_environment("WHITEBEAM_CASES").unwrap_or(cases);
    first..first.saturating_add(cases)
}

/// An action with the key of each of its elements.
#[derive(Clone, Debug)]
pub struct KeyedAction {
    /// What comes in.
    pub action: Action,
    /// One per element of a bundle.
    pub keys: Vec<u64>,
}

/// Random actions on `keys` keys, ending at the end of time.
pub fn keyed_actions(
    choose: &mut dyn FnMut(u64) -> u64,
    count: usize,
    keys: u64,
) -> Vec<KeyedAction> {
    let actions = random_actions(choose, count);
    let keyed = actions.into_iter().map(|action| {
        let elements = match &action {
            Action::Bundle(elements) => elements.len(),
            _ => 0,
        };
        let keys = (0..elements).map(|_| choose(keys)).collect();
        KeyedAction { action, keys }
    });
    keyed.collect()
}

/// A strategy that the path `path` takes.
pub fn strategy_for(path: Path, choose: &mut dyn FnMut(u64) -> u64) -> Strategy {
    let count = |n| Trigger::Count(n);
    loop {
        let mut strategy = random_strategy(choose);
        strategy.timestamp_combiner = TimestampCombiner::EndOfWindow;
        strategy.closing = Closing::FireIfNonEmpty;
        strategy.trigger = match choose(5) {
            0 => Trigger::Default,
            1 => Trigger::Never,
            2 => Trigger::EndOfWindow,
            _ => {
                let early = (choose(3) > 0).then(|| count(1 + choose(4)));
                let late = (choose(3) > 0).then(|| count(1));
                let boxed = |t: Trigger| match choose(2) {
                    0 => Box::new(t),
                    _ => Box::new(Trigger::Repeatedly(Box::new(t))),
                };
                let mut boxed = boxed;
                Trigger::AfterWatermark {
                    early: early.map(&mut boxed),
                    late: late.map(&mut boxed),
                }
            }
        };
        if choose(2) == 0 {
            strategy.allowed_lateness = 0;
        }
        if group::path(&translate::strategy(&strategy), &GroupOptions::default()) == path {
            return strategy;
        }
    }
}
