//! The judge: whether what was committed is the model's answer, once.
//!
//! Owns the equality of answers that depend on no order: what all panes of a key and window say
//! together, that no pane is missing or there twice, and that what was dropped as late is exactly
//! what the others lack. Rows may have been committed by many runs.

use crate::streaming::case::{Case, Seen, Shape};
use crate::translate;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use whitebeam_sdk::transform::Reified;
use whitebeam_testkit::oracle::{
    Accumulation, Closing, Interpreter, MAX, OnTime, Strategy, TimestampCombiner, Trigger, Window,
    WindowKind,
};

/// Values by key and window.
type Answer = BTreeMap<(u64, Window), Vec<i64>>;

/// How the answers differ from the model's, if they do.
pub fn difference(case: &Case, seen: &Seen) -> Option<String> {
    match seen {
        Seen::Elements(rows) => different("elements", &copies(case), &rows.sorted()),
        Seen::Lists(rows) if case.shape == Shape::Twice => {
            let list = |v: &Vec<i64>| v.clone();
            wrong(case, &twice(case), &rows.rows(), list)
        }
        Seen::Lists(rows) => wrong(case, &lists(case), &rows.rows(), Clone::clone),
        Seen::Sums(rows) => sums(case, &rows.rows()),
        Seen::Together(rows) => {
            // Values of the second source are told by their sign.
            let signed = |(left, right): &(Vec<i64>, Vec<i64>)| {
                let right = right.iter().map(|value| -value);
                left.iter().copied().chain(right).collect()
            };
            wrong(case, &lists(case), &rows.rows(), signed)
        }
        Seen::Branches(rows, of_sums) => {
            let wrong = wrong(case, &lists(case), &rows.rows(), Clone::clone);
            wrong.or_else(|| sums(case, &of_sums.rows()))
        }
        Seen::WithLate(rows, late) => with_late(case, &rows.rows(), late.rows()),
    }
}

fn different<T: PartialEq + Debug>(what: &str, expected: &T, seen: &T) -> Option<String> {
    (expected != seen).then(|| format!("{what} should be\n{expected:?}, are\n{seen:?}"))
}

fn copies(case: &Case) -> Vec<(u64, i64)> {
    let rows = case.rows().filter(|(_, row)| row.key % 3 != 2);
    let copies = rows.flat_map(|(_, row)| (0..=row.key % 3).map(move |i| (i, row.value)));
    let mut copies: Vec<_> = copies.collect();
    copies.sort_unstable();
    copies
}

/// The windows of a strategy, each emitted once, when everything has been seen.
fn once(strategy: &Strategy) -> Strategy {
    Strategy {
        window: strategy.window.clone(),
        trigger: Trigger::Default,
        accumulation: Accumulation::Discarding,
        allowed_lateness: 0,
        timestamp_combiner: TimestampCombiner::EndOfWindow,
        closing: Closing::FireIfNonEmpty,
        on_time: OnTime::FireAlways,
    }
}

fn grouped(strategy: &Strategy, elements: &[(u64, i64, i64)]) -> Answer {
    let mut model = Interpreter::new(once(strategy));
    model.bundle(elements);
    let panes = model.watermark(MAX).panes.into_iter();
    let sorted = panes.map(|mut pane| {
        pane.values.sort_unstable();
        ((pane.key, pane.window), pane.values)
    });
    sorted.collect()
}

fn lists(case: &Case) -> Answer {
    let signed = |source: usize, value: i64| match (case.shape, source) {
        (Shape::Together, 1) => -value,
        _ => value,
    };
    let element =
        |(source, row): (usize, super::source::Row)| (row.key, row.at, signed(source, row.value));
    let elements: Vec<_> = case.rows().map(element).collect();
    grouped(&case.strategy, &elements)
}

fn twice(case: &Case) -> Answer {
    let mut halves = Answer::new();
    for ((key, window), values) in lists(case) {
        let sum = values.iter().sum();
        halves.entry((key / 2, window)).or_default().push(sum);
    }
    halves.values_mut().for_each(|sums| sums.sort_unstable());
    halves
}

