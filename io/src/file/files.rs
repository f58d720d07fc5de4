//! `Files`: which files a source reads: paths, globs, and how they are compressed.
//!
//! Owns finding them. Invariant: what is found is sorted, each file once, and every name that finds
//! nothing is an error, never an empty input.

use super::compression::Compression;
use super::error;
use std::path::{Path, PathBuf};
use whitebeam_sdk::{Error, Result};

/// Files to read: a path, a glob such as `orders/2010-*.csv.gz`, or a list of both.
#[derive(Clone, Debug)]
pub struct Files {
    names: Vec<PathBuf>,
    compression: Option<Compression>,
}

/// A file that is there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) bytes: u64,
}

impl Files {
    fn named(names: impl IntoIterator<Item = PathBuf>) -> Self {
        Files {
            names: names.into_iter().collect(),
            compression: None,
        }
    }

    /// Reads all of them by this codec, whatever their endings say.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    pub(super) fn compression_of(&self, path: &str) -> Compression {
        self.compression.unwrap_or(Compression::of_path(path))
    }

    /// The names, for `explain`.
    pub(super) fn describe(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|n| n.to_string_lossy()).collect();
        names.join(", ")
    }

    /// All files, sorted; reports everything that is wrong with the names.
    pub(super) fn find(&self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut wrong = Vec::new();
        for name in &self.names {
            if let Err(e) = find_name(name, &mut found) {
                wrong.push(e);
            }
        }
        if self.names.is_empty() {
            wrong.push(Error::unavailable("no file is named").help("name at least one file"));
        }
        if let Some(e) = Error::all(wrong) {
            return Err(e);
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

fn find_name(name: &Path, found: &mut Vec<Found>) -> Result<()> {
    let text = utf8(name)?;
    match name.metadata() {
        Ok(meta) if meta.is_dir() => Err(error::directory(text)),
        Ok(meta) => {
            found.push(Found {
                path: text.to_owned(),
                bytes: meta.len(),
            });
            Ok(())
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && is_glob(text) => {
            find_glob(text, found)
        }
        Err(e) => Err(error::unreadable(text, e)),
    }
}

fn is_glob(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

fn find_glob(pattern: &str, found: &mut Vec<Found>) -> Result<()> {
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..glob::MatchOptions::default()
    };
    let paths = glob::glob_with(pattern, options).map_err(|e| {
        Error::unavailable(format!("`{pattern}` is neither a file nor a glob"))
            .caused_by(e)
            .help("in globs, write `[[]` for a bracket that is meant literally")
    })?;
    let before = found.len();
    for path in paths {
        let path = path.map_err(|e| {
            let folder = e.path().to_string_lossy().into_owned();
            error::unreadable(&folder, e.into())
        })?;
        let text = utf8(&path)?;
        let meta = path.metadata().map_err(|e| error::unreadable(text, e))?;
        if !meta.is_dir() {
            found.push(Found {
                path: text.to_owned(),
                bytes: meta.len(),
            });
        }
    }
    if found.len() == before {
        return Err(Error::unavailable(format!("no file matches `{pattern}`"))
            .note("An input without files is more often a wrong path than an empty input.")
            .help("check the pattern, and quote it in a shell: '…/*.csv'"));
    }
    Ok(())
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::unavailable(format!("the path {} is not UTF-8", path.display()))
            .help("rename the file")
    })
}

impl From<&str> for Files {
    fn from(name: &str) -> Self {
        Files::named([name.into()])
    }
}

impl From<&String> for Files {
    fn from(name: &String) -> Self {
        Files::named([name.into()])
    }
}

impl From<String> for Files {
    fn from(name: String) -> Self {
        Files::named([name.into()])
    }
}

impl From<&Path> for Files {
    fn from(name: &Path) -> Self {
        Files::named([name.into()])
    }
}

impl From<&PathBuf> for Files {
    fn from(name: &PathBuf) -> Self {
        Files::named([name.into()])
    }
}

impl From<PathBuf> for Files {
    fn from(name: PathBuf) -> Self {
        Files::named([name])
    }
}

impl<P: Into<PathBuf>> From<Vec<P>> for Files {
    fn from(names: Vec<P>) -> Self {
        Files::named(names.into_iter().map(Into::into))
    }
}
