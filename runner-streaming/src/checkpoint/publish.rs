//! Publication: a checkpoint comes into being by one link.
//!
//! Owns the order of steps. Files and their names are durable before the manifest is written, the
//! manifest before it is linked, the link before it is read back; only then may a sink commit. An
//! attempt that fails after the link ends the instance: whoever recovers may go on from it, and commit
//! under its epoch what this instance would stage again under the next.

use super::Result;
use super::book::{Known, Link};
use super::claim::timestamp;
use super::directory::Directory;
use super::error::Error;
use super::frame;
use super::layout::Slot;
use super::manifest::{Content, LogFile, Manifest, Owed};
use std::collections::BTreeSet;
use std::path::PathBuf;
use whitebeam_env::Env;
use whitebeam_sdk::sink::Epoch;

/// What one sink has staged for a checkpoint, also if that is nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Staged {
    /// Path of the sink's step.
    pub sink: String,
    /// Its logs, of all shards, and of attempts before that failed.
    pub logs: Vec<LogFile>,
}

/// Files that a manifest names for the first time.
#[derive(Default)]
struct Fresh {
    folders: BTreeSet<PathBuf>,
    files: Vec<PathBuf>,
}

impl<E: Env> Directory<E> {
    /// Publishes a checkpoint: when this returns `Ok`, it is durable and sinks may commit `epoch`.
    /// An error that is not final means that this attempt failed and a later one, under a greater
    /// epoch, may succeed; logs that were staged for it are to be staged again with that one.
    pub fn publish(&self, epoch: Epoch, content: Content, staged: Vec<Staged>) -> Result<Manifest> {
        let _turn = self.turn();
        self.or_fenced(self.try_publish(epoch, content, staged))
    }

    fn try_publish(&self, epoch: Epoch, content: Content, staged: Vec<Staged>) -> Result<Manifest> {
        self.claim.confirm()?;
        let (slot, manifest) = self.draft(epoch, content, staged)?;
        let bytes = manifest.encode().map_err(|_| {
            // Numbers, strings and bytes: nothing in a manifest can refuse to be encoded.
            Error::Misused("a manifest could not be encoded")
        })?;
        let fresh = self.fresh(&manifest)?;
        for folder in &fresh.folders {
            if let Err(error) = self.files.sync_dir(folder) {
                self.book.open().doubt(folder);
                return Err(error.into());
            }
        }
        self.files.point("mani.files_dirsynced");
        self.link(slot, &bytes)?;
        {
            let mut book = self.book.open();
            book.tip = slot;
            book.use_epoch(epoch);
            book.chain.insert(slot, Link::of(&manifest, false));
            book.named(&fresh.files);
        }
        self.files.point("mani.linked");
        self.make_sure(slot, &bytes)
            .map_err(|error| self.doubtful(slot, error))?;
        let mut book = self.book.open();
        book.chain.insert(slot, Link::of(&manifest, true));
        book.parent = Some(epoch);
        book.published = true;
        let owed = manifest.owed.iter();
        book.owed = owed
            .filter(|owed| !book.is_committed(owed))
            .cloned()
            .collect();
        Ok(manifest)
    }

    fn draft(
        &self,
        epoch: Epoch,
        content: Content,
        staged: Vec<Staged>,
    ) -> Result<(Slot, Manifest)> {
        let book = self.book.open();
        if book.newest >= Some(epoch) {
            return Err(Error::Misused("an epoch was used a second time"));
        }
        let mut owed = book.owed.clone();
        owed.extend(
            staged
                .into_iter()
                .map(|Staged { sink, logs }| Owed { sink, epoch, logs }),
        );
        let manifest = Manifest {
            pipeline: self.settings.pipeline.clone(),
            epoch,
            generation: self.claim.generation,
            parent: book.parent,
            created: timestamp(self.env.now()),
            owed,
            content,
        };
        Ok((book.tip.next(), manifest))
    }

    /// Which of the files are new, after a check that all of them were finished.
    fn fresh(&self, manifest: &Manifest) -> Result<Fresh> {
        let book = self.book.open();
        let mut fresh = Fresh::default();
        let data = manifest.data_files().map(|file| {
            let path = self.layout.data_file(&file.name);
            let known = book.knows_data(&path, &file.name);
            (path, known)
        });
        let owed = manifest.owed.iter().flat_map(|owed| {
            let logs = owed.logs.iter();
            logs.map(move |log| (owed.sink.as_str(), log))
        });
        let logs = owed.map(|(sink, log)| {
            let path = self.layout.log(sink, &log.name);
            let known = book.knows_log(&path, sink, log);
            (path, known)
        });
        for (path, known) in data.chain(logs) {
            match known {
                Known::Old => {}
                Known::Fresh => {
                    fresh.folders.extend(path.parent().map(PathBuf::from));
                    fresh.files.push(path);
                }
                Known::Unsure => return Err(self.lost(&path)),
                Known::No => {
                    return Err(Error::Misused(
                        "a checkpoint named a file that was not finished",
                    ));
                }
            }
        }
        Ok(fresh)
    }

    /// Writes the manifest aside and gives it its name, if nobody was faster.
    fn link(&self, slot: Slot, bytes: &[u8]) -> Result<()> {
        let temporary = self
            .layout
            .temporary(&self.layout.manifests(), self.env.unique());
        let linked = (|| {
            let mut file = self.files.create_new(&temporary)?;
            file.append(bytes)?;
            file.sync()?;
            self.files.point("mani.tmp");
            self.files.link(&temporary, &self.layout.manifest(slot))
        })();
        let _ = self.files.remove(&temporary);
        match linked {
            Err(error) if error.is_taken() => {
                self.claim.confirm()?;
                Err(Error::Overtaken {
                    dir: self.layout.root().to_owned(),
                    own: self.claim.generation,
                })
            }
            Err(error) => match self.files.exists(&self.layout.manifest(slot)) {
                Ok(false) => Err(error.into()),
                _ => Err(self.doubtful(slot, error.into())),
            },
            Ok(()) => Ok(()),
        }
    }

    /// What may be there, and may not be, is for a recovery to judge.
    fn doubtful(&self, slot: Slot, cause: Error) -> Error {
        if cause.is_final() {
            return cause;
        }
        Error::Doubtful {
            file: self.layout.manifest(slot),
            reason: cause.to_string(),
        }
    }

    /// The link survives a crash, says what was written, and is not a relic of a lost claim.
    fn make_sure(&self, slot: Slot, bytes: &[u8]) -> Result<()> {
        self.files.sync_dir(&self.layout.manifests())?;
        self.files.point("mani.dirsynced");
        let path = self.layout.manifest(slot);
        let found = self.files.read_all(&path, bytes.len() as u64);
        if found.as_deref().ok() != Some(bytes) {
            let reason = match found {
                Ok(_) => "it does not read back as it was written".to_owned(),
                Err(error) => error.to_string(),
            };
            return Err(frame::damaged(&path, &reason));
        }
        self.files.point("mani.verified");
        // The slot may have been free because a later instance has retained it away long since.
        self.claim.confirm()
    }

    /// The attempt of an epoch came to nothing: its state files are removed. Logs stay, since what
    /// they hold is not lost with the attempt; see [`Directory::discard_log`].
    pub fn fail(&self, epoch: Epoch) -> Result<()> {
        let _turn = self.turn();
        let mut book = self.book.open();
        book.use_epoch(epoch);
        book.condemn_epoch(&self.layout.data(), epoch);
        drop(book);
        self.remove_condemned()
    }
}
