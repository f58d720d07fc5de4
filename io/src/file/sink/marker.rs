//! `Marker`: the hidden file that says that an epoch is committed, and by which runs.
//!
//! Owns what it holds and how it comes to be there: whole, under a name that says nothing, before
//! it gets its own. Does not own when. Invariant: the newest marker of a job is enough; those before
//! it may be gone.

use super::commit::Target;
use super::name::{epoch_of_marker, marker};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use whitebeam_env::FileError;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, Result};

/// No marker is longer: it names the parts of one epoch.
const LONGEST: u64 = 64 << 20;

/// How the names of markers end, before and when they say something.
const BEGUN: &str = "committing";
const COMMITTED: &str = "committed";

/// What the marker of a committed epoch says.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct Marker {
    /// The runs that staged its parts, and the one that committed them.
    pub(super) runs: BTreeSet<String>,
    pub(super) parts: BTreeSet<String>,
}

impl Target<'_> {
    fn marker_path(&self, epoch: Epoch) -> PathBuf {
        self.folder.join(marker(self.prefix, epoch))
    }

    fn unfinished_marker(&self, epoch: Epoch) -> PathBuf {
        self.marker_path(epoch).with_extension(BEGUN)
    }

    pub(super) fn marker(&self, epoch: Epoch) -> Result<Option<Marker>> {
        match self.files.read_all(&self.marker_path(epoch), LONGEST) {
            // A marker is written whole before it has its name; another content is not ours.
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(self.unreadable(e)),
        }
    }

    /// The epochs that have markers.
    pub(super) fn marked(&self) -> Result<Vec<Epoch>> {
        let names = self.names()?;
        let epochs = names
            .iter()
            .filter_map(|name| epoch_of_marker(name, self.prefix));
        Ok(epochs.collect())
    }

    pub(super) fn markers(&self) -> Result<Vec<(Epoch, Marker)>> {
        let mut markers = Vec::new();
        for epoch in self.marked()? {
            markers.extend(self.marker(epoch)?.map(|marker| (epoch, marker)));
        }
        Ok(markers)
    }

    /// The epochs whose commits have begun and not ended.
    pub(super) fn begun(&self) -> Result<Vec<Epoch>> {
        let names = self.names()?;
        let begun = names.iter().filter(|name| name.ends_with(BEGUN));
        let epochs =
            begun.filter_map(|name| epoch_of_marker(&name.replace(BEGUN, COMMITTED), self.prefix));
        Ok(epochs.collect())
    }

    /// The parts of such an epoch.
    pub(super) fn begun_parts(&self, epoch: Epoch) -> BTreeSet<String> {
        let path = self.unfinished_marker(epoch);
        let text = self.files.read_all(&path, LONGEST).unwrap_or_default();
        let marker: Option<Marker> = serde_json::from_slice(&text).ok();
        marker.map(|marker| marker.parts).unwrap_or_default()
    }

    /// Writes the marker under a name that says nothing yet, while failing is still harmless. One
    /// that is there already needs no more room.
    pub(super) fn write_marker(&self, epoch: Epoch, marker: &Marker) -> Result<()> {
        let path = self.unfinished_marker(epoch);
        let text = serde_json::to_vec(marker)
            .map_err(|e| Error::internal("a marker has no JSON form").caused_by(e))?;
        let write = || {
            self.files.create_dir_all(self.folder)?;
            if self.files.exists(&path)? {
                if self.files.read_all(&path, LONGEST)? == text {
                    return self.files.open_append(&path)?.sync();
                }
                self.files.remove(&path)?;
            }
            let mut file = self.files.create_new(&path)?;
            file.append(&text)?;
            file.sync()
        };
        write().map_err(|e| {
            self.forget(epoch);
            self.unwritable(e)
        })
    }

    /// Gives the marker that was written its name. Before that the parts have theirs for good.
    pub(super) fn mark(&self, epoch: Epoch) -> Result<(), FileError> {
        self.files.sync_dir(self.folder)?;
        self.files.point("file.shown");
        let written = self.unfinished_marker(epoch);
        self.files.rename(&written, &self.marker_path(epoch))
    }

    /// Makes sure that a marker stays which a process left that died: it may not have come to that.
    pub(super) fn renew(&self, epoch: Epoch) -> Result<()> {
        let Some(marker) = self.marker(epoch)? else {
            return Ok(());
        };
        self.write_marker(epoch, &marker)?;
        let renamed = self
            .files
            .rename(&self.unfinished_marker(epoch), &self.marker_path(epoch));
        let renewed = renamed.and_then(|()| self.files.sync_dir(self.folder));
        renewed.map_err(|e| self.unwritable(e))
    }

    /// Takes back a marker that was written. Best effort: what stays is hidden and says nothing.
    pub(super) fn forget(&self, epoch: Epoch) {
        let _ = self.files.remove(&self.unfinished_marker(epoch));
    }

    /// Removes a marker that a later one stands for. Best effort.
    pub(super) fn outdate(&self, epoch: Epoch) {
        let _ = self.files.remove(&self.marker_path(epoch));
    }
}
