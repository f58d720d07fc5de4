//! `Target`: makes the staged parts of an epoch visible.
//!
//! Owns the order of steps and what a repeated commit finds. Invariant: a part keeps its name in the
//! hidden folder until its epoch's marker is durable, and the marker is made when all parts are
//! durably visible; so the same commit can be begun again at any instant, also by somebody who
//! stopped amid it long ago. A visible part is never replaced or changed.

use super::marker::Marker;
use super::name::{PartName, StagedPart};
use super::staging;
use crate::file::error;
use crc32c::crc32c_append;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use whitebeam_env::{FileError, Files};
use whitebeam_sdk::sink::{Committed, Epoch};
use whitebeam_sdk::{Error, Result};

/// A folder and the parts of it that concern one sink.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) folder: &'a Path,
    pub(super) prefix: &'a str,
    pub(super) overwrite: bool,
}

/// Where a staged part is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// In its hidden folder, and its visible name is free.
    Hidden,
    /// In its hidden folder, and its visible name is another file's.
    Taken,
    /// Under both names, which is how a commit that died leaves it.
    Both,
    /// Under its visible name only.
    Visible,
    /// Nowhere.
    Gone,
}

/// An epoch that only has to be shown.
#[derive(Debug)]
pub(super) struct Prepared<'s> {
    waiting: Vec<&'s StagedPart>,
    foreign: Vec<String>,
    marker: Marker,
}

