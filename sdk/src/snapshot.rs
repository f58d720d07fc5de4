//! Snapshot records: what a step writes down and finds again.
//!
//! Owns the record form (keyed records by key group, plain records by step) and its versions. Does
//! not own where records are stored: a runner does. Invariant: keyed records can be handed to any
//! division of key groups.

use crate::hash::{HASH_VERSION, KeyGroup};
use std::ops::Range;

/// Version of the record layout below.
pub const SNAPSHOT_VERSION: u32 = 1;

/// One keyed record: everything a step holds for one key.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct KeyedRecord {
    /// The key's group.
    pub group: KeyGroup,
    /// Encoded by the step.
    pub bytes: Vec<u8>,
}

/// What one instance of a step holds.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct StepSnapshot {
    /// Version of this layout.
    pub version: u32,
    /// Version of the key hash that made the groups.
    pub hash_version: u32,
    /// Number of key groups of the pipeline.
    pub key_groups: u16,
    /// Records by key.
    pub keyed: Vec<KeyedRecord>,
    /// Records of the instance: the same on every instance, such as its input watermark.
    pub plain: Vec<Vec<u8>>,
}

/// Takes the records of one step.
#[derive(Clone, Debug)]
pub struct SnapshotWriter {
    snapshot: StepSnapshot,
}

impl SnapshotWriter {
    /// Nothing written yet, for a pipeline of `key_groups` groups.
    pub fn new(key_groups: u16) -> Self {
        SnapshotWriter {
            snapshot: StepSnapshot {
                version: SNAPSHOT_VERSION,
                hash_version: HASH_VERSION,
                key_groups,
                keyed: Vec::new(),
                plain: Vec::new(),
            },
        }
    }

    /// Number of key groups of the pipeline.
    pub fn key_groups(&self) -> u16 {
        self.snapshot.key_groups
    }

    /// Adds what is held for one key.
    pub fn keyed(&mut self, group: KeyGroup, bytes: Vec<u8>) {
        self.snapshot.keyed.push(KeyedRecord { group, bytes });
    }

    /// Adds a record of the instance.
    pub fn plain(&mut self, bytes: Vec<u8>) {
        self.snapshot.plain.push(bytes);
    }

    /// All that was written.
    pub fn finish(self) -> StepSnapshot {
        self.snapshot
    }
}

/// Gives a step the records of its key groups, from all instances of the step before.
#[derive(Clone, Debug)]
pub struct SnapshotReader {
    parts: Vec<StepSnapshot>,
    mine: Range<u16>,
}

impl SnapshotReader {
    /// The records of `parts` whose group lies in `mine`.
    pub fn new(parts: Vec<StepSnapshot>, mine: Range<u16>) -> Self {
        SnapshotReader { parts, mine }
    }

    /// Keyed records of this instance's groups.
    pub fn keyed(&self) -> impl Iterator<Item = &KeyedRecord> {
        self.parts
            .iter()
            .flat_map(|p| &p.keyed)
            .filter(|r| self.mine.contains(&r.group.0))
    }

    /// Plain records of all instances before.
    pub fn plain(&self) -> impl Iterator<Item = &[u8]> {
        self.parts
            .iter()
            .flat_map(|p| p.plain.iter().map(Vec::as_slice))
    }

    /// The versions found, to be checked by the step.
    pub fn parts(&self) -> &[StepSnapshot] {
        &self.parts
    }
}
