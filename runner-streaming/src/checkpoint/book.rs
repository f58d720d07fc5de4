//! The book: what this instance knows of the directory it owns.
//!
//! Owns which files are being written, which checkpoints stand and what sinks are owed. Touches no
//! file. Invariant: a file that is neither pending nor named by a checkpoint in the chain may go.

use super::layout::{Slot, folder_of};
use super::manifest::{LogFile, Manifest, Owed};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::sink::Epoch;

/// The book as its holders share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Book>>);

impl Shared {
    pub(crate) fn open(&self) -> MutexGuard<'_, Book> {
        // A holder that unwound left single entries behind, each of which is right by itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to write a file.
    pub(crate) fn ticket(&self, path: PathBuf, epoch: Epoch) -> Ticket {
        let stage = Stage::Writing;
        self.open()
            .pending
            .insert(path.clone(), Pending { epoch, stage });
        Ticket {
            book: self.clone(),
            path,
            kept: false,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Holds files of this instance that no checkpoint names yet; by path.
    pending: BTreeMap<PathBuf, Pending>,
    /// Holds files that can go.
    condemned: BTreeSet<PathBuf>,
    /// Holds the checkpoints that are there, by slot; cleared of those that retention takes.
    pub(crate) chain: BTreeMap<Slot, Link>,
    /// The last slot that is taken, by whatever.
    pub(crate) tip: Slot,
    /// The greatest epoch that was used for anything.
    pub(crate) newest: Option<Epoch>,
    /// The checkpoint that stands: the next one's parent.
    pub(crate) parent: Option<Epoch>,
    /// What sinks have staged in checkpoints that stand and not committed, in order.
    pub(crate) owed: Vec<Owed>,
    /// The last epoch that each sink has made visible; by the sink's folder.
    pub(crate) committed: BTreeMap<String, Epoch>,
    /// This instance has published: no other one's publication can be next any more.
    pub(crate) published: bool,
    /// Some checkpoint was found unusable and left where it is.
    pub(crate) rejected: bool,
}

#[derive(Debug)]
struct Pending {
    epoch: Epoch,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Writing,
    Finished,
    /// Its folder could not be synced: the name may be lost, and no later sync would tell.
    Unsure,
}

/// A checkpoint in the chain.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) epoch: Epoch,
    /// It was read back; one that was not may be adopted by a recovery all the same.
    pub(crate) stands: bool,
    pub(crate) data: BTreeSet<String>,
    pub(crate) owed: Vec<Owed>,
}

impl Link {
    pub(crate) fn of(manifest: &Manifest, stands: bool) -> Self {
        Link {
            epoch: manifest.epoch,
            stands,
            data: manifest
                .data_files()
                .map(|file| file.name.clone())
                .collect(),
            owed: manifest.owed.clone(),
        }
    }
}

/// What is known of a file that a checkpoint is to name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// Finished, its name not durable yet.
    Fresh,
    /// Named by a checkpoint that is there.
    Old,
    /// Finished, but a sync of its folder failed.
    Unsure,
    /// Not finished, condemned, or never heard of.
    No,
}

impl Book {
    pub(crate) fn knows_data(&self, path: &Path, name: &str) -> Known {
        let old = self.chain.values().any(|link| link.data.contains(name));
        self.known(path, old)
    }

    pub(crate) fn knows_log(&self, path: &Path, sink: &str, log: &LogFile) -> Known {
        let mut owed = self.chain.values().flat_map(|link| &link.owed);
        let old = owed.any(|owed| owed.sink == sink && owed.logs.contains(log));
        self.known(path, old)
    }

    fn known(&self, path: &Path, old: bool) -> Known {
        match self.pending.get(path).map(|pending| pending.stage) {
            _ if old => Known::Old,
            Some(Stage::Finished) => Known::Fresh,
            Some(Stage::Unsure) => Known::Unsure,
            Some(Stage::Writing) | None => Known::No,
        }
    }

    /// A sync of a folder failed.
    pub(crate) fn doubt(&mut self, folder: &Path) {
        let here = self.pending.iter_mut();
        here.filter(|(path, _)| path.parent() == Some(folder))
            .for_each(|(_, pending)| pending.stage = Stage::Unsure);
    }

    /// A checkpoint names these now.
    pub(crate) fn named<'a>(&mut self, paths: impl IntoIterator<Item = &'a PathBuf>) {
        for path in paths {
            self.pending.remove(path);
        }
    }

    pub(crate) fn condemn(&mut self, path: &Path) {
        self.pending.remove(path);
        self.condemned.insert(path.to_owned());
    }

    /// Condemns what was finished or begun in a folder for an epoch.
    pub(crate) fn condemn_epoch(&mut self, folder: &Path, epoch: Epoch) {
        let of_it = |path: &Path, pending: &Pending| {
            pending.epoch == epoch && path.parent() == Some(folder)
        };
        let pending = self.pending.iter();
        let found = pending.filter(|(path, pending)| of_it(path, pending));
        let paths: Vec<PathBuf> = found.map(|(path, _)| path.clone()).collect();
        paths.iter().for_each(|path| self.condemn(path));
    }

    /// Files to remove; they are put back by [`Book::condemn`] if that fails.
    pub(crate) fn take_condemned(&mut self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut self.condemned)
    }

    pub(crate) fn is_pending(&self, path: &Path) -> bool {
        self.pending.contains_key(path)
    }

    /// A sink has made everything up to an epoch visible.
    pub(crate) fn commit(&mut self, sink: &str, epoch: Epoch) {
        let known = self.committed.entry(folder_of(sink)).or_insert(epoch);
        *known = (*known).max(epoch);
        let visible = &self.committed;
        self.owed
            .retain(|owed| visible.get(&folder_of(&owed.sink)) < Some(&owed.epoch));
    }

    pub(crate) fn use_epoch(&mut self, epoch: Epoch) {
        self.newest = self.newest.max(Some(epoch));
    }

    pub(crate) fn is_committed(&self, owed: &Owed) -> bool {
        self.committed.get(&folder_of(&owed.sink)) >= Some(&owed.epoch)
    }
}

/// The right of one file to be there while it is written.
#[derive(Debug)]
pub(crate) struct Ticket {
    book: Shared,
    path: PathBuf,
    kept: bool,
}

impl Ticket {
    /// The file is finished.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
        if let Some(pending) = self.book.open().pending.get_mut(&self.path) {
            pending.stage = Stage::Finished;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.kept {
            self.book.open().condemn(&self.path);
        }
    }
}