/// No pane is there twice, and where windows do not merge none is missing before the last.
fn panes_are_whole<V>(case: &Case, rows: &[Reified<(u64, V)>]) -> Option<String> {
    let mut indices: BTreeMap<(u64, Window), Vec<u32>> = BTreeMap::new();
    for row in rows {
        let at = (row.value.0, translate::window(row.window));
        indices.entry(at).or_default().push(row.pane.index);
    }
    for (at, mut indices) in indices {
        indices.sort_unstable();
        let twice = indices.windows(2).any(|pair| pair[0] == pair[1]);
        let merges = matches!(case.strategy.window, WindowKind::Sessions { .. });
        let gaps = !merges && indices.iter().zip(0..).any(|(index, n)| *index != n);
        if twice || gaps {
            return Some(format!("panes of {at:?} are numbered {indices:?}"));
        }
    }
    None
}

fn wrong<V>(
    case: &Case,
    expected: &Answer,
    rows: &[Reified<(u64, V)>],
    values: impl Fn(&V) -> Vec<i64>,
) -> Option<String> {
    panes_are_whole(case, rows).or_else(|| {
        let answer = folded(case, expected, rows, values);
        let missing = expected.iter().filter(|(at, v)| answer.get(at) != Some(v));
        let alien = answer.iter().filter(|(at, _)| !expected.contains_key(at));
        let missing: Vec<_> = missing.map(|(at, v)| (at, v, answer.get(at))).collect();
        let alien: Vec<_> = alien.collect();
        (!missing.is_empty() || !alien.is_empty())
            .then(|| format!("should be, is: {missing:?}; should not be: {alien:?}"))
    })
}

/// What all panes of a key and window say together: the last one if panes repeat what came before,
/// else all of them. A pane of a session that grew later counts for what it grew into.
fn folded<V>(
    case: &Case,
    expected: &Answer,
    rows: &[Reified<(u64, V)>],
    values: impl Fn(&V) -> Vec<i64>,
) -> Answer {
    let merges = matches!(case.strategy.window, WindowKind::Sessions { .. });
    let is_last_pane_whole = case.strategy.accumulation == Accumulation::Accumulating;
    let mut answer: BTreeMap<(u64, Window), (u32, Vec<i64>)> = BTreeMap::new();
    for row in rows {
        let (key, window) = (row.value.0, translate::window(row.window));
        let grown = expected
            .keys()
            .find(|(k, w)| *k == key && contains(*w, window));
        let window = match grown {
            Some((_, grown)) if merges && *grown != window => {
                if is_last_pane_whole {
                    continue;
                }
                *grown
            }
            _ => window,
        };
        let (index, known) = answer.entry((key, window)).or_default();
        if !is_last_pane_whole {
            known.extend(values(&row.value.1));
        } else if known.is_empty() || row.pane.index >= *index {
            *index = row.pane.index;
            *known = values(&row.value.1);
        }
    }
    let sorted = answer.into_iter().map(|(at, (_, mut values))| {
        values.sort_unstable();
        (at, values)
    });
    sorted.collect()
}

fn contains(outer: Window, inner: Window) -> bool {
    match (outer, inner) {
        (Window::Interval { start, end }, Window::Interval { start: s, end: e }) => {
            start <= s && e <= end
        }
        _ => outer == inner,
    }
}

/// Sums are compared as the sum of what the panes say.
fn sums(case: &Case, rows: &[Reified<(u64, i64)>]) -> Option<String> {
    panes_are_whole(case, rows).or_else(|| {
        let expected = lists(case);
        let total = |answer: &Answer| -> BTreeMap<(u64, Window), i64> {
            answer.iter().map(|(at, v)| (*at, v.iter().sum())).collect()
        };
        let answer = folded(case, &expected, rows, |sum| vec![*sum]);
        different("sums", &total(&expected), &total(&answer))
    })
}

/// Everything that was not dropped as late is in a pane; what was dropped is in none.
fn with_late(
    case: &Case,
    rows: &[Reified<(u64, Vec<i64>)>],
    late: Vec<Reified<(u64, i64)>>,
) -> Option<String> {
    let mut expected = lists(case);
    let mut seen = BTreeSet::new();
    for row in late {
        let (key, value) = row.value;
        let at = (key, translate::window(row.window));
        if !seen.insert((at, value)) {
            return Some(format!("{value} was called late for {at:?} twice"));
        }
        let position = expected
            .get(&at)
            .and_then(|v| v.iter().position(|x| *x == value));
        match (expected.get_mut(&at), position) {
            (Some(values), Some(position)) => drop(values.remove(position)),
            _ => {
                return Some(format!(
                    "{value} was called late for {at:?}, where it is not"
                ));
            }
        }
    }
    expected.retain(|_, values| !values.is_empty());
    wrong(case, &expected, rows, Clone::clone)
}
