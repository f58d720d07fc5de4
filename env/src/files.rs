//! `Files`: the part of a file system that durable protocols need, and no more.
//!
//! Owns the contract that a real disk and a simulated one both keep. What is promised:
//! bytes survive a crash once the file was synced, a name (new, renamed, removed) once its folder
//! was. What was not synced may survive, vanish or be torn. After a failed sync nothing is known
//! about the file: condemn it, never sync it again.

use crate::{FileError, Result, WallMicros};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file system as a handle.
pub type SharedFiles = Arc<dyn Files>;

/// A file system. All calls block; none takes longer than the disk.
pub trait Files: fmt::Debug + Send + Sync {
    /// Creates a file that must not exist yet.
    fn create_new(&self, path: &Path) -> Result<Box<dyn Writable>>;
    /// Opens an existing file to append.
    fn open_append(&self, path: &Path) -> Result<Box<dyn Writable>>;
    /// Opens an existing file to read. What others append later is seen.
    fn open(&self, path: &Path) -> Result<Box<dyn Readable>>;
    /// Moves a file; a file of that name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Gives a file a second name, unless the name is taken ([`FileError::is_taken`]): of several
    /// that try, one wins.
    fn link(&self, from: &Path, to: &Path) -> Result<()>;
    /// Takes a file's name away.
    fn remove(&self, path: &Path) -> Result<()>;
    /// Cuts a file; for torn tails.
    fn truncate(&self, path: &Path, len: u64) -> Result<()>;
    /// What lies in a folder, by name.
    fn list(&self, dir: &Path) -> Result<Vec<Entry>>;
    /// Makes a folder and those above it; what it made survives a crash.
    fn create_dir_all(&self, dir: &Path) -> Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, dir: &Path) -> Result<()>;
    /// Makes the names in a folder survive a crash.
    fn sync_dir(&self, dir: &Path) -> Result<()>;
    /// What is known of a file or folder; `None` where there is none.
    fn entry(&self, path: &Path) -> Result<Option<Entry>>;

    /// A labelled crash point of a protocol. Nothing in earnest, unless built with the feature
    /// `crash-points` and told by `WHITEBEAM_CRASH=label` or `label:n` to abort there, the n-th
    /// time. In simulation the machine may crash here by unwinding: hold nothing that a
    /// destructor would make durable.
    fn point(&self, label: &'static str) {
        let _ = label;
    }

    /// Moves a file unless the name is taken ([`FileError::is_taken`]). A crash may leave both
    /// names, never none and never another's file under the new one.
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.link(from, to)?;
        self.remove(from)
    }

    /// Whether there is a file or folder of that name.
    fn exists(&self, path: &Path) -> Result<bool> {
        Ok(self.entry(path)?.is_some())
    }

    /// A whole file, unless it is longer than `limit`: so that a damaged file cannot ask for all
    /// memory.
    fn read_all(&self, path: &Path, limit: u64) -> Result<Vec<u8>> {
        let file = self.open(path)?;
        let len = file.len()?;
        if len > limit {
            let reason = format!("{len} bytes, more than the {limit} expected");
            let source = io::Error::new(io::ErrorKind::InvalidData, reason);
            return Err(FileError::new("read", path, source));
        }
        // `usize` holds what is at most `limit` on 64-bit machines; elsewhere the read fails.
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        file.read_exact_at(0, &mut bytes)?;
        Ok(bytes)
    }
}

/// A file being written. Dropped without [`Writable::sync`], what was appended may be lost.
pub trait Writable: fmt::Debug + Send {
    /// Appends all of `bytes`. After an error the file may end in a part of them.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
    /// Makes what was appended survive a crash. The file's name is its folder's.
    fn sync(&mut self) -> Result<()>;
    /// How long the file is, as far as this writer knows.
    fn len(&self) -> u64;
    /// Whether nothing is in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Locks the file against other processes and other handles, until it is closed or the process
    /// ends. False when another holds it. Advisory: it hinders no other call. The lock goes with
    /// the file, not with its name.
    fn try_lock(&mut self) -> Result<bool>;
}

/// A file being read.
pub trait Readable: fmt::Debug + Send + Sync {
    /// Reads at most a buffer from `offset`; 0 at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize>;
    /// How long the file is now.
    fn len(&self) -> Result<u64>;
    /// Whether nothing is in it now.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
    /// The file's name, for errors.
    fn path(&self) -> &Path;

    /// Fills the buffer from `offset`; an error of kind `UnexpectedEof` when the file ends before.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(offset + filled as u64, &mut buffer[filled..])? {
                0 => {
                    let ended = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(FileError::new("read", self.path(), ended));
                }
                n => filled += n,
            }
        }
        Ok(())
    }
}

/// One name in a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The last part of the path. Names that are not UTF-8 are none of ours and not listed.
    pub name: String,
    /// Length in bytes; of no meaning for a folder.
    pub len: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// When it was last written, by the wall clock.
    pub modified: WallMicros,
}
