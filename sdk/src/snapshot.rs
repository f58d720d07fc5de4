//! Snapshot records: what a step writes down and finds again.
//!
//! Owns the record form (keyed records by key group, plain records by step), its versions, and how
//! snapshots that say only what changed are put together with those before them. Does not own where
//! records are stored: a runner does. Invariant: keyed records can be handed to any division of key
//! groups.

mod copies;
mod records;
mod replay;
mod under;
mod written;

pub use records::{KeyedRecord, KeyedRecords, SortedRecords};
pub use replay::replay;
pub use under::RecordsUnder;
pub use written::Written;

use crate::error::Result;
use crate::hash::{HASH_VERSION, KeyGroup};
use copies::Copies;
use std::ops::Range;

/// Encoded records that are given at once have room made for them from the first, up to so many bytes.
const LONGEST: usize = 8 * 1024 * 1024;

/// Version of the record layout below.
pub const SNAPSHOT_VERSION: u32 = 2;

/// What one instance of a step holds, or what of it has changed.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct StepSnapshot {
    /// Version of this layout.
    pub version: u32,
    /// Version of the key hash that made the groups.
    pub hash_version: u32,
    /// Number of key groups of the pipeline.
    pub key_groups: u16,
    /// The key groups of the instance.
    pub mine: Range<u16>,
    /// It says everything. Otherwise it goes with the snapshots before it; see [`replay`].
    pub whole: bool,
    /// Heads of records that are no more, of any key in `mine`, unless they are written again here.
    pub gone: Vec<Vec<u8>>,
    /// Records by key.
    pub keyed: KeyedRecords,
    /// Records of the instance: the same on every instance, such as its input watermark. Always all
    /// of them.
    pub plain: Vec<Vec<u8>>,
}

impl StepSnapshot {
    /// True if it says that nothing is held.
    pub fn is_nothing(&self) -> bool {
        self.whole && self.keyed.is_empty() && self.plain.is_empty()
    }
}

/// Takes the records of one step.
#[derive(Debug)]
pub struct SnapshotWriter {
    snapshot: StepSnapshot,
    /// Still to be encoded.
    copies: Copies,
}

impl SnapshotWriter {
    /// Nothing written yet, for a pipeline of `key_groups` groups and an instance that has them all.
    pub fn new(key_groups: u16) -> Self {
        SnapshotWriter::of(key_groups, 0..key_groups)
    }

    /// The same for an instance that has the groups `mine`.
    pub fn of(key_groups: u16, mine: Range<u16>) -> Self {
        SnapshotWriter {
            snapshot: StepSnapshot {
                version: SNAPSHOT_VERSION,
                hash_version: HASH_VERSION,
                key_groups,
                mine,
                whole: true,
                gone: Vec::new(),
                keyed: KeyedRecords::default(),
                plain: Vec::new(),
            },
            copies: Copies::default(),
        }
    }

    /// Number of key groups of the pipeline.
    pub fn key_groups(&self) -> u16 {
        self.snapshot.key_groups
    }

    /// Adds a record: `head` and `key` say what it is of, `rest` what is held.
    pub fn keyed(&mut self, group: KeyGroup, head: &[u8], key: &[u8], rest: &[&[u8]]) {
        self.snapshot.keyed.push(group, head, key, rest);
    }

    /// Adds records of one head.
    pub fn under<'a>(&'a mut self, head: &'a [u8]) -> RecordsUnder<'a> {
        self.snapshot.keyed.under(head, self.snapshot.key_groups)
    }

    /// Moves all that was written here.
    pub fn append(&mut self, written: &mut Written) {
        written.move_to(&mut self.snapshot.keyed, &mut self.copies);
    }

    /// Forgets all keyed records.
    pub fn clear_keyed(&mut self) {
        self.snapshot.keyed.clear();
        self.copies.clear();
    }

    /// True if nothing but that nothing is held was written.
    pub fn is_nothing(&self) -> bool {
        self.copies.len() == 0 && self.snapshot.is_nothing()
    }

    /// Only changes are written: of what was held before, the records with one of the heads `gone`
    /// are no more.
    pub fn changes(&mut self, gone: Vec<Vec<u8>>) {
        self.snapshot.whole = false;
        self.snapshot.gone = gone;
    }

    /// Adds a record of the instance.
    pub fn plain(&mut self, bytes: Vec<u8>) {
        self.snapshot.plain.push(bytes);
    }

    /// All that was written. What was copied is encoded now, which takes its time.
    pub fn finish(mut self) -> Result<StepSnapshot> {
        self.copies.encode(usize::MAX, &mut self.snapshot.keyed)?;
        Ok(self.snapshot)
    }

    /// What was written, but for what was copied and is still to be encoded.
    pub fn encoded(&self) -> &StepSnapshot {
        &self.snapshot
    }

    /// Gives all keyed records by group to `each`, about `size` bytes at a time. What was copied is
    /// encoded when it is its turn, in the same memory each time, and forgotten: a table need not be
    /// there in yet another form, nor pass through the cache that its worker uses.
    ///
    /// # Errors
    ///
    /// The outer one is that of a key or value that cannot be encoded, the inner one that of `each`;
    /// either ends it.
    pub fn sorted<E>(
        &mut self,
        size: usize,
        mut each: impl FnMut(&SortedRecords) -> Result<(), E>,
    ) -> Result<Result<(), E>> {
        let mut sorted = SortedRecords::default();
        let mut told = self.snapshot.keyed.sorted(&mut sorted, size, &mut each);
        // For most: copies may become longer, and the last piece goes beyond `size`.
        let room = match self.copies.len() {
            0 => 0,
            _ => size.min(LONGEST) / 2 * 3,
        };
        let mut some = KeyedRecords::with_room(room);
        while told.is_ok() && self.copies.encode(size, &mut some)? {
            told = some.sorted(&mut sorted, usize::MAX, &mut each);
            some.reuse();
        }
        Ok(told)
    }
}

/// Gives a step the records of its key groups, from all instances of the step before.
#[derive(Clone, Debug)]
pub struct SnapshotReader<'a> {
    parts: &'a [StepSnapshot],
    mine: Range<u16>,
}

impl<'a> SnapshotReader<'a> {
    /// The records of `parts`, whole ones, whose group lies in `mine`.
    pub fn new(parts: &'a [StepSnapshot], mine: Range<u16>) -> Self {
        debug_assert!(parts.iter().all(|part| part.whole), "put together first");
        SnapshotReader { parts, mine }
    }

    /// Keyed records of this instance's groups.
    pub fn keyed(&self) -> impl Iterator<Item = KeyedRecord<'_>> {
        let parts = self.parts.iter();
        parts.flat_map(|part| part.keyed.of(self.mine.clone()))
    }

    /// Plain records of all instances before.
    pub fn plain(&self) -> impl Iterator<Item = &[u8]> {
        self.parts
            .iter()
            .flat_map(|p| p.plain.iter().map(Vec::as_slice))
    }

    /// The versions found, to be checked by the step.
    pub fn parts(&self) -> &'a [StepSnapshot] {
        self.parts
    }
}
