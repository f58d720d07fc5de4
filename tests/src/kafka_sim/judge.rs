//! The judge: what readers of committed records may see, at every moment and in the end.
//!
//! Owns what each way of writing promises. Numbers go to one topic in a way that is drawn, their
//! counts to another exactly once.

use super::{COUNTS, KEYS, NUMBERS, OUT};
use std::collections::{BTreeMap, BTreeSet};
use whitebeam_env::Env;
use whitebeam_sdk::Timestamp;
use whitebeam_testkit::kafka::{KafkaModel, Placed, Shown};

/// How numbers are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mode {
    /// Nothing is lost, nothing is there twice.
    ExactlyOnce,
    /// Nothing is lost.
    AtLeastOnce,
    /// Nothing is there twice.
    AtMostOnce,
}

impl Mode {
    pub(super) fn draw(draws: &impl Env) -> Self {
        match draws.choose(4) {
            0 => Mode::AtLeastOnce,
            1 => Mode::AtMostOnce,
            _ => Mode::ExactlyOnce,
        }
    }
}

/// Seconds of a window.
pub(super) const WINDOW: i64 = 10;

/// What must be seen.
pub(super) struct Judge;

impl Judge {
    /// Looks whenever a reader could see more: no number and no count comes twice, and exactly once
    /// numbers of a key come in their order. At most once they need not, behind a failure: what one
    /// producer had on its way arrives when the next one has begun.
    pub(super) fn watch(mode: Mode) -> impl FnMut(&Shown<'_>) -> Result<(), String> + Send {
        let mut last: BTreeMap<u32, u32> = BTreeMap::new();
        let mut counts: BTreeSet<String> = BTreeSet::new();
        let mut numbers: BTreeSet<u32> = BTreeSet::new();
        move |shown| {
            for record in shown.records {
                if shown.topic == COUNTS {
                    let count = text(record)?;
                    if !counts.insert(count.clone()) {
                        return Err(format!("`{count}` is there twice"));
                    }
                }
                if shown.topic == OUT && mode != Mode::AtLeastOnce {
                    let number = number(record)?;
                    if !numbers.insert(number) {
                        return Err(format!("{number} is there twice"));
                    }
                    let before = last.insert(number % KEYS, number);
                    if mode == Mode::ExactlyOnce && before > Some(number) {
                        return Err(format!("{number} comes after {before:?}"));
                    }
                }
            }
            Ok(())
        }
    }

    /// What there is in the end.
    pub(super) fn verdict(model: &KafkaModel, mode: Mode) -> Result<(), String> {
        let rows = model.committed(OUT);
        let found: Result<Vec<u32>, String> = rows.iter().flatten().map(number).collect();
        let found: BTreeSet<u32> = found?.into_iter().collect();
        let all: BTreeSet<u32> = (0..NUMBERS).collect();
        let alien: Vec<_> = found.difference(&all).collect();
        let lost: Vec<_> = all.difference(&found).collect();
        if !alien.is_empty() || (mode != Mode::AtMostOnce && !lost.is_empty()) {
            return Err(format!("{mode:?}: lost {lost:?}, alien {alien:?}"));
        }
        let rows = model.committed(COUNTS);
        let found: Result<BTreeSet<String>, String> = rows.iter().flatten().map(text).collect();
        let (found, expected) = (found?, counts());
        match found == expected {
            true => Ok(()),
            false => Err(format!("counts should be {expected:?}, are {found:?}")),
        }
    }
}

fn text(record: &Placed) -> Result<String, String> {
    let value = record.row.value.clone().ok_or("a record without value")?;
    String::from_utf8(value).map_err(|e| e.to_string())
}

fn number(record: &Placed) -> Result<u32, String> {
    let text = text(record)?;
    text.parse().map_err(|e| format!("`{text}`: {e}"))
}

/// As the pipeline names a count.
pub(super) fn count(start: Timestamp, key: u32, n: u64) -> String {
    format!("{start} {key} {n}")
}

fn counts() -> BTreeSet<String> {
    let mut counts = BTreeMap::<(i64, u32), u64>::new();
    for number in 0..NUMBERS {
        let window = (i64::from(number) + 1) / WINDOW;
        *counts.entry((window, number % KEYS)).or_default() += 1;
    }
    let named = |((window, key), n)| count(Timestamp::from_secs(window * WINDOW), key, n);
    counts.into_iter().map(named).collect()
}
