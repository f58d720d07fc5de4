//! An embedded log: topics, partitions and offsets in a folder; the unbounded source and sink where
//! no broker runs.
//!
//! Owns everything between the calls below and the files; knows no other transport. It reaches the
//! machine only through `whitebeam_env`, so that the same code runs on a simulated disk.
//!
//! # Writing
//!
//! - A topic has one writer at a time ([`Log::writer`], or a [`LogSink`]); a lock that the system
//!   releases with the process says who.
//! - What is appended together becomes visible together, in all partitions or in none, when it is
//!   durable. A sink's epoch is one such append and carries the epoch's identity: committing it
//!   again is recognised and changes nothing.
//! - Equal keys go to one partition, by a hash of the encoded key that never changes.
//! - Whole segments are removed by [`Retention`], oldest first.
//!
//! # Reading
//!
//! - Any number of processes read ([`LogSource`]) while one writes. Readers take no lock and never
//!   see an append that is torn, under way or not durable.
//! - They begin and end at a [`LogPlace`]; a record that retention removed before it was read is an
//!   error that names topic, partition and offsets.
//! - Every block of records is checked by its CRC-32C. What a crash left behind the end of the log
//!   is told from damage: damage is an error that names file and place.
//!
//! `format` says how it looks on the disk and why it can be relied on.

mod cursor;
mod draft;
mod error;
mod find;
mod format;
mod place;
mod segment;
mod sink;
mod source;
mod topic;
mod writer;

pub use draft::Message;
pub use format::LogRecord;
pub use place::LogPlace;
pub use sink::{LogSink, LogSinkWriter, StagedRecords};

pub use crate::key::{KeyBy, KeyOf, NoKey, partition_of_key};
pub use source::{
    ByRecord, ByValue, Decoded, DisorderedSource, EventTime, Fail, Keep, LogSource, LogSplit,
    OnError, OrderedSource, RecordTime, RecordTiming, Undecodable,
};
pub use writer::{LogWriter, Retention};

use crate::machine::Machine;
use std::fmt;
use std::path::PathBuf;
use topic::Topic;
use whitebeam_env::{Env, RealEnv};
use whitebeam_sdk::{Error, ErrorKind, Result};

/// A folder with topics.
///
/// ```
/// use whitebeam_io::log::{Log, LogPlace, Message};
/// # let folder = tempfile::tempdir().unwrap();
/// let log = Log::at(folder.path());
/// log.create_topic("orders", 1)?;
/// let mut writer = log.writer("orders")?;
/// writer.push(Message::of(b"six pieces"))?;
/// writer.flush()?;
/// assert_eq!(log.offsets("orders", &LogPlace::Latest)?, [1]);
/// # Ok::<(), whitebeam_sdk::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Log {
    folder: PathBuf,
    machine: Machine,
}

impl Log {
    /// The log in `folder`, which need not be there yet.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self::on(&RealEnv::new(), folder)
    }

    /// The log in a folder of this machine, such as a simulated one.
    pub fn on<E: Env>(env: &E, folder: impl Into<PathBuf>) -> Self {
        Log {
            folder: folder.into(),
            machine: Machine::of(env),
        }
    }

    /// Makes a topic. One that is there already must have as many partitions.
    pub fn create_topic(&self, topic: &str, partitions: u32) -> Result<()> {
        let found = self.topic(topic)?;
        if found.segments()?.is_empty() {
            LogWriter::create(&found, partitions)?;
        }
        let there = self.partitions(topic)?;
        if there == partitions {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Incompatible,
            format!("topic `{topic}` has {there} partitions, not {partitions}"),
        )
        .note("Nothing was changed.")
        .help("use it as it is, choose another name, or add partitions: LogWriter::grow"))
    }

    /// The names of all topics.
    pub fn topics(&self) -> Result<Vec<String>> {
        topic::topics(self.machine.files.as_ref(), &self.folder)
    }

    /// How many partitions a topic has.
    pub fn partitions(&self, topic: &str) -> Result<u32> {
        let header = self.topic(topic)?.header()?;
        Ok(header.start.partitions.len() as u32)
    }

    /// The offsets that `place` means now, one per partition.
    pub fn offsets(&self, topic: &str, place: &LogPlace) -> Result<Vec<u64>> {
        place::resolve(&self.topic(topic)?, place, &LogPlace::Earliest)
    }

    /// Opens a topic for writing; an error that names the holder if somebody else writes it.
    pub fn writer(&self, topic: &str) -> Result<LogWriter> {
        LogWriter::open(&self.topic(topic)?)
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        Topic::new(&self.machine, &self.folder, name)
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.folder.display().fmt(f)
    }
}

#[cfg(test)]
mod tests;
