//! Retention: what may go, and in which order.
//!
//! Owns mark and sweep, the notes of what sinks have committed, and pins. Manifests go before the
//! files they name, oldest first, and durably so. A file of an earlier instance that may be alive
//! stays until this one has published: until then that instance's checkpoint could still be next.

use super::Result;
use super::book::Book;
use super::claim;
use super::directory::Directory;
use super::error::Error;
use super::layout::{self, Slot};
use super::manifest::Generation;
use super::recover;
use std::collections::BTreeSet;
use std::path::Path;
use whitebeam_env::{Env, FileError};
use whitebeam_sdk::sink::Epoch;

impl<E: Env> Directory<E> {
    /// A sink has made everything up to `epoch` visible. Durable when it returns; repeating it
    /// changes nothing.
    pub fn note_committed(&self, sink: &str, epoch: Epoch) -> Result<()> {
        self.make_sink(sink)?;
        let (note, folder) = (self.layout.note(sink, epoch), self.layout.sink(sink));
        match self.files.create_new(&note) {
            // An attempt before this one may have failed to sync it.
            Err(error) if error.is_taken() => self.renew(&note)?,
            Err(error) => return Err(error.into()),
            Ok(_) => self.files.sync_dir(&folder)?,
        }
        self.files.point("sink.noted");
        self.book.open().commit(sink, epoch);
        for entry in self.files.list(&folder)? {
            let path = folder.join(&entry.name);
            let is_past = layout::epoch_of_note(&entry.name).is_some_and(|noted| noted < epoch);
            if is_past || self.is_spent(&path, &entry.name) {
                self.forget(&path)?;
            }
        }
        self.files.point("wal.deleted");
        Ok(())
    }

    /// Makes a note anew that is there. After a sync that failed another one says nothing about the
    /// same name: it needs a name that is new. Nobody sees it missing.
    pub(crate) fn renew(&self, note: &Path) -> Result<()> {
        let temporary = self
            .layout
            .temporary(&self.layout.claims(), self.env.unique());
        let created = self.files.create_new(&temporary).map(drop);
        let renewed = created.and_then(|()| self.files.rename(&temporary, note));
        if renewed.is_err() {
            let _ = self.files.remove(&temporary);
        }
        self.or_fenced(renewed.map_err(Error::from))?;
        let folder = note.parent().unwrap_or(note);
        Ok(self.files.sync_dir(folder)?)
    }

    /// Removes checkpoints beyond those to keep, and every file that none of those names.
    pub fn retain(&self) -> Result<()> {
        let _turn = self.turn();
        self.claim.confirm()?;
        let slots = recover::slots(&self.files, &self.layout)?;
        let pins = self.pins()?;
        let kept = Kept::of(&self.book.open(), self.settings.retain, &pins);
        let mut unlinked = false;
        for slot in slots.into_iter().filter(|slot| !kept.has(*slot)) {
            self.forget(&self.layout.manifest(slot))?;
            self.book.open().chain.remove(&slot);
            self.files.point("gc.manifest_unlinked");
            unlinked = true;
        }
        if unlinked {
            self.files.sync_dir(&self.layout.manifests())?;
            self.files.point("gc.manifests_dirsynced");
        }
        self.sweep()
    }

    /// Keeps a checkpoint until it is unpinned.
    pub fn pin(&self, epoch: Epoch) -> Result<()> {
        match self.files.create_new(&self.layout.pin(epoch)) {
            Err(error) if !error.is_taken() => return Err(error.into()),
            _ => {}
        }
        self.files.sync_dir(&self.layout.pins())?;
        self.files.point("save.pinned");
        Ok(())
    }

    /// Lets retention have a checkpoint again.
    pub fn unpin(&self, epoch: Epoch) -> Result<()> {
        self.forget(&self.layout.pin(epoch))?;
        Ok(self.files.sync_dir(&self.layout.pins())?)
    }

    fn pins(&self) -> Result<BTreeSet<Epoch>> {
        let entries = self.files.list(&self.layout.pins())?;
        let names = entries.iter().map(|entry| entry.name.as_str());
        Ok(names.filter_map(layout::epoch_of_pin).collect())
    }

    /// Removes files that no checkpoint in the chain names and nobody is writing.
    pub(crate) fn sweep(&self) -> Result<()> {
        self.remove_condemned()?;
        self.sweep_data()?;
        self.sweep_logs()?;
        for entry in self.files.list(&self.layout.manifests())? {
            if layout::is_temporary(&entry.name) {
                self.forget(&self.layout.manifests().join(&entry.name))?;
            }
        }
        self.sweep_claims()?;
        self.files.point("gc.swept");
        Ok(())
    }

