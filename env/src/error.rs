//! `FileError`: what was done to which file, and what the system said.
//!
//! Owns no policy: who retries and what is condemned is the caller's.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = FileError> = std::result::Result<T, E>;

/// A file operation that failed.
#[derive(Debug)]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// `action` is a verb that reads before a path, such as `sync`.
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        FileError {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// What the system said, by kind.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// What was tried.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// Which file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// There is no such file or folder.
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }

    /// The name is taken.
    pub fn is_taken(&self) -> bool {
        self.kind() == io::ErrorKind::AlreadyExists
    }

    /// The disk, or the share of it that is ours, is full.
    pub fn is_full(&self) -> bool {
        matches!(
            self.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (action, path) = (self.action, self.path.display());
        write!(f, "cannot {action} {path}: {}", self.source)
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
