//! `Run`: the hidden folder in which one run stages its parts, and what dead runs left behind.
//!
//! Owns the lock that tells runs that are at work from runs that died: the system releases it with
//! the process. Invariant: nothing of a run that holds its lock is touched, and a staged part of a
//! dead run is removed only when its epoch is committed, since the run that takes over may still
//! have to commit it.

use super::name::PartName;
use crate::file::error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use whitebeam_sdk::sink::{Epoch, Shard};
use whitebeam_sdk::{Error, Result};

/// Begins the names of parts that are not finished.
const UNFINISHED: &str = "unfinished-";
/// How often a folder may vanish under our hands before something else must be wrong.
const ATTEMPTS: usize = 100;

#[derive(Debug)]
pub(super) struct Run {
    target: PathBuf,
    path: PathBuf,
    name: String,
    /// Held while the run is at work. Where folders cannot be locked, none is ever taken for dead.
    _lock: Option<File>,
    parts: AtomicU64,
}

impl Run {
    /// Makes a hidden folder within `target`, and `target` itself if it is not there.
    pub(super) fn begin(target: &Path, prefix: &str) -> Result<Self> {
        let unwritable = |e| error::unwritable(&target.to_string_lossy(), e);
        fs::create_dir_all(target).map_err(unwritable)?;
        sweep(target, prefix, None);
        for _ in 0..ATTEMPTS {
            if let Some(run) = Self::try_begin(target, prefix).map_err(unwritable)? {
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
    fn try_begin(target: &Path, prefix: &str) -> io::Result<Option<Self>> {
        let folder = tempfile::Builder::new()
            .prefix(&hidden(prefix))
            .tempdir_in(target)?;
        let path = folder.keep();
        let lock = File::open(&path).ok();
        if let Some(lock) = &lock
            && lock.lock().is_ok()
            && !path.try_exists()?
        {
            return Ok(None);
        }
        let name = path.file_name().unwrap_or_default();
        Ok(Some(Run {
            target: target.to_owned(),
            name: name.to_string_lossy().into_owned(),
            path,
            _lock: lock,
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

    /// A new path for a part that is going to be written.
    pub(super) fn unfinished(&self, shard: Shard) -> PathBuf {
        let n = self.parts.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!("{UNFINISHED}{}-{n}", shard.index))
    }

    /// Brings the names of staged parts to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }

    /// Removes everything that this run staged.
    pub(super) fn remove(&self) {
        // Best effort: what stays is hidden, and removed by a later run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Fails, rightly, while parts lie there that may still be committed.
        let _ = fs::remove_dir(&self.path);
    }
}

fn hidden(prefix: &str) -> String {
    format!(".staging-{prefix}-")
}

/// Brings the names in a folder to the disk, where the system can.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Removes what dead runs left: parts that were not finished, and staged ones up to the epoch that
/// is committed. Best effort: what stays is hidden, and swept another time.
pub(super) fn sweep(target: &Path, prefix: &str, committed: Option<Epoch>) {
    for folder in names(target) {
        if folder.starts_with(&hidden(prefix)) {
            let path = target.join(folder);
            if let Ok(lock) = File::open(&path)
                && lock.try_lock().is_ok()
            {
                sweep_run(&path, prefix, committed);
            }
        }
    }
}

fn sweep_run(run: &Path, prefix: &str, committed: Option<Epoch>) {
    for name in names(run) {
        let epoch = PartName::parse(&name, prefix).map(|part| part.epoch);
        let is_over = matches!((epoch, committed), (Some(epoch), Some(last)) if epoch <= last);
        if is_over || name.starts_with(UNFINISHED) {
            let _ = fs::remove_file(run.join(name));
        }
    }
    let _ = fs::remove_dir(run);
}

/// The names in a folder; none if it cannot be read.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.collect()
}