    /// Files of instances before this one are nobody's any more.
    fn inherits(&self) -> bool {
        !self.claim.haunted || self.book.open().published
    }

    fn sweep_data(&self) -> Result<()> {
        let folder = self.layout.data();
        let inherits = self.inherits();
        for entry in self.files.list(&folder)? {
            let path = folder.join(&entry.name);
            let Some(generation) = layout::generation_of_data(&entry.name) else {
                continue;
            };
            if self.is_ours(generation, inherits) && !self.is_live(&path, &entry.name) {
                self.forget(&path)?;
                self.files.point("gc.file_unlinked");
            }
        }
        Ok(())
    }

    fn is_ours(&self, generation: Generation, inherits: bool) -> bool {
        let own = self.claim.generation;
        generation == own || (generation < own && inherits)
    }

    fn is_live(&self, path: &Path, name: &str) -> bool {
        let book = self.book.open();
        book.is_pending(path) || book.chain.values().any(|link| link.data.contains(name))
    }

    fn sweep_logs(&self) -> Result<()> {
        for folder in self.files.list(&self.layout.logs())? {
            let logs = self.layout.logs().join(&folder.name);
            if !folder.is_dir {
                continue;
            }
            for entry in self.files.list(&logs)? {
                let path = logs.join(&entry.name);
                if self.is_spent(&path, &entry.name) {
                    self.forget(&path)?;
                    self.files.point("gc.file_unlinked");
                }
            }
        }
        Ok(())
    }

    /// Whether a file is a log that may go: nobody writes it and no checkpoint may yet have to
    /// commit it.
    fn is_spent(&self, path: &Path, name: &str) -> bool {
        let named = layout::log_named(name);
        if !named.is_some_and(|log| self.is_ours(log.generation, self.inherits())) {
            return false;
        }
        let book = self.book.open();
        let owed = book.chain.values().flat_map(|link| &link.owed);
        let mut due = owed.filter(|owed| !book.is_committed(owed));
        !book.is_pending(path)
            && !due.any(|owed| {
                let logs = owed.logs.iter();
                let mut paths = logs.map(|log| self.layout.log(&owed.sink, &log.name));
                paths.any(|live| live == path)
            })
    }

    /// Claims of instances that have ended, and what is left of claims that failed.
    pub(crate) fn sweep_claims(&self) -> Result<()> {
        let folder = self.layout.claims();
        let own = self.claim.generation;
        // Once this instance has published, its own claim fences all before it, alive or not.
        let published = self.book.open().published;
        for generation in claim::claims(&self.files, &self.layout)? {
            let earlier = generation < own;
            if earlier && (published || claim::is_gone(&self.env, &self.layout, generation)?) {
                self.forget(&self.layout.claim(generation))?;
            }
        }
        let grace = self.settings.lease;
        for entry in self.files.list(&folder)? {
            let beat = layout::generation_of_beat(&entry.name).filter(|beat| *beat < own);
            if let Some(generation) = beat
                && !self.files.exists(&self.layout.claim(generation))?
            {
                self.forget(&folder.join(&entry.name))?;
            }
            let is_old = entry.modified.plus(grace) < self.env.now();
            if layout::is_temporary(&entry.name) && is_old {
                self.forget(&folder.join(&entry.name))?;
            }
        }
        Ok(())
    }

    pub(crate) fn remove_condemned(&self) -> Result<()> {
        let condemned = self.book.open().take_condemned();
        let mut failed = None;
        for path in condemned {
            if let Err(error) = self.forget(&path) {
                self.book.open().condemn(&path);
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Removes a file that may be gone already.
    fn forget(&self, path: &Path) -> Result<(), FileError> {
        match self.files.remove(path) {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }
}

/// Which checkpoints stay.
struct Kept {
    /// The oldest of the newest few that stand: everything after it stays as well.
    oldest: Slot,
    /// What lies before it and is pinned.
    pinned: BTreeSet<Slot>,
}

impl Kept {
    fn of(book: &Book, retain: usize, pins: &BTreeSet<Epoch>) -> Self {
        let standing = book.chain.iter().rev().filter(|(_, link)| link.stands);
        let few = standing.map(|(slot, _)| *slot).take(retain.max(1));
        let pinned = book
            .chain
            .iter()
            .filter(|(_, link)| pins.contains(&link.epoch));
        Kept {
            oldest: few.last().unwrap_or_default(),
            pinned: pinned.map(|(slot, _)| *slot).collect(),
        }
    }

    fn has(&self, slot: Slot) -> bool {
        slot >= self.oldest || self.pinned.contains(&slot)
    }
}
