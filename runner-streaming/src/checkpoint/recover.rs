//! Recovery: which checkpoint to go on from.
//!
//! Owns the scan from the newest to the oldest and the rule of falling back. A checkpoint that
//! cannot be used stays where it is, so that its slot stays taken; falling back past it is allowed
//! while no sink has made visible anything later. Invariant: what recovery chooses is durable.

use super::Result;
use super::book::Link;
use super::directory::Directory;
use super::error::Error;
use super::frame;
use super::layout::{self, Layout, Slot};
use super::manifest::{Generation, Manifest, Owed};
use super::seal::Flaw;
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use whitebeam_env::{Env, FileError, SharedFiles};
use whitebeam_sdk::sink::Epoch;

/// A manifest is at most this long.
const LONGEST: u64 = 1 << 30;

/// The last epoch that each sink has made visible, by the sinks' own account.
pub type Committed = BTreeMap<String, Epoch>;

/// Whether to go on from a checkpoint that is older than what sinks have made visible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rewind {
    /// No: outputs would repeat.
    Refuse,
    /// Yes: somebody has said that repeated outputs are all right.
    Allow,
}

/// What there is to go on from.
#[derive(Debug)]
pub struct Recovered {
    /// The newest checkpoint that can be used; none at the first run.
    pub manifest: Option<Manifest>,
    /// What sinks have staged and not made visible, in order: to be committed before anything else
    /// is published.
    pub owed: Vec<Owed>,
    /// The first epoch that was never used.
    pub next: Epoch,
    /// Checkpoints that were newer and cannot be used: to be told to a person.
    pub rejected: Vec<Rejected>,
}

/// A checkpoint that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// Its manifest.
    pub file: PathBuf,
    /// Its epoch, where that could be read.
    pub epoch: Option<Epoch>,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match self.epoch {
            Some(Epoch(epoch)) => write!(f, "checkpoint {epoch} ({file}): {}", self.reason),
            None => write!(f, "{file}: {}", self.reason),
        }
    }
}

/// A manifest, or why it is none.
pub(crate) type Found = Result<Manifest, Rejected>;

/// All manifests by slot.
pub(crate) fn slots(files: &SharedFiles, layout: &Layout) -> Result<Vec<Slot>> {
    let entries = files.list(&layout.manifests())?;
    let names = entries.iter().map(|entry| entry.name.as_str());
    let mut slots: Vec<Slot> = names.filter_map(layout::slot_of_manifest).collect();
    slots.sort_unstable();
    Ok(slots)
}

/// Reads one manifest. Damage is an answer; a disk that refuses or a newer form is an error.
pub(crate) fn read(files: &SharedFiles, layout: &Layout, slot: Slot) -> Result<Found> {
    let file = layout.manifest(slot);
    let bytes = match files.read_all(&file, LONGEST) {
        Ok(bytes) => bytes,
        Err(error) if is_rot(&error) => return Ok(Err(rejected(file, None, error.to_string()))),
        Err(error) => return Err(error.into()),
    };
    match Manifest::decode(&bytes) {
        Ok(manifest) => Ok(Ok(manifest)),
        Err(Flaw::TooNew(version)) => Err(Error::TooNew { file, version }),
        Err(Flaw::Damaged(reason)) => Ok(Err(rejected(file, None, reason.to_owned()))),
    }
}

/// What a file that is not as it was left answers, unlike one that must not be read.
fn is_rot(error: &FileError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::InvalidData | ErrorKind::UnexpectedEof
    )
}

fn rejected(file: PathBuf, epoch: Option<Epoch>, reason: String) -> Rejected {
    Rejected {
        file,
        epoch,
        reason,
    }
}

/// The greatest generation that any manifest names; an error if they are another pipeline's.
pub(crate) fn owner(files: &SharedFiles, layout: &Layout, pipeline: &str) -> Result<Generation> {
    let mut greatest = Generation::default();
    for slot in slots(files, layout)? {
        let Ok(manifest) = read(files, layout, slot)? else {
            continue;
        };
        if manifest.pipeline != pipeline {
            return Err(Error::OtherPipeline {
                dir: layout.root().to_owned(),
                found: manifest.pipeline,
                expected: pipeline.to_owned(),
            });
        }
        greatest = greatest.max(manifest.generation);
    }
    Ok(greatest)
}