impl Target<'_> {
    pub(super) fn unwritable(&self, e: FileError) -> Error {
        error::unwritable(&self.folder.to_string_lossy(), error::of_system(e))
    }

    pub(super) fn unreadable(&self, e: FileError) -> Error {
        if e.kind() == io::ErrorKind::PermissionDenied {
            return error::unreadable(&self.folder.to_string_lossy(), error::of_system(e));
        }
        Error::unavailable(format!("{}: could not be read", self.folder.display()))
            .help("see the cause, and whether the device or network is there")
            .caused_by(e)
    }

    /// Refuses a folder with parts of another run, before anything is computed. What a commit has
    /// shown that died half-way is looked at when that commit is repeated.
    pub(super) fn refuse_foreign(&self) -> Result<()> {
        let mut foreign = self.visible_parts()?;
        if foreign.is_empty() || self.overwrite {
            return Ok(());
        }
        let mut half = staging::left_behind(self.files, self.folder, self.prefix);
        for epoch in self.begun()? {
            half.extend(self.begun_parts(epoch));
        }
        foreign.retain(|name| !half.contains(name));
        match foreign.is_empty() {
            true => Ok(()),
            false => Err(self.occupied(&foreign)),
        }
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
        let mut runs: BTreeSet<String> = staged.iter().map(|part| part.run.clone()).collect();
        runs.extend(run.map(str::to_owned));
        let mut places = Vec::new();
        for part in staged {
            places.push((part, self.place(part).map_err(|e| self.unreadable(e))?));
        }
        let is = |wanted: Place| move |(_, place): &&(_, Place)| *place == wanted;
        let waits = places
            .iter()
            .any(|p| is(Place::Hidden)(&p) || is(Place::Taken)(&p));
        // Whoever reads the parts may have moved them away since.
        if !waits && self.is_marked(epoch, &runs, owns_visible)? {
            return Ok(None);
        }
        if let Some((part, _)) = places.iter().find(is(Place::Gone)) {
            return Err(self.gone(part));
        }
        let taken = places.iter().filter(is(Place::Taken));
        let taken: Vec<String> = taken.map(|(part, _)| part.name.clone()).collect();
        let foreign = match owns_visible {
            // Only a name that is taken can be wrong.
            true => taken,
            false => {
                let ours = places.iter().filter(|(_, place)| *place != Place::Taken);
                self.foreign(
                    &ours.map(|(part, _)| part.name.as_str()).collect::<Vec<_>>(),
                    &runs,
                )?
            }
        };
        // Only what was there before this run is ever replaced.
        if !(foreign.is_empty() || (self.overwrite && !owns_visible)) {
            return Err(self.occupied(&foreign));
        }
        let parts = staged.iter().map(|part| part.name.clone()).collect();
        let marker = Marker { runs, parts };
        self.write_marker(epoch, &marker)?;
        let waiting = places.into_iter();
        let waiting = waiting.filter(|p| is(Place::Hidden)(&p) || is(Place::Taken)(&p));
        Ok(Some(Prepared {
            waiting: waiting.map(|(part, _)| part).collect(),
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
        let committed = match self.prepare(epoch, staged, run, owns_visible)? {
            None => Committed::Before,
            Some(prepared) => {
                self.files.point("file.prepared");
                self.replace(&prepared, owns_visible)
                    .and_then(|()| self.show(epoch, &prepared.waiting, &prepared.marker.runs))
                    .inspect_err(|_| self.forget(epoch))?
            }
        };
        for part in staged {
            let _ = self.files.remove(&self.hidden(part));
        }
        self.files.point("file.tidied");
        Ok(committed)
    }

    /// True if the epoch, or one after it, was committed by one of `runs`, or by a run that this one
    /// goes on with.
    fn is_marked(&self, epoch: Epoch, runs: &BTreeSet<String>, owns_visible: bool) -> Result<bool> {
        let is_mine = |m: &Marker| owns_visible || !m.runs.is_disjoint(runs);
        if let Some(marker) = self.marker(epoch)? {
            return Ok(is_mine(&marker));
        }
        let markers = self.markers()?;
        Ok(markers.iter().any(|(at, m)| *at > epoch && is_mine(m)))
    }

    fn place(&self, part: &StagedPart) -> Result<Place, FileError> {
        let is_hidden = self.files.exists(&self.hidden(part))?;
        let visible = self.files.entry(&self.folder.join(&part.name))?;
        let is_same = match &visible {
            Some(visible) if visible.len == part.bytes => {
                self.sum_of(&part.name)? == Some(part.crc)
            }
            _ => false,
        };
        Ok(match (is_hidden, visible) {
            (true, None) => Place::Hidden,
            (true, Some(_)) if is_same => Place::Both,
            (true, Some(_)) => Place::Taken,
            (false, Some(_)) if is_same => Place::Visible,
            (false, _) => Place::Gone,
        })
    }

    /// The checksum of a visible file; `None` if it has gone meanwhile.
    fn sum_of(&self, name: &str) -> Result<Option<u32>, FileError> {
        let file = match self.files.open(&self.folder.join(name)) {
            Err(e) if e.is_not_found() => return Ok(None),
            opened => opened?,
        };
        let (mut at, mut crc, mut buffer) = (0, 0, vec![0; 64 * 1024]);
        loop {
            let n = file.read_at(at, &mut buffer)?;
            if n == 0 {
                return Ok(Some(crc));
            }
            crc = crc32c_append(crc, &buffer[..n]);
            at += n as u64;
        }
    }

    fn gone(&self, part: &StagedPart) -> Error {
        Error::data(format!(
            "{}: a part that was staged is gone: {}/{}",
            self.folder.display(),
            part.run,
            part.name
        ))
        .note("Without it the epoch is not complete, so it is not committed.")
        .help("run again, and let nothing remove `.staging-*` folders meanwhile")
    }

    /// Visible parts that belong to other runs: neither `ours` nor of an epoch that `runs` committed.
    fn foreign(&self, ours: &[&str], runs: &BTreeSet<String>) -> Result<Vec<String>> {
        let mut names = self.visible_parts()?;
        names.retain(|name| !ours.contains(&name.as_str()));
        for (_, marker) in self.markers()? {
            if !marker.runs.is_disjoint(runs) {
                names.retain(|name| !marker.parts.contains(name));
            }
        }
        Ok(names)
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
    fn replace(&self, prepared: &Prepared<'_>, owns_visible: bool) -> Result<()> {
        if !owns_visible {
            for (epoch, marker) in self.markers()? {
                if marker.runs.is_disjoint(&prepared.marker.runs) {
                    self.outdate(epoch);
                }
            }
        }
        for name in &prepared.foreign {
            match self.files.remove(&self.folder.join(name)) {
                Err(e) if !e.is_not_found() => return Err(self.unwritable(e)),
                _ => self.files.point("file.replaced"),
            }
        }
        Ok(())
    }

    /// Gives the parts their visible names, and the epoch its marker; takes the names back if that
    /// fails, unless somebody else has committed the epoch meanwhile.
    pub(super) fn show(
        &self,
        epoch: Epoch,
        waiting: &[&StagedPart],
        runs: &BTreeSet<String>,
    ) -> Result<Committed> {
        let mut shown = Vec::new();
        let named = waiting.iter().try_for_each(|part| {
            self.show_part(part)?;
            shown.push(*part);
            self.files.point("file.linked");
            Ok(())
        });
        let marked = named.and_then(|()| self.mark(epoch).map_err(|e| self.unwritable(e)));
        let Err(e) = marked else {
            return self.settle(epoch, &shown);
        };
        if self.is_marked(epoch, runs, false)? {
            return Ok(Committed::Before);
        }
        self.hide(&shown);
        Err(e)
    }

    /// Makes the marker's name durable. If that fails it is taken back, and the parts after it when
    /// it is certain that no power cut brings it back without them.
    fn settle(&self, epoch: Epoch, shown: &[&StagedPart]) -> Result<Committed> {
        let Err(e) = self.files.sync_dir(self.folder) else {
            self.files.point("file.marked");
            return Ok(Committed::Now);
        };
        self.outdate(epoch);
        if self.files.sync_dir(self.folder).is_ok() {
            self.hide(shown);
        }
        Err(self.unwritable(e))
    }

    /// Takes parts back. Best effort: the same commit finds them in either place. What has no hidden
    /// name any more is not ours to take back: another process has committed it, or files cannot
    /// have two names here.
    fn hide(&self, shown: &[&StagedPart]) {
        for part in shown {
            if self.files.exists(&self.hidden(part)).unwrap_or(false) {
                let _ = self.files.remove(&self.folder.join(&part.name));
            }
        }
    }

    /// Gives a part its visible name without replacing another: a link fails where the name is
    /// taken, a rename does not.
    fn show_part(&self, part: &StagedPart) -> Result<()> {
        let (from, to) = (self.hidden(part), self.folder.join(&part.name));
        let Err(e) = self.files.link(&from, &to) else {
            return Ok(());
        };
        match self.place(part).map_err(|e| self.unreadable(e))? {
            // Somebody who commits the same epoch was faster.
            Place::Both | Place::Visible => Ok(()),
            Place::Taken => Err(self.occupied(std::slice::from_ref(&part.name)).caused_by(e)),
            Place::Gone => Err(self.gone(part)),
            // A file system without links: the name was free a moment ago.
            Place::Hidden if has_no_links(&e) => {
                let renamed = self.files.rename(&from, &to);
                renamed.map_err(|e| self.unwritable(e))
            }
            Place::Hidden => Err(self.unwritable(e)),
        }
    }

    fn hidden(&self, part: &StagedPart) -> PathBuf {
        self.folder.join(&part.run).join(&part.name)
    }

    fn visible_parts(&self) -> Result<Vec<String>> {
        let mut names = self.names()?;
        names.retain(|name| PartName::parse(name, self.prefix).is_some());
        Ok(names)
    }

    /// All names in the folder, in order.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        match self.files.list(self.folder) {
            Ok(entries) => Ok(entries.into_iter().map(|entry| entry.name).collect()),
            Err(e) if e.is_not_found() => Ok(Vec::new()),
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => Err(self.unwritable(e)),
            Err(e) => Err(self.unreadable(e)),
        }
    }
}

fn has_no_links(e: &FileError) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    )
}
