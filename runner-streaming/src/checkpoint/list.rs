//! What lies in a directory, for people.
//!
//! Owns reading without a claim: nothing is changed, and a directory that is in use may be looked
//! at. A manifest that goes while it is looked at is left out.

use super::Result;
use super::error::Error;
use super::layout::{self, Layout};
use super::manifest::Manifest;
use super::recover::{self, Rejected};
use std::collections::BTreeSet;
use std::path::Path;
use whitebeam_env::{Env, RealEnv, SharedFiles};
use whitebeam_sdk::sink::Epoch;

/// One checkpoint of a directory.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    /// What it is made of, or why that cannot be read.
    pub manifest: Result<Manifest, Rejected>,
    /// Whether retention leaves it alone.
    pub pinned: bool,
}

/// All checkpoints in a directory of this machine, newest first.
pub fn list_in(root: &Path) -> Result<Vec<Listed>> {
    list(&RealEnv::new().files(), root)
}

/// All checkpoints, newest first. Files that they name are not checked.
pub fn list(files: &SharedFiles, root: &Path) -> Result<Vec<Listed>> {
    let layout = Layout::new(root);
    let pins = files.list(&layout.pins())?;
    let names = pins.iter().map(|entry| entry.name.as_str());
    let pins: BTreeSet<Epoch> = names.filter_map(layout::epoch_of_pin).collect();
    let mut listed = Vec::new();
    for slot in recover::slots(files, &layout)?.into_iter().rev() {
        let manifest = match recover::read(files, &layout, slot) {
            Ok(found) => found,
            Err(Error::TooNew { file, version }) => Err(Rejected {
                file,
                epoch: None,
                reason: format!("it is written in form {version}, newer than this program"),
            }),
            Err(other) => return Err(other),
        };
        if manifest.is_err() && !files.exists(&layout.manifest(slot))? {
            continue;
        }
        let epoch = manifest.as_ref().ok().map(|manifest| manifest.epoch);
        let pinned = epoch.is_some_and(|epoch| pins.contains(&epoch));
        listed.push(Listed { manifest, pinned });
    }
    Ok(listed)
}
