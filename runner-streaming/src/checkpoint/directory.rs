//! `Directory`: the handle of the one instance that owns a checkpoint directory.
//!
//! Owns opening and the files that state and staged outputs are written to. Publication, recovery
//! and retention are in modules of their own. All calls block on the disk; threads may share the
//! handle.

use super::Result;
use super::book::Shared;
use super::claim::Claim;
use super::data::{self, DataReader, DataWriter};
use super::error::Error;
use super::frame::FrameWriter;
use super::layout::{self, Layout};
use super::log::{self, LogReader, LogWriter};
use super::manifest::{DataFile, Generation, LogFile, Owed};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use whitebeam_env::{Env, SharedFiles};
use whitebeam_sdk::hash::KeyGroup;
use whitebeam_sdk::sink::Epoch;

/// How a directory is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whose directory it is: the same for every run of a pipeline, unlike any other's.
    pub pipeline: String,
    /// How long an instance that gives no sign of life is taken for alive.
    pub lease: Duration,
    /// How many checkpoints are kept; at least one.
    pub retain: usize,
}

impl Settings {
    /// The defaults: a lease of 10 s, three checkpoints.
    pub fn of(pipeline: impl Into<String>) -> Self {
        Settings {
            pipeline: pipeline.into(),
            lease: Duration::from_secs(10),
            retain: 3,
        }
    }
}

/// A checkpoint directory that this process has claimed.
#[derive(Debug)]
pub struct Directory<E: Env> {
    pub(crate) env: E,
    pub(crate) files: SharedFiles,
    pub(crate) layout: Layout,
    pub(crate) settings: Settings,
    pub(crate) claim: Claim,
    pub(crate) book: Shared,
    /// Held while checkpoints come or go.
    turn: Mutex<()>,
}

impl<E: Env> Directory<E> {
    /// Claims a directory, which is made if it is not there. Nothing in it is changed when it is
    /// another pipeline's or another instance runs on it. Call [`Directory::recover`] next.
    pub fn open(env: E, root: &Path, settings: Settings) -> Result<Self> {
        let files = env.files();
        let layout = Layout::new(root);
        for folder in [
            layout.claims(),
            layout.data(),
            layout.logs(),
            layout.manifests(),
            layout.pins(),
        ] {
            files.create_dir_all(&folder)?;
        }
        let floor = super::recover::owner(&files, &layout, &settings.pipeline)?;
        let claim = Claim::take(&env, &layout, &settings.pipeline, settings.lease, floor)?;
        let directory = Directory {
            env,
            files,
            layout,
            settings,
            claim,
            book: Shared::default(),
            turn: Mutex::new(()),
        };
        // Or they would pile up where no run gets as far as to its first checkpoint.
        directory.sweep_claims()?;
        Ok(directory)
    }

    /// This instance's number.
    pub fn generation(&self) -> Generation {
        self.claim.generation
    }

    /// The root.
    pub fn path(&self) -> &Path {
        self.layout.root()
    }

    /// Renews the lease when it is time. To be called often: it does nothing in between. An error
    /// means that the instance must end, or that the directory cannot be read.
    pub fn heartbeat(&self) -> Result<()> {
        self.claim.beat(&self.env)
    }

    /// An error when another instance has taken over. Ask before anything that others see.
    pub fn confirm(&self) -> Result<()> {
        self.claim.confirm()
    }

    /// A new state file for a checkpoint that is being taken.
    pub fn data_writer(&self, epoch: Epoch) -> Result<DataWriter> {
        let name = layout::data_name(self.claim.generation, self.env.unique());
        let path = self.layout.data_file(&name);
        let ticket = self.book.ticket(path.clone(), epoch);
        let files = self.files.clone();
        let frames = FrameWriter::create(files, &path, data::MAGIC, data::VERSION, ticket)?;
        Ok(DataWriter::new(name, frames))
    }

    /// A new log for what a shard of a sink stages in an epoch.
    pub fn log_writer(&self, sink: &str, epoch: Epoch, shard: u32) -> Result<LogWriter> {
        self.make_sink(sink)?;
        let name = layout::log_name(epoch, self.claim.generation, shard, self.env.unique());
        let path = self.layout.log(sink, &name);
        let ticket = self.book.ticket(path.clone(), epoch);
        let files = self.files.clone();
        let frames = FrameWriter::create(files, &path, log::MAGIC, log::VERSION, ticket)?;
        Ok(LogWriter::new(name, frames))
    }

    /// Makes a sink's folder, though never the directory itself: one that was removed while the
    /// job ran must be noticed.
    pub(crate) fn make_sink(&self, sink: &str) -> Result<()> {
        let folder = self.layout.sink(sink);
        if self.files.exists(&folder)? {
            return Ok(());
        }
        self.files.list(&self.layout.logs())?;
        Ok(self.files.create_dir_all(&folder)?)
    }

    /// Reads a state file that a checkpoint names: the frames for which `wanted` says yes, asked
    /// once per span.
    pub fn read_data(
        &self,
        file: &DataFile,
        wanted: impl Fn(Option<KeyGroup>) -> bool,
    ) -> Result<DataReader> {
        let path = self.layout.data_file(&file.name);
        DataReader::open(&self.files, &path, file, wanted)
    }

    /// Reads a log of a sink.
    pub fn read_log(&self, sink: &str, log: &LogFile) -> Result<LogReader> {
        LogReader::open(&self.files, &self.layout.log(sink, &log.name), log)
    }

    /// All records that a sink is owed for one epoch.
    pub fn read_owed(&self, owed: &Owed) -> Result<Vec<Vec<u8>>> {
        self.or_fenced(self.records(owed))
    }

    /// A file that another instance has removed is that one's doing, not the disk's.
    pub(crate) fn or_fenced<T>(&self, outcome: Result<T>) -> Result<T> {
        match outcome {
            Err(error) if !error.is_final() => {
                let fenced = self.confirm().err().filter(Error::is_final);
                Err(fenced.unwrap_or(error))
            }
            other => other,
        }
    }

    fn records(&self, owed: &Owed) -> Result<Vec<Vec<u8>>> {
        let mut records = Vec::new();
        for log in &owed.logs {
            let mut reader = self.read_log(&owed.sink, log)?;
            while let Some(record) = reader.next_record()? {
                records.push(record);
            }
        }
        Ok(records)
    }

    /// What sinks have staged in published checkpoints and not committed, in order.
    pub fn owed(&self) -> Vec<Owed> {
        self.book.open().owed.clone()
    }

    /// A state file that no checkpoint will name.
    pub fn discard(&self, file: &DataFile) {
        self.discard_path(&self.layout.data_file(&file.name));
    }

    /// A log that no checkpoint will name.
    pub fn discard_log(&self, sink: &str, log: &LogFile) {
        self.discard_path(&self.layout.log(sink, &log.name));
    }

    fn discard_path(&self, path: &Path) {
        let mut book = self.book.open();
        if book.is_pending(path) {
            book.condemn(path);
        }
    }

    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the claim: the next instance can start at once.
    pub fn close(self) {
        drop(self);
    }

    pub(crate) fn lost(&self, path: &Path) -> Error {
        Error::Lost {
            file: path.to_owned(),
        }
    }
}
