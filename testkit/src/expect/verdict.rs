//! How rows are compared with what was expected, and how a difference reads.

use std::fmt::Debug;
use whitebeam_sdk::transform::Reified;

/// Equal as multisets; otherwise what is missing and what is too much.
pub(super) fn same<T: PartialEq + Debug>(
    expected: &[T],
    rows: &[&Reified<T>],
) -> Result<(), String> {
    let mut unexpected: Vec<&Reified<T>> = rows.to_vec();
    let mut missing = Vec::new();
    for value in expected {
        match unexpected.iter().position(|row| row.value == *value) {
            Some(found) => drop(unexpected.swap_remove(found)),
            None => missing.push(value),
        }
    }
    if missing.is_empty() && unexpected.is_empty() {
        return Ok(());
    }
    let missing = missing.iter().map(|value| format!("missing     {value:?}"));
    let unexpected = unexpected
        .iter()
        .map(|row| format!("unexpected  {}", described(row)));
    let lines: Vec<String> = missing.chain(unexpected).collect();
    Err(lines.join("\n  "))
}

fn described<T: Debug>(row: &Reified<T>) -> String {
    let Reified {
        value,
        timestamp,
        window,
        pane,
    } = row;
    let (timing, index) = (pane.timing.name(), pane.index);
    format!("{value:?} at {timestamp:?} in {window:?}, {timing} pane {index}")
}
