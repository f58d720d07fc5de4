//! Seeded choices for property tests, and how many cases a run draws.

use whitebeam_testkit::oracle::{Action, random_actions};

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
