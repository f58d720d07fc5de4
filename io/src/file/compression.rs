//! `Compression`: which codec a file goes through, by its ending or by name.
//!
//! The only place that knows file endings of codecs.

use serde::{Deserialize, Serialize};

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    Plain,
    /// Gzip (`.gz`), with any number of members.
    Gzip,
    /// Zstandard (`.zst`), with any number of frames.
    Zstd,
}

impl Compression {
    /// What the ending of `path` says.
    pub fn of_path(path: &str) -> Self {
        let ending = path.rsplit('.').next().unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Compression::Gzip,
            "zst" | "zstd" => Compression::Zstd,
            _ => Compression::Plain,
        }
    }

    /// What is appended to the names of files that are written.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Compression::Plain => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }
}
