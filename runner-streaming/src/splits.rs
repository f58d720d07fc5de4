//! Splits: what there is to read, and who reads it.
//!
//! Owns the first discovery, the division among workers, and what a restart takes over: splits are
//! handed out in turn, whoever had them before.

use crate::settings::Settings;
use crate::snapshot::{Snapshot, SplitSnapshot};
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::erase::ErasedSource;
use whitebeam_sdk::graph::Node;
use whitebeam_sdk::{Error, Result, Timestamp};

/// Splits per worker of a source that can choose.
const PER_WORKER: usize = 4;

/// All splits of the source at `node`: those of a snapshot, or what is found now.
pub(crate) fn all(
    node: &Node,
    source: &dyn ErasedSource,
    settings: &Settings,
    recovered: Option<&Snapshot>,
) -> Result<Vec<SplitSnapshot>> {
    let place = |e: Error| e.at_step(node.path.clone()).at_line(node.line());
    if let Some(known) = recovered.and_then(|s| s.held.sources.get(&node.path)) {
        return Ok(known.splits.clone());
    }
    let desired = settings.parallelism * PER_WORKER;
    let found = catch(|| source.discover(&[], desired)).and_then(|found| found);
    let mut found = found.map_err(place)?;
    if settings.until_end {
        let ending = catch(|| source.end_now(&found)).and_then(|ending| ending);
        found = ending.map_err(place)?;
    }
    let splits = found.into_iter().map(|split| SplitSnapshot {
        name: source.describe_split(&split),
        split,
        at: None,
        watermark: Timestamp::MIN,
    });
    Ok(splits.collect())
}

/// What worker `index` of `workers` reads of `all`.
pub(crate) fn of(all: &[SplitSnapshot], index: usize, workers: usize) -> Vec<SplitSnapshot> {
    all.iter().skip(index).step_by(workers).cloned().collect()
}