impl<E: Env> Directory<E> {
    /// The first epoch that may have been committed from here; what sinks show from before is another
    /// run's. None if nothing was ever published. Ask before [`Directory::recover`].
    pub fn first_epoch(&self) -> Result<Option<Epoch>> {
        if !self.traces()?.committed.is_empty() {
            return Ok(Some(Epoch(0)));
        }
        // Retention removes no checkpoint before a commit was noted, so that the first is there.
        let mut first = None;
        for slot in slots(&self.files, &self.layout)? {
            let epoch = match read(&self.files, &self.layout, slot)? {
                Ok(manifest) => manifest.epoch,
                // Nobody knows which it was.
                Err(_) => Epoch(0),
            };
            first = Some(first.map_or(epoch, |known: Epoch| known.min(epoch)));
        }
        Ok(first)
    }

    /// Chooses the checkpoint to go on from. Sinks are asked for what they have made visible after
    /// the directory was claimed (and others were fenced from them), before this is called.
    pub fn recover(&self, sinks: &Committed, rewind: Rewind) -> Result<Recovered> {
        let _turn = self.turn();
        self.claim.confirm()?;
        let traces = self.traces()?;
        // Like the manifest that is chosen, below: what is seen here may be what another instance
        // made and did not sync, and must not vanish when what it stands for has been swept.
        for note in traces.notes.values() {
            self.renew(note)?;
        }
        let mut committed = traces.committed;
        for (sink, epoch) in sinks {
            let known = committed.entry(layout::folder_of(sink)).or_insert(*epoch);
            *known = (*known).max(*epoch);
        }
        let scan = self.scan(&committed)?;
        if !scan.rejected.is_empty() {
            // What is missing may have been removed by whoever has taken over meanwhile.
            self.claim.confirm()?;
        }
        let chosen = scan.chosen.as_ref().map(|manifest| manifest.epoch);
        let ahead = committed.iter().max_by_key(|(_, epoch)| **epoch);
        if let Some((sink, epoch)) = ahead
            && Some(*epoch) > chosen
            && rewind == Rewind::Refuse
        {
            return Err(Error::Ahead {
                dir: self.layout.root().to_owned(),
                sink: layout::step_of(sink),
                committed: *epoch,
                newest: chosen,
                rejected: scan.rejected,
            });
        }
        let newest = [traces.newest, scan.newest, ahead.map(|(_, epoch)| *epoch)];
        let newest = newest.into_iter().flatten().max();
        let mut book = self.book.open();
        book.chain = scan.chain;
        book.tip = scan.tip;
        book.newest = newest;
        book.parent = chosen;
        book.committed = committed;
        book.rejected = !scan.rejected.is_empty();
        let owed = scan.chosen.iter().flat_map(|manifest| &manifest.owed);
        book.owed = owed
            .filter(|owed| !book.is_committed(owed))
            .cloned()
            .collect();
        let recovered = Recovered {
            manifest: scan.chosen,
            owed: book.owed.clone(),
            next: newest.map_or(Epoch(1), |Epoch(epoch)| Epoch(epoch + 1)),
            rejected: scan.rejected,
        };
        drop(book);
        // What a crash left behind may fill the disk; without room nothing could be published, and
        // nothing would ever be swept. Not while someone may still need it.
        if !self.claim.haunted && recovered.rejected.is_empty() {
            self.sweep()?;
        }
        if let (Some(slot), Some(manifest)) = (scan.slot, &recovered.manifest) {
            self.anchor(slot, manifest)?;
        }
        self.files.point("rec.chosen");
        Ok(recovered)
    }

    /// Makes sure that what was chosen will be there again. Its name may be one that was linked and
    /// never synced, or whose sync failed, after which another sync says nothing; so it gets its
    /// name anew, with the same bytes.
    fn anchor(&self, slot: Slot, manifest: &Manifest) -> Result<()> {
        self.claim.confirm()?;
        let folder = self.layout.manifests();
        let temporary = self.layout.temporary(&folder, self.env.unique());
        let bytes = manifest
            .encode()
            .map_err(|_| Error::Misused("a manifest that was decoded could not be encoded"))?;
        let renewed = (|| {
            let mut file = self.files.create_new(&temporary)?;
            file.append(&bytes)?;
            file.sync()?;
            self.files.rename(&temporary, &self.layout.manifest(slot))
        })();
        if renewed.is_err() {
            let _ = self.files.remove(&temporary);
        }
        renewed?;
        Ok(self.files.sync_dir(&folder)?)
    }

