//! `StagedRecords`: what a sink wrote for an epoch that is not committed yet.
//!
//! Owns the staged file: blocks, then a table of them. Invariant: a staged file has its final name
//! only when it is whole and durable.

use crate::log::draft::Draft;
use crate::log::error::{unreadable, unwritable};
use crate::log::format::encoded;
use crate::log::topic::Topic;
use crate::log::writer::Blocks;
use crc32c::crc32c;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use whitebeam_env::{Readable, Writable};
use whitebeam_sdk::sink::{Epoch, Shard};
use whitebeam_sdk::{Error, Result};

const ENDING: &str = ".staged";
const UNFINISHED: &str = "unfinished-";

/// Records that a shard wrote for one epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StagedRecords {
    /// The file they lie in.
    pub(in crate::log) file: String,
    /// Where its table begins, how long that is, and its checksum.
    blocks_len: u64,
    table_len: u64,
    table_crc: u32,
}

/// A staged file while it is written.
#[derive(Debug)]
pub(super) struct Staging {
    file: Box<dyn Writable>,
    path: PathBuf,
    table: Vec<Draft>,
}

impl Staging {
    /// Begins a file; `part` tells it from all others of this run.
    pub(super) fn create(topic: &Topic, run: u128, shard: Shard, part: u64) -> Result<Self> {
        let index = shard.index;
        let name = format!("{UNFINISHED}{run:032x}-{index}-{part}");
        let path = topic.staging().join(name);
        let file = topic.files().create_new(&path).map_err(unwritable)?;
        Ok(Staging {
            file,
            path,
            table: Vec::new(),
        })
    }

    pub(super) fn put(&mut self, draft: Draft, bytes: &[u8]) -> Result<()> {
        self.file.append(bytes).map_err(unwritable)?;
        self.table.push(draft);
        Ok(())
    }

    /// Ends the file and gives it its name.
    pub(super) fn end(
        mut self,
        topic: &Topic,
        run: u128,
        shard: Shard,
        epoch: Epoch,
    ) -> Result<StagedRecords> {
        let blocks_len = self.file.len();
        let table = encoded(&self.table)?;
        self.file.append(&table).map_err(unwritable)?;
        self.file.sync().map_err(unwritable)?;
        let (epoch, index) = (epoch.0, shard.index);
        let file = format!("{epoch:020}-{index:05}-{run:032x}{ENDING}");
        let to = topic.staging().join(&file);
        topic
            .files()
            .rename_noreplace(&self.path, &to)
            .map_err(unwritable)?;
        topic.files().point("log.staged");
        topic
            .files()
            .sync_dir(&topic.staging())
            .map_err(unwritable)?;
        Ok(StagedRecords {
            file,
            blocks_len,
            table_len: table.len() as u64,
            table_crc: crc32c(&table),
        })
    }
}

/// Removes what dead runs staged: unfinished files, and those of epochs up to `committed`. Best
/// effort: what stays is removed another time. Nobody else writes the topic meanwhile.
pub(super) fn sweep(topic: &Topic, committed: Option<Epoch>) {
    for entry in topic.files().list(&topic.staging()).unwrap_or_default() {
        let epoch = entry.name.get(..20).and_then(|digits| digits.parse().ok());
        let is_over = epoch
            .zip(committed)
            .is_some_and(|(epoch, last): (u64, _)| epoch <= last.0);
        if entry.name.starts_with(UNFINISHED) || (entry.name.ends_with(ENDING) && is_over) {
            let _ = topic.files().remove(&topic.staging().join(&entry.name));
        }
    }
}

/// Removes everything that a run staged. Best effort.
pub(super) fn abandon(topic: &Topic, run: u128) {
    let run = format!("{run:032x}");
    for entry in topic.files().list(&topic.staging()).unwrap_or_default() {
        if entry.name.contains(&run) {
            let _ = topic.files().remove(&topic.staging().join(&entry.name));
        }
    }
}

/// Removes staged files. Best effort.
pub(super) fn remove(topic: &Topic, staged: &[StagedRecords]) {
    for staged in staged {
        let _ = topic.files().remove(&topic.staging().join(&staged.file));
    }
}

/// Staged files that are read to be appended.
pub(super) struct StagedBlocks {
    files: Vec<Box<dyn Readable>>,
    /// Of every block: the file, and where it begins there.
    places: Vec<(usize, u64)>,
    pub(super) drafts: Vec<Draft>,
}

impl StagedBlocks {
    pub(super) fn open(topic: &Topic, staged: &[StagedRecords]) -> Result<Self> {
        let mut blocks = StagedBlocks {
            files: Vec::new(),
            places: Vec::new(),
            drafts: Vec::new(),
        };
        for staged in staged {
            let path = topic.staging().join(&staged.file);
            let file = topic
                .files()
                .open(&path)
                .map_err(|e| match e.is_not_found() {
                    true => gone(&topic.name, &staged.file),
                    false => unreadable(e),
                })?;
            let table = table(file.as_ref(), staged)?;
            let mut at = 0;
            for draft in &table {
                blocks.places.push((blocks.files.len(), at));
                at += u64::from(draft.bytes);
            }
            blocks.files.push(file);
            blocks.drafts.extend(table);
        }
        Ok(blocks)
    }
}

fn table(file: &dyn Readable, staged: &StagedRecords) -> Result<Vec<Draft>> {
    let len = file.len().map_err(unreadable)?;
    if len != staged.blocks_len.saturating_add(staged.table_len) {
        return Err(damaged(file));
    }
    let mut bytes = vec![0; usize::try_from(staged.table_len).unwrap_or(usize::MAX)];
    let read = file.read_exact_at(staged.blocks_len, &mut bytes);
    read.map_err(unreadable)?;
    if crc32c(&bytes) != staged.table_crc {
        return Err(damaged(file));
    }
    let table: Vec<Draft> = postcard::from_bytes(&bytes).map_err(|_| damaged(file))?;
    let blocks: u64 = table.iter().map(|draft| u64::from(draft.bytes)).sum();
    if blocks == staged.blocks_len {
        Ok(table)
    } else {
        Err(damaged(file))
    }
}

impl Blocks for StagedBlocks {
    fn read(&mut self, block: usize, into: &mut Vec<u8>) -> Result<()> {
        let (draft, (file, at)) = (&self.drafts[block], self.places[block]);
        let file = self.files[file].as_ref();
        into.resize(draft.bytes as usize, 0);
        file.read_exact_at(at, into).map_err(unreadable)?;
        if crc32c(into) == draft.crc {
            return Ok(());
        }
        Err(damaged(file))
    }
}

fn damaged(file: &dyn Readable) -> Error {
    let path = file.path().display();
    Error::data(format!("{path}: what was staged there is damaged"))
        .note("Its epoch is not committed: it would not be what the checkpoint says.")
        .help("restore the file from a copy, or go back to an older checkpoint")
}

fn gone(topic: &str, file: &str) -> Error {
    Error::unavailable(format!(
        "topic `{topic}`: records that were staged are gone: staging/{file}"
    ))
    .note("Without them the epoch is not complete, so it is not committed.")
    .help("run again, and let nothing remove files of `staging` folders meanwhile")
}
