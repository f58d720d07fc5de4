//! `Topic`: a folder with segments, and which of them belong to it.
//!
//! Owns names of files. Invariant: the segments of a topic are the longest row of consecutive
//! numbers that ends with the last one; what lies before a gap is what retention could not finish to
//! remove.

use super::error::{bad_name, no_topic, unreadable};
use super::format::{Index, SegmentHeader};
use super::segment::Segment;
use crate::machine::Machine;
use std::path::{Path, PathBuf};
use whitebeam_env::Files;
use whitebeam_sdk::{Error, Result};

/// No index is longer: it would not pay to read it.
const LONGEST_INDEX: u64 = 64 << 20;

#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) machine: Machine,
    log: PathBuf,
    pub(super) name: String,
}

impl Topic {
    /// A topic that may or may not be there.
    pub(super) fn new(machine: &Machine, log: &Path, name: &str) -> Result<Self> {
        check_name("topic", name)?;
        Ok(Topic {
            machine: machine.clone(),
            log: log.to_owned(),
            name: name.to_owned(),
        })
    }

    pub(super) fn files(&self) -> &dyn Files {
        self.machine.files.as_ref()
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.log.join(&self.name)
    }

    pub(super) fn segment_path(&self, number: u64) -> PathBuf {
        self.folder().join(format!("{number:020}.segment"))
    }

    pub(super) fn index_path(&self, number: u64) -> PathBuf {
        self.folder().join(format!("{number:020}.index"))
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        self.folder().join("writer.lock")
    }

    /// Where sinks put what is not committed yet.
    pub(super) fn staging(&self) -> PathBuf {
        self.folder().join("staging")
    }

    /// Every segment's number and length, in order; none if there is no such topic.
    pub(super) fn segments(&self) -> Result<Vec<(u64, u64)>> {
        let entries = match self.files().list(&self.folder()) {
            Ok(entries) => entries,
            Err(e) if e.is_not_found() => return Ok(Vec::new()),
            Err(e) => return Err(unreadable(e)),
        };
        let mut numbers: Vec<(u64, u64)> = entries
            .iter()
            .filter_map(|entry| Some((number_of(&entry.name, ".segment")?, entry.len)))
            .collect();
        numbers.sort_unstable();
        let gaps = numbers
            .windows(2)
            .rposition(|pair| pair[0].0 + 1 != pair[1].0);
        numbers.drain(..gaps.map_or(0, |gap| gap + 1));
        Ok(numbers)
    }

    /// The segments of a topic that has to be there.
    pub(super) fn existing(&self) -> Result<Vec<(u64, u64)>> {
        let segments = self.segments()?;
        if segments.is_empty() {
            let others = topics(self.files(), &self.log)?;
            return Err(no_topic(&self.log, &self.name, &others));
        }
        Ok(segments)
    }

    pub(super) fn open(&self, number: u64) -> Result<Option<Segment>> {
        Segment::open(self.files(), &self.segment_path(number), number)
    }

    /// Where the frames of segment `number` end, if another follows it.
    pub(super) fn sealed(&self, number: u64) -> Result<Option<u64>> {
        let next = self.open(number + 1)?;
        Ok(next.map(|next| next.header.previous_len))
    }

    /// The last segment, and the numbers of all.
    pub(super) fn last(&self) -> Result<(Segment, Vec<(u64, u64)>)> {
        // A segment may be added in between, or retention may remove what was listed.
        for _ in 0..ATTEMPTS {
            let segments = self.existing()?;
            if let Some(&(number, _)) = segments.last()
                && let Some(segment) = self.open(number)?
            {
                return Ok((segment, segments));
            }
        }
        Err(Error::unavailable(format!(
            "{}: segments vanish as soon as they are listed",
            self.folder().display()
        ))
        .help("see whether another program cleans the folder up"))
    }

    /// The header of the last segment.
    pub(super) fn header(&self) -> Result<SegmentHeader> {
        Ok(self.last()?.0.header)
    }

    /// The index of a segment, if it is there and whole.
    pub(super) fn index(&self, segment: &Segment) -> Option<Index> {
        let path = self.index_path(segment.number);
        let bytes = self.files().read_all(&path, LONGEST_INDEX).ok()?;
        Index::decode(&bytes).filter(|index| index.id == segment.header.id)
    }
}

/// How often a listing may be outdated before something else must be wrong.
const ATTEMPTS: usize = 100;

/// The number in a file's name with this ending.
pub(super) fn number_of(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending)?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

/// The names of all topics in a folder.
pub(super) fn topics(files: &dyn Files, log: &Path) -> Result<Vec<String>> {
    let entries = match files.list(log) {
        Ok(entries) => entries,
        Err(e) if e.is_not_found() => return Ok(Vec::new()),
        Err(e) => return Err(unreadable(e)),
    };
    let mut names = Vec::new();
    for entry in entries.into_iter().filter(|entry| entry.is_dir) {
        let inside = files.list(&log.join(&entry.name)).map_err(unreadable)?;
        let is_segment = |e: &whitebeam_env::Entry| number_of(&e.name, ".segment").is_some();
        if inside.iter().any(is_segment) {
            names.push(entry.name);
        }
    }
    Ok(names)
}

/// Names become names of folders and files.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let fine =
        (1..=100).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_plain);
    if fine {
        Ok(())
    } else {
        Err(bad_name(what, name))
    }
}
