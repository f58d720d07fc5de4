//! `Manifest`: what one checkpoint is made of.
//!
//! Owns the record and its form on disk. The first part is the directory's own, [`Content`] the
//! runner's; the directory reads of it only which files it names. Decoding is bounded by the
//! file's length and never panics.

use super::seal::{self, Flaw, Kind};
use serde::{Deserialize, Serialize};
use std::fmt;
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::element;
use whitebeam_sdk::hash::KeyGroup;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::source::Position;

const KIND: Kind = Kind {
    magic: *b"WBCHKPNT",
    version: 1,
};

/// Number of an instance on a directory: each that starts claims the next.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}", self.0)
    }
}

/// One checkpoint.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Whose checkpoint it is.
    pub pipeline: String,
    /// Its number; greater than that of any before it.
    pub epoch: Epoch,
    /// The instance that took it.
    pub generation: Generation,
    /// The checkpoint that it follows; none for the first.
    pub parent: Option<Epoch>,
    /// When it was taken, by the wall clock.
    pub created: Timestamp,
    /// What sinks have staged and, as far as was known, not made visible yet: this epoch and
    /// earlier ones, in order per sink.
    pub owed: Vec<Owed>,
    /// The rest is the runner's.
    pub content: Content,
}

/// What a runner needs in order to go on.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Content {
    /// Digest of the graph that ran.
    pub fingerprint: u64,
    /// Number of key groups, fixed at the first run.
    pub key_groups: u16,
    /// Version of the hash that made them.
    pub hash_version: u32,
    /// How many workers ran; the next run may have more or fewer.
    pub parallelism: u32,
    /// Each source with its splits.
    pub sources: Vec<SourceState>,
    /// Each stage with its state.
    pub stages: Vec<StageState>,
    /// Set when the run has come to an end of its own.
    pub end: Option<End>,
    /// What the runner keeps besides, by name.
    pub besides: Vec<(String, Vec<u8>)>,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum End {
    /// To be resumed: nothing was fired.
    Suspended,
    /// The input ended or was declared to end: everything was fired, there is nothing to resume.
    Drained,
}

/// Where a source stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SourceState {
    /// Path of the step.
    pub step: String,
    /// Its splits.
    pub splits: Vec<SplitState>,
}

/// Where the reading of a split stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SplitState {
    /// The split, encoded by its source.
    pub split: Vec<u8>,
    /// In words, for people.
    pub name: String,
    /// Where to go on; none for the beginning.
    pub position: Option<Position>,
    /// The same in words, for people.
    pub place: String,
    /// No element before this instant comes from the split any more.
    pub watermark: Timestamp,
    /// It is read to its end.
    pub ended: bool,
}

/// What a stage holds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct StageState {
    /// The stage's stable name.
    pub stage: String,
    /// The watermark of each input: equal on all workers at a barrier.
    pub watermarks: Vec<Timestamp>,
    /// State, oldest file first: a later file adds to what the earlier ones say.
    pub files: Vec<DataFile>,
}

/// A file of state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DataFile {
    /// Its name in `data/`.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// CRC32C of all of it.
    pub crc: u32,
    /// Where which key group's frames lie.
    pub spans: Vec<Span>,
}

/// Frames of one key group, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Span {
    /// The key group; none for frames of the stage as a whole.
    pub group: Option<KeyGroup>,
    /// Where they begin.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// A file of staged output.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogFile {
    /// Its name in the sink's folder.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// Number of records in it.
    pub records: u64,
    /// CRC32C of all of it.
    pub crc: u32,
}

/// What a sink has staged in one epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Owed {
    /// Path of the sink's step.
    pub sink: String,
    /// The epoch to commit it under.
    pub epoch: Epoch,
    /// The logs, in order.
    pub logs: Vec<LogFile>,
}

impl Manifest {
    /// The names of all state files.
    pub(crate) fn data_files(&self) -> impl Iterator<Item = &DataFile> {
        self.content.stages.iter().flat_map(|stage| &stage.files)
    }

    /// Bytes that a recovery from it would read.
    pub fn size(&self) -> u64 {
        let data = self.data_files().map(|file| file.len);
        let logs = self.owed.iter().flat_map(|owed| &owed.logs);
        let all = data.chain(logs.map(|log| log.len));
        all.fold(0, u64::saturating_add)
    }

    /// The least watermark of all splits that are still read; none without any.
    pub fn watermark(&self) -> Option<Timestamp> {
        let splits = self
            .content
            .sources
            .iter()
            .flat_map(|source| &source.splits);
        let reading = splits.clone().filter(|split| !split.ended);
        let least = reading.map(|split| split.watermark).min();
        least.or_else(|| splits.map(|split| split.watermark).max())
    }

    pub(crate) fn encode(&self) -> whitebeam_sdk::Result<Vec<u8>> {
        let mut payload = Vec::new();
        element::encode(self, &mut payload)?;
        Ok(seal::seal(KIND, &payload))
    }

    /// What is counted on from here has a successor.
    fn countable(manifest: Self) -> Result<Self, Flaw> {
        let owed = manifest.owed.iter().map(|owed| owed.epoch.0);
        let mut counted = owed.chain([manifest.epoch.0, manifest.generation.0]);
        match counted.any(|n| n == u64::MAX) {
            true => Err(Flaw::Damaged("one of its numbers has no successor")),
            false => Ok(manifest),
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut payload = seal::open(KIND, bytes)?;
        let manifest = element::decode(&mut payload);
        match manifest {
            Ok(manifest) if payload.is_empty() => Self::countable(manifest),
            _ => Err(Flaw::Damaged("its record does not have the form it should")),
        }
    }
}
