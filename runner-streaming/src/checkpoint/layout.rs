//! Names in the directory: who is where, and back from a name to what it says.
//!
//! Owns every name. Numbers are padded so that folders sort by them; a name that does not parse is
//! none of ours and is left alone.

use super::manifest::Generation;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use whitebeam_sdk::hash::stable_hash;
use whitebeam_sdk::sink::Epoch;

/// The place of a checkpoint in the chain, counted without a gap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Slot(pub(crate) u64);

impl Slot {
    pub(crate) fn next(self) -> Slot {
        Slot(self.0 + 1)
    }
}

/// The longest part of a step's path that goes into a folder's name.
const NAME: usize = 120;

/// The directory's root.
#[derive(Clone, Debug)]
pub(crate) struct Layout(PathBuf);

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Layout(root.to_owned())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn claims(&self) -> PathBuf {
        self.0.join("gen")
    }

    pub(crate) fn claim(&self, Generation(generation): Generation) -> PathBuf {
        self.claims().join(format!("{generation:010}.claim"))
    }

    pub(crate) fn beat(&self, Generation(generation): Generation) -> PathBuf {
        self.claims().join(format!("{generation:010}.beat"))
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(crate) fn data_file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("wal")
    }

    /// The folder of a sink, whose name is the step's path made harmless.
    pub(crate) fn sink(&self, step: &str) -> PathBuf {
        self.logs().join(folder_of(step))
    }

    pub(crate) fn log(&self, step: &str, name: &str) -> PathBuf {
        self.sink(step).join(name)
    }

    pub(crate) fn note(&self, step: &str, Epoch(epoch): Epoch) -> PathBuf {
        self.sink(step).join(format!("{epoch:020}.committed"))
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.0.join("chk")
    }

    pub(crate) fn manifest(&self, Slot(slot): Slot) -> PathBuf {
        self.manifests().join(format!("{slot:020}.manifest"))
    }

    pub(crate) fn pins(&self) -> PathBuf {
        self.0.join("pins")
    }

    pub(crate) fn pin(&self, Epoch(epoch): Epoch) -> PathBuf {
        self.pins().join(format!("{epoch:020}"))
    }

    /// A name for a file that is not there yet, beside the one it will become.
    pub(crate) fn temporary(&self, folder: &Path, unique: u128) -> PathBuf {
        folder.join(format!("{unique:032x}.tmp"))
    }
}

pub(crate) fn data_name(Generation(generation): Generation, unique: u128) -> String {
    format!("{generation:010}-{unique:032x}.st")
}

pub(crate) fn log_name(
    Epoch(epoch): Epoch,
    Generation(generation): Generation,
    shard: u32,
    unique: u128,
) -> String {
    format!("{epoch:020}-{generation:010}-{shard:05}-{unique:032x}.log")
}

/// What a log's name says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LogName {
    pub(crate) epoch: Epoch,
    pub(crate) generation: Generation,
}

/// What a name in one of the folders says.
pub(crate) fn generation_of_claim(name: &str) -> Option<Generation> {
    Some(Generation(number(name.strip_suffix(".claim")?)?))
}

pub(crate) fn generation_of_beat(name: &str) -> Option<Generation> {
    Some(Generation(number(name.strip_suffix(".beat")?)?))
}

pub(crate) fn generation_of_data(name: &str) -> Option<Generation> {
    let (generation, unique) = name.strip_suffix(".st")?.split_once('-')?;
    is_unique(unique).then_some(Generation(number(generation)?))
}

pub(crate) fn log_named(name: &str) -> Option<LogName> {
    let mut parts = name.strip_suffix(".log")?.split('-');
    let (epoch, generation) = (
        Epoch(number(parts.next()?)?),
        Generation(number(parts.next()?)?),
    );
    number(parts.next()?)?;
    let whole = is_unique(parts.next()?) && parts.next().is_none();
    whole.then_some(LogName { epoch, generation })
}

pub(crate) fn epoch_of_note(name: &str) -> Option<Epoch> {
    Some(Epoch(number(name.strip_suffix(".committed")?)?))
}

pub(crate) fn epoch_of_pin(name: &str) -> Option<Epoch> {
    Some(Epoch(number(name)?))
}

pub(crate) fn slot_of_manifest(name: &str) -> Option<Slot> {
    Some(Slot(number(name.strip_suffix(".manifest")?)?))
}

pub(crate) fn is_temporary(name: &str) -> bool {
    name.strip_suffix(".tmp").is_some_and(is_unique)
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // The last number has no successor and so is none of ours.
    let number: u64 = digits.then(|| text.parse().ok()).flatten()?;
    (number < u64::MAX).then_some(number)
}

fn is_unique(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One folder per path, whatever characters stand in it and however long it is.
pub(crate) fn folder_of(step: &str) -> String {
    if step.is_empty() {
        return "%".to_owned();
    }
    let mut name = String::new();
    for byte in step.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if is_plain {
            name.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(name, "%{byte:02x}");
        }
    }
    if name.len() > NAME {
        name.truncate(NAME);
        let _ = write!(name, "+{:016x}", stable_hash(step));
    }
    name
}

/// The step that a folder is named for, as far as its name says: for people.
pub(crate) fn step_of(folder: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = folder.as_bytes();
    while let [first, tail @ ..] = rest {
        let coded = match (first, tail) {
            (b'%', [a, b, ..]) => std::str::from_utf8(&[*a, *b])
                .ok()
                .and_then(|text| u8::from_str_radix(text, 16).ok()),
            _ => None,
        };
        bytes.push(coded.unwrap_or(*first));
        rest = if coded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
