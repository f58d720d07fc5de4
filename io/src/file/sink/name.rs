//! Names of parts, and what the commit of a part has to know.
//!
//! Owns the form `PREFIX-EPOCH-SHARD.ENDING` in both directions. Invariant: the same epoch and shard
//! always have the same name, which is what makes a commit repeatable.

use serde::{Deserialize, Serialize};
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, ErrorKind, Result};

/// A part that is complete but not visible.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StagedPart {
    /// The hidden folder it lies in.
    pub(super) run: String,
    /// The name it has there and will have when it is visible.
    pub(super) name: String,
    /// Its size and checksum.
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

/// What a part's name says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PartName {
    pub(super) epoch: Epoch,
    pub(super) shard: u32,
}

impl PartName {
    pub(super) fn of(self, prefix: &str, ending: &str) -> String {
        format!("{prefix}-{:05}-{:05}{ending}", self.epoch.0, self.shard)
    }

    /// Reads a name with this prefix, whatever its ending.
    pub(super) fn parse(name: &str, prefix: &str) -> Option<Self> {
        let rest = name.strip_prefix(prefix)?.strip_prefix('-')?;
        let stem = rest.split('.').next()?;
        let (epoch, shard) = stem.split_once('-')?;
        Some(PartName {
            epoch: Epoch(number(epoch)?),
            shard: number(shard)?.try_into().ok()?,
        })
    }
}

/// The name of the file that says that an epoch is committed.
pub(super) fn marker(prefix: &str, epoch: Epoch) -> String {
    format!(".{prefix}-{:05}.committed", epoch.0)
}

/// The epoch of a file named by [`marker`].
pub(super) fn epoch_of_marker(name: &str, prefix: &str) -> Option<Epoch> {
    let rest = name.strip_prefix('.')?.strip_prefix(prefix)?;
    let epoch = rest.strip_prefix('-')?.strip_suffix(".committed")?;
    number(epoch).map(Epoch)
}

fn number(text: &str) -> Option<u64> {
    let digits = text.len() >= 5 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A prefix must not hide the parts or put them elsewhere.
pub(super) fn check_prefix(prefix: &str) -> Result<()> {
    let bad = prefix.is_empty() || prefix.starts_with('.') || prefix.contains(['/', '\\', '\0']);
    if !bad {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidPipeline,
        format!("`{prefix}` cannot begin the names of parts"),
    )
    .help("choose a prefix that is not empty, does not begin with a dot and holds no slash"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (epoch, shard) in [(0, 0), (3, 12), (123_456, 4_000_000_000)] {
            let epoch = Epoch(epoch);
            let name = PartName { epoch, shard }.of("a-b", ".csv.gz");
            let parsed = PartName::parse(&name, "a-b");
            assert_eq!(parsed, Some(PartName { epoch, shard }), "{name}");
            assert_eq!(PartName::parse(&name, "a"), None);
            let marker = marker("a-b", epoch);
            assert_eq!(epoch_of_marker(&marker, "a-b"), Some(epoch));
            assert_eq!(epoch_of_marker(&marker, "a"), None);
        }
        for name in [
            "part.csv",
            "part-00000.csv",
            "part-1-2.csv",
            "part-00000-0000x.csv",
            "",
        ] {
            assert_eq!(PartName::parse(name, "part"), None, "{name}");
        }
    }

    #[test]
    fn prefixes_that_hide_parts_are_refused() {
        for (prefix, fine) in [
            ("part", true),
            ("a b", true),
            ("", false),
            (".a", false),
            ("a/b", false),
        ] {
            assert_eq!(check_prefix(prefix).is_ok(), fine, "{prefix}");
        }
    }
}
