//! Reading committed revenue back, and telling two answers apart.

use super::per_minute::Revenue;
use std::collections::BTreeMap;
use std::path::Path;
use whitebeam::Result;
use whitebeam::prelude::*;

/// All rows of `folder/*.csv`, sorted.
pub(crate) fn rows(folder: &Path) -> Result<Vec<Revenue>> {
    let unreadable = |e| Error::unavailable(folder.display().to_string()).caused_by(e);
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "csv") {
            let part = csv::Reader::from_path(&path).map(csv::Reader::into_deserialize);
            let read: csv::Result<Vec<Revenue>> = part.and_then(Iterator::collect);
            rows.extend(read.map_err(|e| Error::data(path.display().to_string()).caused_by(e))?);
        }
    }
    rows.sort();
    Ok(rows)
}

/// What the panes say in the end: the last one of every country and minute, as if it had been the
/// only one. An error that names the pane if one is there twice, or missing.
pub(crate) fn final_panes(rows: &[Revenue]) -> Result<Vec<Revenue>, String> {
    let mut panes: BTreeMap<(&str, &str), BTreeMap<u32, &Revenue>> = BTreeMap::new();
    for row in rows {
        let of_minute = panes.entry((&row.country, &row.minute)).or_default();
        if of_minute.insert(row.pane_index, row).is_some() {
            return Err(format!("this pane is there twice: {row:?}"));
        }
    }
    let mut last_panes = Vec::new();
    for ((country, minute), panes) in panes {
        if let Some(missing) = (0..panes.len() as u32).find(|n| !panes.contains_key(n)) {
            return Err(format!("{country}, {minute}: pane {missing} is missing"));
        }
        let last = panes.into_values().next_back();
        last_panes.extend(last.map(|row| Revenue {
            pane_index: 0,
            pane_timing: "on_time".into(),
            ..row.clone()
        }));
    }
    Ok(last_panes)
}

/// The first row that one answer has and the other has not; both are sorted.
pub(crate) fn difference(expected: &[Revenue], found: &[Revenue]) -> Option<String> {
    let same = expected.iter().zip(found).take_while(|(a, b)| a == b);
    let same = same.count();
    match (expected.get(same), found.get(same)) {
        (None, None) => None,
        (Some(a), None) => Some(format!("this row is missing: {a:?}")),
        (None, Some(b)) => Some(format!("this row is one too many: {b:?}")),
        (Some(a), Some(b)) if a < b => {
            Some(format!("this row is missing: {a:?}; it goes on with {b:?}"))
        }
        (Some(a), Some(b)) => Some(format!("instead of {a:?} there is {b:?}")),
    }
}
