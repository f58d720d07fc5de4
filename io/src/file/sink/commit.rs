//! `Target`: makes the staged parts of an epoch visible.
//!
//! Owns the order of steps and what a repeated commit finds. Invariant: at any instant every staged
//! part lies either in its hidden folder or under its visible name, so that the same commit can be
//! begun again; and the marker of an epoch exists only when all its parts are visible.

use super::name::{PartName, StagedPart, epoch_of_marker, marker};
use super::staging::sync_folder;
use crate::file::error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use whitebeam_sdk::sink::{Committed, Epoch};
use whitebeam_sdk::{Error, Result};

/// A folder and the parts of it that concern one sink.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) folder: &'a Path,
    pub(super) prefix: &'a str,
    pub(super) overwrite: bool,
}

/// What the marker of a committed epoch says.
#[derive(Serialize, Deserialize, Debug)]
struct Marker {
    /// The runs that staged its parts, and the one that committed them.
    runs: BTreeSet<String>,
    parts: BTreeSet<String>,
}

/// An epoch that only has to be shown.
#[derive(Debug)]
pub(super) struct Prepared<'s> {
    waiting: Vec<&'s StagedPart>,
    foreign: Vec<String>,
    marker: Marker,
}

impl Target<'_> {
    fn unwritable(&self, e: io::Error) -> Error {
        error::unwritable(&self.folder.to_string_lossy(), e)
    }

    fn unreadable(&self, e: io::Error) -> Error {
        error::unreadable(&self.folder.to_string_lossy(), e)
    }

    /// The last epoch that is visible.
    pub(super) fn last_epoch(&self) -> Result<Option<Epoch>> {
        let names = self.names()?;
        let epochs = names
            .iter()
            .filter_map(|name| epoch_of_marker(name, self.prefix));
        Ok(epochs.max())
    }

    /// Refuses a folder with parts of another run, before anything is computed.
    pub(super) fn refuse_foreign(&self) -> Result<()> {
        let foreign = self.visible_parts()?;
        if foreign.is_empty() || self.overwrite {
            return Ok(());
        }
        Err(self.occupied(&foreign))
    }

    /// Everything that making `staged` visible as all of `epoch` needs and that can fail; `None` if
    /// that was done before. `run` is the run that commits; with `owns_visible` the parts that are
    /// visible are its own.
    pub(super) fn prepare<'s>(
        &self,
        epoch: Epoch,
        staged: &'s [StagedPart],
        run: Option<&str>,
        owns_visible: bool,
    ) -> Result<Option<Prepared<'s>>> {
        let runs: BTreeSet<String> = staged.iter().map(|part| part.run.clone()).collect();
        let mut mine = runs.clone();
        mine.extend(run.map(str::to_owned));
        let waiting = self.waiting(staged)?;
        if let Some(marker) = self.marker(epoch)? {
            let same = !marker.runs.is_disjoint(&mine) || (staged.is_empty() && owns_visible);
            // Whoever reads the parts may have moved them away since.
            if same && waiting.is_empty() {
                return Ok(None);
            }
        }
        self.check_present(staged, &waiting)?;
        let foreign = self.foreign(staged, &waiting, &mine, owns_visible)?;
        if !(foreign.is_empty() || self.overwrite) {
            return Err(self.occupied(&foreign));
        }
        let parts = staged.iter().map(|part| part.name.clone()).collect();
        let marker = Marker { runs: mine, parts };
        self.write_marker(epoch, &marker)?;
        Ok(Some(Prepared {
            waiting,
            foreign,
            marker,
        }))
    }

    /// Makes `staged` visible as all of `epoch`; see [`Target::prepare`].
    pub(super) fn commit(
        &self,
        epoch: Epoch,
        staged: &[StagedPart],
        run: Option<&str>,
        owns_visible: bool,
    ) -> Result<Committed> {
        let Some(prepared) = self.prepare(epoch, staged, run, owns_visible)? else {
            return Ok(Committed::Before);
        };
        let waiting = &prepared.waiting;
        let mark = || {
            sync_folder(self.folder)?;
            fs::rename(self.unfinished_marker(epoch), self.marker_path(epoch))?;
            sync_folder(self.folder)
        };
        self.replace(&prepared.foreign, owns_visible, &prepared.marker)
            .and_then(|()| self.show(waiting))
            .and_then(|()| {
                mark().map_err(|e| {
                    self.hide(waiting);
                    self.unwritable(e)
                })
            })
            .inspect_err(|_| self.forget(epoch))?;
        Ok(Committed::Now)
    }

    /// Takes back what [`Target::prepare`] did. Best effort: what stays is hidden and says nothing.
    pub(super) fn forget(&self, epoch: Epoch) {
        let _ = fs::remove_file(self.unfinished_marker(epoch));
    }

    /// The parts that lie in their hidden folder.
    fn waiting<'s>(&self, staged: &'s [StagedPart]) -> Result<Vec<&'s StagedPart>> {
        let mut waiting = Vec::new();
        for part in staged {
            let hidden = stat(&self.hidden(part)).map_err(|e| self.unreadable(e))?;
            waiting.extend(hidden.map(|_| part));
        }
        Ok(waiting)
    }

    /// What is not waiting must be visible already, since a commit before this one died.
    fn check_present(&self, staged: &[StagedPart], waiting: &[&StagedPart]) -> Result<()> {
        for part in staged.iter().filter(|part| !waiting.contains(part)) {
            let visible = stat(&self.folder.join(&part.name)).map_err(|e| self.unreadable(e))?;
            if visible.is_none_or(|visible| visible.len() != part.bytes) {
                return Err(Error::unavailable(format!(
                    "{}: a part that was staged is gone: {}/{}",
                    self.folder.display(),
                    part.run,
                    part.name
                ))
                .note("Without it the epoch is not complete, so it is not committed.")
                .help("run again, and let nothing remove `.staging-*` folders meanwhile"));
            }
        }
        Ok(())
    }

    /// Visible parts that belong to other runs, as far as this epoch must not stand beside them.
    fn foreign(
        &self,
        staged: &[StagedPart],
        waiting: &[&StagedPart],
        mine: &BTreeSet<String>,
        owns_visible: bool,
    ) -> Result<Vec<String>> {
        let mut names = self.visible_parts()?;
        if owns_visible {
            // Only a name that is taken can be wrong.
            names.retain(|name| staged.iter().any(|part| part.name == *name));
        } else {
            for marker in self.markers()? {
                if !marker.runs.is_disjoint(mine) {
                    names.retain(|name| !marker.parts.contains(name));
                }
            }
        }
        let mut foreign = Vec::new();
        for name in names {
            let is_ours = match staged.iter().find(|part| part.name == name) {
                Some(part) if waiting.contains(&part) => {
                    self.is_shown(part).map_err(|e| self.unreadable(e))?
                }
                Some(_) => true,
                None => false,
            };
            if !is_ours {
                foreign.push(name);
            }
        }
        Ok(foreign)
    }

    fn occupied(&self, foreign: &[String]) -> Error {
        let folder = self.folder.display();
        let (first, more) = (&foreign[0], foreign.len() - 1);
        let others = match more {
            0 => String::new(),
            1 => " and another part".to_owned(),
            n => format!(" and {n} other parts"),
        };
        Error::unavailable(format!("{folder} holds {first}{others} of another run"))
            .note(
                "Parts of two runs in one folder would be read as one result. Nothing was written.",
            )
            .help("choose another folder, or move the parts away")
            .help("or replace them when this run succeeds: .overwrite()")
    }

    /// Removes what this run replaces: foreign parts, and the markers of other runs.
    fn replace(&self, foreign: &[String], owns_visible: bool, mine: &Marker) -> Result<()> {
        let remove = |name: &str| match fs::remove_file(self.folder.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(self.unwritable(e)),
            _ => Ok(()),
        };
        if !owns_visible {
            for name in self.names()? {
                if let Some(epoch) = epoch_of_marker(&name, self.prefix)
                    && let Some(marker) = self.marker(epoch)?
                    && marker.runs.is_disjoint(&mine.runs)
                {
                    remove(&name)?;
                }
            }
        }
        foreign.iter().try_for_each(|name| remove(name))
    }

    /// Gives the parts their visible names; takes all back if one cannot have its own.
    pub(super) fn show(&self, waiting: &[&StagedPart]) -> Result<()> {
        for (done, part) in waiting.iter().enumerate() {
            if let Err(e) = self.show_part(part) {
                self.hide(&waiting[..done]);
                return Err(match e.kind() {
                    io::ErrorKind::AlreadyExists => {
                        self.occupied(std::slice::from_ref(&part.name)).caused_by(e)
                    }
                    _ => self.unwritable(e),
                });
            }
        }
        Ok(())
    }

    /// Takes parts back. Best effort: the same commit finds them in either place.
    fn hide(&self, shown: &[&StagedPart]) {
        for part in shown {
            let _ = fs::rename(self.folder.join(&part.name), self.hidden(part));
        }
    }

    /// Renames without replacing: a link fails where the name is taken, a rename does not.
    fn show_part(&self, part: &StagedPart) -> io::Result<()> {
        let (from, to) = (self.hidden(part), self.folder.join(&part.name));
        if self.is_shown(part)? {
            return fs::remove_file(from);
        }
        match fs::hard_link(&from, &to) {
            Ok(()) => fs::remove_file(from),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(e),
            // A file system without links: the name was free a moment ago.
            Err(_) if stat(&to)?.is_none() => fs::rename(from, to),
            Err(e) => Err(e),
        }
    }

    /// True if the part has both names, which is how a commit that died leaves it.
    fn is_shown(&self, part: &StagedPart) -> io::Result<bool> {
        let hidden = stat(&self.hidden(part))?;
        let visible = stat(&self.folder.join(&part.name))?;
        Ok(hidden.zip(visible).is_some_and(|(a, b)| same_file(&a, &b)))
    }

    fn hidden(&self, part: &StagedPart) -> PathBuf {
        self.folder.join(&part.run).join(&part.name)
    }

    fn marker_path(&self, epoch: Epoch) -> PathBuf {
        self.folder.join(marker(self.prefix, epoch))
    }

    fn marker(&self, epoch: Epoch) -> Result<Option<Marker>> {
        match fs::read(self.marker_path(epoch)) {
            // A marker is written whole before it has its name; another content is not ours.
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.unreadable(e)),
        }
    }

    fn markers(&self) -> Result<Vec<Marker>> {
        let mut markers = Vec::new();
        for name in self.names()? {
            if let Some(epoch) = epoch_of_marker(&name, self.prefix) {
                markers.extend(self.marker(epoch)?);
            }
        }
        Ok(markers)
    }

    fn unfinished_marker(&self, epoch: Epoch) -> PathBuf {
        self.marker_path(epoch).with_extension("committing")
    }

    /// Writes the marker under a name that says nothing yet, while failing is still harmless. One
    /// that is there already needs no more room.
    fn write_marker(&self, epoch: Epoch, marker: &Marker) -> Result<()> {
        let path = self.unfinished_marker(epoch);
        let text = serde_json::to_vec(marker)
            .map_err(|e| Error::internal("a marker has no JSON form").caused_by(e))?;
        let write = || {
            fs::create_dir_all(self.folder)?;
            if fs::read(&path).is_ok_and(|there| there == text) {
                return File::open(&path)?.sync_all();
            }
            let mut file = File::create(&path)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(|e| {
            let _ = fs::remove_file(&path);
            self.unwritable(e)
        })
    }

    fn visible_parts(&self) -> Result<Vec<String>> {
        let mut names = self.names()?;
        names.retain(|name| PartName::parse(name, self.prefix).is_some());
        names.sort();
        Ok(names)
    }

    fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(self.folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => return Err(self.unwritable(e)),
            Err(e) => return Err(self.unreadable(e)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| self.unreadable(e))?;
            names.extend(entry.file_name().into_string().ok());
        }
        Ok(names)
    }
}

fn stat(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(unix)]
fn same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Without numbers of files, a part that was linked and not yet unlinked cannot be told from one
/// of another run, and is refused.
#[cfg(not(unix))]
fn same_file(_: &Metadata, _: &Metadata) -> bool {
    false
}
