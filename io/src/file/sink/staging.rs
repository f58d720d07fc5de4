//! `Run`: the hidden folder in which one run stages its parts, and what dead runs left behind.
//!
//! Owns the lock that tells runs that are at work from runs that died: the system releases it with
//! the process. Invariant: nothing of a run that holds its lock is touched, and a staged part of a
//! dead run is removed only when its epoch is committed, since the run that takes over may still
//! have to commit it.

use super::name::PartName;
use crate::file::error;
use crate::machine::Machine;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use whitebeam_env::{Files, Writable};
use whitebeam_sdk::sink::{Epoch, Shard};
use whitebeam_sdk::{Error, Result};

/// Begins the names of parts that are not finished.
const UNFINISHED: &str = "unfinished-";
/// The file within a hidden folder that its run has locked.
const LOCK: &str = "lock";
/// How often a folder may vanish under our hands before something else must be wrong.
const ATTEMPTS: usize = 100;

#[derive(Debug)]
pub(super) struct Run {
    machine: Machine,
    target: PathBuf,
    path: PathBuf,
    name: String,
    /// Held while the run is at work. Where files cannot be locked, no run is ever taken for dead.
    _lock: Mutex<Box<dyn Writable>>,
    parts: AtomicU64,
}

impl Run {
    /// Makes a hidden folder within `target`, and `target` itself if it is not there.
    pub(super) fn begin(machine: &Machine, target: &Path, prefix: &str) -> Result<Self> {
        let files = machine.files.as_ref();
        let unwritable = |e| error::unwritable(&target.to_string_lossy(), error::of_system(e));
        files.create_dir_all(target).map_err(unwritable)?;
        sweep(files, target, prefix, None);
        for _ in 0..ATTEMPTS {
            if let Some(run) = Self::try_begin(machine, target, prefix).map_err(unwritable)? {
                return Ok(run);
            }
        }
        Err(Error::unavailable(format!(
            "{}: folders made in it vanish at once",
            target.display()
        ))
        .help("see whether another program cleans the folder up"))
    }

    /// None if another run took the new folder for a dead one before it was locked.
    fn try_begin(
        machine: &Machine,
        target: &Path,
        prefix: &str,
    ) -> whitebeam_env::Result<Option<Self>> {
        let files = machine.files.as_ref();
        let name = format!("{}{:032x}", hidden(prefix), machine.unique());
        let path = target.join(&name);
        files.create_dir_all(&path)?;
        let mut lock = match files.create_new(&path.join(LOCK)) {
            Err(e) if e.is_not_found() => return Ok(None),
            made => made?,
        };
        if matches!(lock.try_lock(), Ok(false)) || !files.exists(&path.join(LOCK))? {
            return Ok(None);
        }
        // Whatever survives a power cut here, the lock does: without it nobody would dare to sweep.
        files.sync_dir(&path)?;
        Ok(Some(Run {
            machine: machine.clone(),
            target: target.to_owned(),
            path,
            name,
            _lock: Mutex::new(lock),
            parts: AtomicU64::new(0),
        }))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    pub(super) fn files(&self) -> &dyn Files {
        self.machine.files.as_ref()
    }

    /// A new path for a part that is going to be written.
    pub(super) fn unfinished(&self, shard: Shard) -> PathBuf {
        let n = self.parts.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!("{UNFINISHED}{}-{n}", shard.index))
    }

    /// Brings the names of staged parts to the disk.
    pub(super) fn sync(&self) -> whitebeam_env::Result<()> {
        self.files().sync_dir(&self.path)
    }

    /// Removes everything that this run staged.
    pub(super) fn remove(&self) {
        // Best effort: what stays is hidden, and removed by a later run.
        let mut staged = names(self.files(), &self.path);
        staged.retain(|name| name != LOCK);
        for name in staged {
            let _ = self.files().remove(&self.path.join(name));
        }
        let _ = remove_empty(self.files(), &self.path);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Not while parts lie there that may still be committed.
        if names(self.files(), &self.path) == [LOCK] {
            self.remove();
        }
    }
}

fn hidden(prefix: &str) -> String {
    format!(".staging-{prefix}-")
}

/// Removes what dead runs left: parts that were not finished, and staged ones up to the epoch that
/// is committed. Best effort: what stays is hidden, and swept another time. True if nothing stayed
/// but folders of runs that are at work.
pub(super) fn sweep(
    files: &dyn Files,
    target: &Path,
    prefix: &str,
    committed: Option<Epoch>,
) -> bool {
    let mut is_clean = true;
    for (run, _lock) in dead(files, target, prefix) {
        is_clean &= sweep_run(files, &run, prefix, committed);
    }
    is_clean
}

/// The parts that dead runs have staged.
pub(super) fn left_behind(files: &dyn Files, target: &Path, prefix: &str) -> Vec<String> {
    let dead = dead(files, target, prefix);
    dead.flat_map(|(run, _lock)| names(files, &run)).collect()
}

/// The hidden folders of runs that died, each with the lock that its run held.
fn dead(
    files: &dyn Files,
    target: &Path,
    prefix: &str,
) -> impl Iterator<Item = (PathBuf, Box<dyn Writable>)> {
    let mut runs = names(files, target);
    runs.retain(|name| name.starts_with(&hidden(prefix)));
    runs.into_iter().filter_map(move |run| {
        let path = target.join(run);
        match files.open_append(&path.join(LOCK)) {
            Ok(mut lock) => matches!(lock.try_lock(), Ok(true)).then_some((path, lock)),
            Err(e) => {
                if e.is_not_found() {
                    // Another run is beginning there, or ended amid beginning or sweeping.
                    let _ = files.remove_dir(&path);
                }
                None
            }
        }
    })
}

fn sweep_run(files: &dyn Files, run: &Path, prefix: &str, committed: Option<Epoch>) -> bool {
    let mut is_empty = true;
    for name in names(files, run).iter().filter(|name| *name != LOCK) {
        let epoch = PartName::parse(name, prefix).map(|part| part.epoch);
        let is_over = matches!((epoch, committed), (Some(epoch), Some(last)) if epoch <= last);
        let is_removed =
            (is_over || name.starts_with(UNFINISHED)) && files.remove(&run.join(name)).is_ok();
        is_empty &= is_removed;
    }
    is_empty && remove_empty(files, run)
}

/// The lock goes when it is certain that nothing else is left: without it nobody would dare to
/// sweep the rest.
fn remove_empty(files: &dyn Files, run: &Path) -> bool {
    files.sync_dir(run).is_ok()
        && files.remove(&run.join(LOCK)).is_ok()
        && files.remove_dir(run).is_ok()
}

/// The names in a folder; none if it cannot be read.
fn names(files: &dyn Files, folder: &Path) -> Vec<String> {
    let entries = files.list(folder).unwrap_or_default();
    entries.into_iter().map(|entry| entry.name).collect()
}
