//! `Snapshot`: everything a run needs to go on from, at one epoch.
//!
//! Owns what a snapshot is made of, and how it is handed to another number of workers: state by key
//! group, splits in turn. Does not own where snapshots are kept. Steps are named by their paths,
//! which outlive a build of the pipeline.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use whitebeam_sdk::erase::Dropped;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::snapshot::{SnapshotWriter, StepSnapshot};
use whitebeam_sdk::source::Position;
use whitebeam_sdk::{Result, Timestamp};

/// Everything a run holds at the end of an epoch.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The epoch that ends here.
    pub epoch: Epoch,
    /// The input has ended and everything has fired: there is nothing to go on with.
    pub drained: bool,
    /// The run was asked to end here, and to be resumed.
    pub suspended: bool,
    /// What was held by the workers together.
    pub held: Held,
    /// Output that may not be visible yet, the oldest epoch first. Shared with who commits it.
    pub staged: Vec<Arc<StagedEpoch>>,
}

/// A snapshot whose steps still have to say what they hold.
#[derive(Debug)]
pub struct Unwritten {
    pub(crate) snapshot: Snapshot,
    /// By path, the workers in order.
    pub(crate) steps: BTreeMap<String, Vec<SnapshotWriter>>,
}

impl Unwritten {
    /// The whole snapshot. Encodes what was copied: that is why it is not for a worker to do.
    ///
    /// # Errors
    ///
    /// That of a key or value which cannot be encoded.
    pub fn finish(&mut self) -> Result<&Snapshot> {
        for (path, steps) in std::mem::take(&mut self.steps) {
            for step in steps {
                let step = step.finish().map_err(|e| e.at_step(path.as_str()))?;
                let known = self.snapshot.held.steps.entry(path.clone());
                known.or_default().push(step);
            }
        }
        Ok(&self.snapshot)
    }
}

/// What workers hold: of one, or of several put together.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Held {
    /// By step: its state, one part per worker.
    pub steps: BTreeMap<String, Vec<StepSnapshot>>,
    /// By the first step of a stage: the watermark of each of its inputs.
    pub floors: BTreeMap<String, Vec<Timestamp>>,
    /// By source.
    pub sources: BTreeMap<String, SourceSnapshot>,
    /// By step: what it has counted since the pipeline first started.
    pub counts: BTreeMap<String, Counts>,
}

/// Where the splits of a source stand.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SourceSnapshot {
    /// Those that are to be read on.
    pub splits: Vec<SplitSnapshot>,
    /// Those that have ended.
    pub ended: Vec<SplitSnapshot>,
}

/// Where one split stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SplitSnapshot {
    /// The encoded split.
    pub split: Vec<u8>,
    /// In words, for people.
    pub name: String,
    /// Where its reader stands; `None` at the beginning.
    pub at: Option<Position>,
    /// The same in words; empty where there are none.
    pub place: String,
    /// What was promised for the rest.
    pub watermark: Timestamp,
}

/// What a step has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Elements it took.
    pub elements_in: u64,
    /// (element, window) pairs behind the lateness horizon.
    pub late: u64,
    /// (element, window) pairs whose window's trigger had finished.
    pub closed: u64,
    /// Elements in no window.
    pub unwindowed: u64,
}

/// What the sinks staged in an epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StagedEpoch {
    /// The epoch under which it is committed.
    pub epoch: Epoch,
    /// Encoded parts, by sink.
    pub parts: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Counts {
    pub(crate) fn of(elements_in: u64, dropped: Dropped) -> Self {
        Counts {
            elements_in,
            late: dropped.late,
            closed: dropped.closed,
            unwindowed: dropped.unwindowed,
        }
    }

    pub(crate) fn add(&mut self, more: Counts) {
        self.elements_in += more.elements_in;
        self.late += more.late;
        self.closed += more.closed;
        self.unwindowed += more.unwindowed;
    }
}

impl Held {
    /// Puts what another worker holds beside this.
    pub(crate) fn merge(&mut self, other: Held) {
        for (path, parts) in other.steps {
            self.steps.entry(path).or_default().extend(parts);
        }
        // All workers agree.
        self.floors.extend(other.floors);
        for (path, source) in other.sources {
            let known = self.sources.entry(path).or_default();
            known.splits.extend(source.splits);
            known.ended.extend(source.ended);
        }
        for (path, counts) in other.counts {
            self.counts.entry(path).or_default().add(counts);
        }
    }
}

impl StagedEpoch {
    /// Adds parts of one sink.
    pub(crate) fn add(&mut self, sink: &str, parts: Vec<Vec<u8>>) {
        self.parts
            .entry(sink.to_string())
            .or_default()
            .extend(parts);
    }

    /// Adds what another worker staged for the same epoch.
    pub(crate) fn append(&mut self, other: StagedEpoch) {
        for (sink, parts) in other.parts {
            self.add(&sink, parts);
        }
    }

    /// How much memory its parts take.
    pub(crate) fn bytes(&self) -> u64 {
        let parts = self.parts.values().flatten();
        parts.map(|part| part.len() as u64).sum()
    }

    /// Takes over what was staged for an earlier epoch that never became durable.
    pub(crate) fn carry(&mut self, earlier: StagedEpoch) {
        for (sink, mut parts) in earlier.parts {
            let known = self.parts.entry(sink).or_default();
            parts.append(known);
            *known = parts;
        }
    }
}
