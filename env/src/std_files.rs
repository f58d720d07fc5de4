//! `StdFiles`: the file system of the machine.
//!
//! Owns the translation of [`Files`] into calls of the standard library, and nothing else: no
//! buffer, no retry.

use crate::real::wall_clock;
use crate::{Entry, FileError, Files, Readable, Result, Writable};
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The machine's own files.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdFiles;

impl StdFiles {
    /// The machine's own files.
    pub fn new() -> Self {
        StdFiles
    }
}

/// Names the operation and the path in an error.
fn during<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|source| FileError::new(action, path, source))
}

impl Files for StdFiles {
    fn create_new(&self, path: &Path) -> Result<Box<dyn Writable>> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        Ok(Box::new(StdWritable {
            file: during("create", path, file)?,
            path: path.to_owned(),
            len: 0,
        }))
    }

    fn open_append(&self, path: &Path) -> Result<Box<dyn Writable>> {
        let file = during("open", path, OpenOptions::new().append(true).open(path))?;
        let len = during("open", path, file.metadata())?.len();
        let path = path.to_owned();
        Ok(Box::new(StdWritable { file, path, len }))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Readable>> {
        Ok(Box::new(StdReadable {
            file: during("open", path, File::open(path))?,
            path: path.to_owned(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        during("rename to", to, fs::rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        during("link", to, fs::hard_link(from, to))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        during("remove", path, fs::remove_file(path))
    }

    fn truncate(&self, path: &Path, len: u64) -> Result<()> {
        let file = during("open", path, OpenOptions::new().write(true).open(path))?;
        during("truncate", path, file.set_len(len))?;
        during("sync", path, file.sync_all())
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        for item in during("list", dir, fs::read_dir(dir))? {
            let item = during("list", dir, item)?;
            let Ok(name) = item.file_name().into_string() else {
                continue;
            };
            match item.metadata() {
                Ok(metadata) => found.push(entry_of(name, &metadata)),
                // Removed since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(FileError::new("look at", &item.path(), error)),
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn create_dir_all(&self, dir: &Path) -> Result<()> {
        let missing: Vec<&Path> = dir.ancestors().take_while(|path| !path.exists()).collect();
        during("create", dir, fs::create_dir_all(dir))?;
        missing
            .into_iter()
            .try_for_each(|made| match made.parent() {
                Some(above) if above.as_os_str().is_empty() => self.sync_dir(Path::new(".")),
                Some(above) => self.sync_dir(above),
                None => Ok(()),
            })
    }

    fn remove_dir(&self, dir: &Path) -> Result<()> {
        during("remove", dir, fs::remove_dir(dir))
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        // Elsewhere a folder cannot be opened; its names are durable with their files.
        if cfg!(not(unix)) {
            return Ok(());
        }
        let folder = during("open", dir, File::open(dir))?;
        during("sync", dir, folder.sync_all())
    }

    fn entry(&self, path: &Path) -> Result<Option<Entry>> {
        let name = path.file_name().unwrap_or_default();
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(entry_of(name.to_string_lossy().into(), &metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::new("look at", path, error)),
        }
    }

    fn point(&self, label: &'static str) {
        crate::crash::reach(label);
    }
}

fn entry_of(name: String, metadata: &Metadata) -> Entry {
    Entry {
        name,
        len: metadata.len(),
        is_dir: metadata.is_dir(),
        modified: metadata.modified().map(wall_clock).unwrap_or_default(),
    }
}

#[derive(Debug)]
struct StdWritable {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Writable for StdWritable {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        during("write", &self.path, self.file.write_all(bytes))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        during("sync", &self.path, self.file.sync_all())
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn try_lock(&mut self) -> Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(FileError::new("lock", &self.path, error)),
        }
    }
}

#[derive(Debug)]
struct StdReadable {
    file: File,
    path: PathBuf,
}

impl Readable for StdReadable {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match positioned::read_at(&self.file, buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return during("read", &self.path, other),
            }
        }
    }

    fn len(&self) -> Result<u64> {
        Ok(during("look at", &self.path, self.file.metadata())?.len())
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

mod positioned {
    //! Reading at an offset: one call, named differently by system.

    use std::fs::File;
    use std::io;

    #[cfg(unix)]
    pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(file, buffer, offset)
    }

    #[cfg(windows)]
    pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
    }
}
