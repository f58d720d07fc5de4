//! Reading committed revenue back, and telling two answers apart.

use super::per_minute::Revenue;
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

/// The first row that one answer has and the other has not; both are sorted.
pub(crate) fn difference(batch: &[Revenue], local: &[Revenue]) -> Option<String> {
    let same = batch.iter().zip(local).take_while(|(a, b)| a == b).count();
    match (batch.get(same), local.get(same)) {
        (None, None) => None,
        (Some(a), None) => Some(format!("local lacks {a:?}")),
        (None, Some(b)) => Some(format!("batch lacks {b:?}")),
        (Some(a), Some(b)) if a < b => Some(format!("local lacks {a:?}; it goes on with {b:?}")),
        (Some(a), Some(b)) => Some(format!("batch lacks {b:?}; it goes on with {a:?}")),
    }
}
