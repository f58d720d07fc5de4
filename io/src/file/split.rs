//! `FileSplit`: a file or a byte range of one; how files are cut into splits, and positions.
//!
//! Owns the arithmetic of ranges. Does not know where records begin: each format does, by a rule
//! that depends on nothing but the bytes around a limit, so that two readers agree on it.

use super::compression::Compression;
use super::files::Files;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::source::{Position, Progress};
use whitebeam_sdk::{Error, ErrorKind, Result, element};

/// Smaller ranges than this are not worth opening a file for.
const MIN_RANGE: u64 = 1 << 20;

/// A file, or the records that begin in a byte range of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileSplit {
    pub(super) path: String,
    pub(super) compression: Compression,
    /// Offset in the text, after decompression.
    pub(super) start: u64,
    /// Offset in the text; `None` is the end of the file.
    pub(super) end: Option<u64>,
    /// Size of the file itself when it was found.
    pub(super) bytes: u64,
}

/// Whether plain files may be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    Ranges,
    WholeFiles,
}

/// Where a reader stands. The end is part of it: a reader that gave up its rest does not get it
/// back when it is opened again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) next: u64,
    pub(super) end: Option<u64>,
}

impl Place {
    pub(super) fn position(self) -> Position {
        let mut bytes = Vec::new();
        // Two numbers always have an encoding; were it empty, opening it would be refused.
        let _ = element::encode(&self, &mut bytes);
        Position(bytes)
    }
}

impl FileSplit {
    /// This split from `at` on.
    pub(super) fn resumed(mut self, at: Option<&Position>) -> Result<Self> {
        if let Some(position) = at {
            let mut bytes = position.0.as_slice();
            let place: Place = element::decode(&mut bytes).map_err(|e| {
                Error::new(
                    ErrorKind::Incompatible,
                    "a position is not one of this source",
                )
                .at_position(self.describe())
                .caused_by(e)
                .help("restore with the source that the snapshot was taken from, or start anew")
            })?;
            self.start = place.next;
            self.end = place.end;
        }
        Ok(self)
    }

    pub(super) fn is_plain(&self) -> bool {
        self.compression == Compression::Plain
    }

    pub(super) fn describe(&self) -> String {
        match self.end {
            None if self.start == 0 => self.path.clone(),
            Some(end) if self.start == 0 && self.is_plain() && end >= self.bytes => {
                self.path.clone()
            }
            None => format!("{} from byte {}", self.path, self.start),
            Some(end) => format!("{} bytes {}..{end}", self.path, self.start),
        }
    }

    /// Progress of a reader of this split that stands at `next` and read `consumed` bytes of the
    /// file.
    pub(super) fn progress(&self, next: u64, consumed: u64) -> Progress {
        if self.is_plain() {
            let end = self.end.unwrap_or(self.bytes);
            let done = next.min(end).saturating_sub(self.start);
            let total = Some(end.saturating_sub(self.start));
            Progress { done, total }
        } else {
            let done = consumed.min(self.bytes);
            let total = Some(self.bytes);
            Progress { done, total }
        }
    }
}

/// Where the rest of a range of bytes begins that is given up at `fraction` of it.
pub(super) fn fraction_of(next: u64, end: u64, fraction: f64) -> u64 {
    let left = end.saturating_sub(next);
    // The conversion saturates, and takes what is not a number for zero.
    let kept = (left as f64 * fraction) as u64;
    next + kept.min(left)
}

/// Finds the files and cuts them so that about `desired` splits come out.
pub(super) fn discover(
    files: &Files,
    known: &[FileSplit],
    desired: usize,
    cut: Cut,
    min_range: Option<u64>,
) -> Result<Vec<FileSplit>> {
    let mut found = files.find()?;
    found.retain(|file| !known.iter().any(|split| split.path == file.path));
    let total: u64 = found.iter().map(|file| file.bytes).sum();
    let range = (total / desired.max(1) as u64).max(min_range.unwrap_or(MIN_RANGE));
    let mut splits = Vec::new();
    for file in found {
        let compression = files.compression_of(&file.path);
        let plain = compression == Compression::Plain;
        let pieces = match cut {
            Cut::Ranges if plain => file.bytes.div_ceil(range.max(1)).max(1),
            _ => 1,
        };
        for piece in 0..pieces {
            let at = |n: u64| (u128::from(file.bytes) * u128::from(n) / u128::from(pieces)) as u64;
            splits.push(FileSplit {
                path: file.path.clone(),
                compression,
                start: at(piece),
                end: plain.then_some(at(piece + 1)),
                bytes: file.bytes,
            });
        }
    }
    Ok(splits)
}
