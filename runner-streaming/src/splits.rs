//! Splits: what there is to read, and who reads it.
//!
//! Owns discovery, the division among workers, and what a restart takes over: splits are handed out
//! in turn, whoever had them before. Invariant: a split that has got an end keeps it, so that a run
//! up to the present end stops where it would have stopped, however often it is started again.

use crate::settings::Settings;
use crate::snapshot::{Snapshot, SourceSnapshot, SplitSnapshot};
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::erase::ErasedSource;
use whitebeam_sdk::graph::Node;
use whitebeam_sdk::source::Boundedness;
use whitebeam_sdk::{Error, Result, Timestamp};

/// Splits per worker of a source that can choose.
const PER_WORKER: usize = 4;

/// Whether splits may come that are not there yet.
pub(crate) fn may_grow(source: &dyn ErasedSource, settings: &Settings) -> bool {
    let is_unbounded = source.boundedness() == Boundedness::Unbounded;
    is_unbounded && !settings.until_end && source.script().is_none()
}

/// All splits of the source at `node`: those of a snapshot, and what is found now.
pub(crate) fn all(
    node: &Node,
    source: &dyn ErasedSource,
    settings: &Settings,
    recovered: Option<&Snapshot>,
) -> Result<Vec<SplitSnapshot>> {
    let place = |e: Error| e.at_step(node.path.clone()).at_line(node.line());
    let known = recovered.and_then(|s| s.held.sources.get(&node.path));
    let mut splits = match known {
        Some(known) => known.splits.clone(),
        None => Vec::new(),
    };
    if source.script().is_some() {
        return Ok(vec![splits.pop().unwrap_or_else(|| fresh(Vec::new()))]);
    }
    if known.is_none() || may_grow(source, settings) {
        splits.extend(found(source, settings, known).map_err(place)?);
    }
    if settings.until_end {
        let encoded: Vec<Vec<u8>> = splits.iter().map(|s| s.split.clone()).collect();
        let ending = catch(|| source.end_now(&encoded)).and_then(|ending| ending);
        for (split, ending) in splits.iter_mut().zip(ending.map_err(place)?) {
            split.split = ending;
        }
    }
    for split in &mut splits {
        split.name = source.describe_split(&split.split);
    }
    Ok(splits)
}

/// What there is beside the splits that are known.
fn found(
    source: &dyn ErasedSource,
    settings: &Settings,
    known: Option<&SourceSnapshot>,
) -> Result<Vec<SplitSnapshot>> {
    let desired = settings.parallelism * PER_WORKER;
    let known = known
        .into_iter()
        .flat_map(|k| k.splits.iter().chain(&k.ended));
    let known: Vec<Vec<u8>> = known.map(|s| s.split.clone()).collect();
    let found = catch(|| source.discover(&known, desired)).and_then(|found| found)?;
    Ok(found.into_iter().map(fresh).collect())
}

/// A split that nobody has read.
pub(crate) fn fresh(split: Vec<u8>) -> SplitSnapshot {
    SplitSnapshot {
        name: String::new(),
        split,
        at: None,
        place: String::new(),
        watermark: Timestamp::MIN,
    }
}

/// What worker `index` of `workers` reads of `all`.
pub(crate) fn of(all: &[SplitSnapshot], index: usize, workers: usize) -> Vec<SplitSnapshot> {
    all.iter().skip(index).step_by(workers).cloned().collect()
}