    fn scan(&self, committed: &Committed) -> Result<Scan> {
        let mut scan = Scan::default();
        for slot in slots(&self.files, &self.layout)?.into_iter().rev() {
            scan.tip = scan.tip.max(slot);
            let manifest = match read(&self.files, &self.layout, slot)? {
                Ok(manifest) => manifest,
                Err(_) if scan.chosen.is_some() => continue,
                Err(rejected) => {
                    scan.rejected.push(rejected);
                    continue;
                }
            };
            if manifest.pipeline != self.settings.pipeline {
                return Err(Error::OtherPipeline {
                    dir: self.layout.root().to_owned(),
                    found: manifest.pipeline,
                    expected: self.settings.pipeline.clone(),
                });
            }
            scan.newest = scan.newest.max(Some(manifest.epoch));
            if scan.chosen.is_some() {
                scan.chain.insert(slot, Link::of(&manifest, true));
                continue;
            }
            match self.verify(&manifest, committed)? {
                None => {
                    scan.chain.insert(slot, Link::of(&manifest, true));
                    scan.chosen = Some(manifest);
                    scan.slot = Some(slot);
                }
                Some(reason) => {
                    let file = self.layout.manifest(slot);
                    let epoch = Some(manifest.epoch);
                    scan.rejected.push(rejected(file, epoch, reason));
                }
            }
        }
        Ok(scan)
    }

    /// Why a checkpoint cannot be used, if so: every file that it needs is read.
    fn verify(&self, manifest: &Manifest, committed: &Committed) -> Result<Option<String>> {
        let data = manifest.data_files().map(|file| {
            let path = self.layout.data_file(&file.name);
            (path, file.len, file.crc)
        });
        let is_due =
            |owed: &&Owed| committed.get(&layout::folder_of(&owed.sink)) < Some(&owed.epoch);
        let owed = manifest.owed.iter().filter(is_due).flat_map(|owed| {
            let logs = owed.logs.iter();
            logs.map(move |log| (owed.sink.as_str(), log))
        });
        let logs = owed.map(|(sink, log)| {
            let path = self.layout.log(sink, &log.name);
            (path, log.len, log.crc)
        });
        for (path, len, crc) in data.chain(logs) {
            match frame::verify(&self.files, &path, len, crc) {
                Ok(()) => {}
                Err(Error::File(error)) if is_rot(&error) => return Ok(Some(error.to_string())),
                Err(damage @ Error::Damaged { .. }) => return Ok(Some(damage.to_string())),
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }

    /// What the names of logs and notes tell of epochs that were used.
    fn traces(&self) -> Result<Traces> {
        let mut traces = Traces::default();
        for folder in self.files.list(&self.layout.logs())? {
            if !folder.is_dir {
                continue;
            }
            let of_sink = self.layout.logs().join(&folder.name);
            for entry in self.files.list(&of_sink)? {
                let note = layout::epoch_of_note(&entry.name);
                if note > traces.committed.get(&folder.name).copied() {
                    traces
                        .committed
                        .extend(note.map(|e| (folder.name.clone(), e)));
                    traces
                        .notes
                        .insert(folder.name.clone(), of_sink.join(&entry.name));
                }
                let used = note.or_else(|| Some(layout::log_named(&entry.name)?.epoch));
                traces.newest = traces.newest.max(used);
            }
        }
        Ok(traces)
    }
}

#[derive(Default)]
struct Scan {
    chosen: Option<Manifest>,
    slot: Option<Slot>,
    rejected: Vec<Rejected>,
    chain: BTreeMap<Slot, Link>,
    tip: Slot,
    newest: Option<Epoch>,
}

#[derive(Default)]
struct Traces {
    /// By the sink's folder.
    committed: Committed,
    /// The notes that say so.
    notes: BTreeMap<String, PathBuf>,
    newest: Option<Epoch>,
}
