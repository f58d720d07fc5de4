//! `GroupingCase`: what a seed stands for where one step of grouping is judged, and the equalities that
//! hold for every path.
//!
//! Owns how a case is played. Does not own which strategies are drawn: each suite draws those that its
//! path takes.

use crate::grouping::{Drive, GroupingStep};
use crate::judged::Judged;
use crate::random::{KeyedAction, choices, keyed_actions, seeds};
use whitebeam_testkit::oracle::Strategy;

/// Makes choices, the same for the same seed: one of `0..n`.
pub type Choose<'a> = &'a mut dyn FnMut(u64) -> u64;

/// Key groups of a snapshot that is split.
const GROUPS: u16 = 8;

/// A strategy, how its step is driven, and what comes in.
#[derive(Debug)]
pub struct GroupingCase {
    /// What groups.
    pub strategy: Strategy,
    /// How it is driven.
    pub drive: Drive,
    /// What comes in, ending at the end of time.
    pub actions: Vec<KeyedAction>,
}

/// Runs a test on every seed; the first failure is told with its seed, and with what the test wrote
/// down of its case.
///
/// # Panics
///
/// At the first failure.
pub fn on_seeds(cases: u64, test: impl Fn(Choose<'_>, &mut String) -> Result<(), String>) {
    for seed in seeds(cases) {
        let mut told = String::new();
        let same = test(&mut choices(seed), &mut told);
        assert_eq!(same, Ok(()), "WHITEBEAM_SEED={seed}: {told}");
    }
}

impl GroupingCase {
    /// Draws how the step is asked, whether its bundles are cut if they `may_be_cut`, and what comes in.
    pub fn draw(
        strategy: Strategy,
        mut drive: Drive,
        may_be_cut: bool,
        choose: Choose<'_>,
    ) -> Self {
        drive.explicit = choose(4) == 0;
        if may_be_cut && choose(2) == 0 {
            drive.batch = 1 + choose(3) as usize;
        }
        let keys = 1 + choose(3);
        let length = 1 + choose(25) as usize;
        let actions = keyed_actions(choose, length, keys);
        GroupingCase {
            strategy,
            drive,
            actions,
        }
    }

    /// After every step it has done what the interpreter has, held back now and then.
    pub fn is_equal_after_every_step(&self, choose: Choose<'_>) -> Result<(), String> {
        let mut judged = self.judged()?;
        for (number, keyed) in self.actions.iter().enumerate() {
            if choose(8) == 0 {
                judged.hold((choose(3) > 0).then(|| choose(60) as i64 - 10));
            }
            if number + 1 == self.actions.len() {
                judged.hold(None);
            }
            let same = judged.act(keyed, |_| true);
            same.map_err(|difference| format!("step {number}: {difference}"))?;
        }
        judged.ends_empty()
    }

    /// At a random step, two instances go on from a snapshot with a part of the key groups each.
    pub fn is_equal_after_a_snapshot_is_split(&self, choose: Choose<'_>) -> Result<(), String> {
        let cut = choose(self.actions.len() as u64) as usize;
        let border = choose(u64::from(GROUPS) + 1) as u16;
        let mut whole = self.judged()?;
        let at = |number: usize| move |d: String| format!("step {number}: {d}");
        for (number, keyed) in self.actions[..cut].iter().enumerate() {
            whole.act(keyed, |_| true).map_err(at(number))?;
        }
        for mine in [0..border, border..GROUPS] {
            let part = whole.part(mine.clone(), GROUPS);
            let mut part = part.map_err(|e| e.to_string())?;
            let is_mine = |key| mine.contains(&GroupingStep::key_group(key, GROUPS));
            for (number, keyed) in self.actions.iter().enumerate().skip(cut) {
                let same = part.act(keyed, is_mine).map_err(at(number));
                same.map_err(|d| format!("groups {mine:?}, cut {cut}: {d}"))?;
            }
            part.ends_empty()?;
        }
        Ok(())
    }

    fn judged(&self) -> Result<Judged, String> {
        Judged::new(&self.strategy, self.drive).map_err(|e| e.to_string())
    }
}
