//! `FileSink`: writes parts into a folder and makes them visible when their epoch is committed.
//!
//! Owns the settings and one run's state; `format` turns elements into bytes, `part` writes them,
//! `staging` keeps them out of sight, `commit` shows them. Invariant: nothing but whole parts of
//! committed epochs ever has a visible name.

mod commit;
mod format;
mod name;
mod part;
mod staging;

pub use format::{CsvFormat, FileFormat, JsonLinesFormat, TextFormat};
pub use name::StagedPart;

use super::compression::Compression;
use super::error;
use commit::Target;
use name::PartName;
use part::Part;
use staging::Run;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::{Element, Result};

/// Writes elements as lines of text: any type that is `AsRef<str>`. An element that holds a line
/// break becomes two lines.
pub type TextSink = FileSink<TextFormat>;

/// Writes elements as CSV. Each part begins with a header: the field names of a struct, or those
/// given to [`FileSink::header`]. In a pipeline: `rows.write(CsvSink::new("out"))`; what a runner
/// then does is
///
/// ```
/// # use whitebeam_io::file::CsvSink;
/// # use whitebeam_sdk::sink::{Epoch, Shard, Sink, SinkWriter};
/// # use whitebeam_sdk::batch::Batch;
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path().join("out");
/// let sink = CsvSink::new(&folder).header(["country", "cents"]);
/// let mut writer = Sink::<(String, i64)>::open(&sink, Shard { index: 0, of: 1 })?;
/// writer.write(&Batch::of(vec![("Norway".to_owned(), 1_250)]))?;
/// let staged = SinkWriter::<(String, i64)>::stage(&mut writer, Epoch(0))?;
/// Sink::<(String, i64)>::commit(&sink, Epoch(0), staged)?;
/// let text = std::fs::read_to_string(folder.join("part-00000-00000.csv")).unwrap();
/// assert_eq!(text, "country,cents\nNorway,1250\n");
/// # Ok::<(), whitebeam_sdk::Error>(())
/// ```
pub type CsvSink = FileSink<CsvFormat>;

/// Writes elements as JSON, one per line.
pub type JsonLinesSink = FileSink<JsonLinesFormat>;

/// Writes parts into a folder, atomically.
///
/// - Parts are called `PREFIX-EPOCH-SHARD.ENDING`, such as `part-00000-00003.csv.gz`; a shard
///   without elements writes none.
/// - Until its epoch is committed a part lies in a hidden folder within the target, so that globs
///   such as `DIR/*.csv` never see it. It is complete and on the disk before the commit begins.
/// - A commit renames parts one by one, since file systems rename nothing together: readers that
///   look in between see some of them. When the program dies in between, committing the epoch
///   again finishes it. A hidden file `.PREFIX-EPOCH.committed`, written last, says that all are
///   there.
/// - A folder that holds parts of another run is refused, since totals over a mixture would be
///   wrong; with [`overwrite`](Self::overwrite) they are replaced when this run's first epoch is
///   committed, and stay if it fails.
/// - What runs that died have left behind is removed by later runs into the same folder; a lock
///   tells them from runs that are still at work.
#[derive(Debug)]
pub struct FileSink<F> {
    folder: PathBuf,
    prefix: String,
    format: F,
    compression: Compression,
    overwrite: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where this run stages; none before the first writer is opened.
    run: Option<Arc<Run>>,
    /// What is visible belongs to this run: it has committed, or it goes on after a restart.
    owns_visible: bool,
    /// Epochs that were prepared and not committed.
    prepared: BTreeSet<Epoch>,
}

impl<F: Default> FileSink<F> {
    /// Writes into `folder`, which is made if it is not there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        FileSink {
            folder: folder.into(),
            prefix: "part".to_owned(),
            format: F::default(),
            compression: Compression::Plain,
            overwrite: false,
            state: Mutex::default(),
        }
    }
}

impl<F> FileSink<F> {
    /// Begins the names of parts with this instead of `part`. Sinks with different prefixes may
    /// write into one folder.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Compresses the parts; their names get the codec's ending.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Replaces the parts of an earlier run when this one commits, instead of refusing to run.
    #[must_use]
    pub fn overwrite(mut self) -> Self {
        self.overwrite = true;
        self
    }

    fn target(&self) -> Target<'_> {
        Target {
            folder: &self.folder,
            prefix: &self.prefix,
            overwrite: self.overwrite,
        }
    }

    /// A writer that panicked leaves the state whole: it is changed in single assignments.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) -> Result<Arc<Run>> {
        let mut state = self.state();
        if let Some(run) = &state.run {
            return Ok(Arc::clone(run));
        }
        name::check_prefix(&self.prefix)?;
        let target = self.target();
        if !state.owns_visible {
            target.refuse_foreign()?;
        }
        let run = Arc::new(Run::begin(&self.folder, &self.prefix)?);
        state.run = Some(Arc::clone(&run));
        Ok(run)
    }
}

impl<T: Element, F: FileFormat<T>> Sink<T> for FileSink<F> {
    type Staged = StagedPart;
    type Writer = FileWriter<F>;

    fn open(&self, shard: Shard) -> Result<FileWriter<F>> {
        Ok(FileWriter {
            run: self.run()?,
            prefix: self.prefix.clone(),
            shard,
            format: self.format.clone(),
            compression: self.compression,
            part: None,
            encoded: Vec::new(),
        })
    }

    fn recover(&self) -> Result<Option<Epoch>> {
        let last = self.target().last_epoch()?;
        self.state().owns_visible = last.is_some();
        Ok(last)
    }

    fn prepare(&self, epoch: Epoch, staged: &[StagedPart]) -> Result<()> {
        let mut state = self.state();
        state.prepared.insert(epoch);
        let run = state.run.as_ref().map(|run| run.name());
        let owns_visible = state.owns_visible;
        self.target().prepare(epoch, staged, run, owns_visible)?;
        Ok(())
    }

    fn commit(&self, epoch: Epoch, staged: Vec<StagedPart>) -> Result<Committed> {
        let mut state = self.state();
        let run = state.run.as_ref().map(|run| run.name());
        let committed = self
            .target()
            .commit(epoch, &staged, run, state.owns_visible)?;
        state.owns_visible = true;
        state.prepared.remove(&epoch);
        staging::sweep(&self.folder, &self.prefix, Some(epoch));
        Ok(committed)
    }

    fn finish(&self) -> Result<()> {
        *self.state() = State::default();
        Ok(())
    }

    fn abort(&self) {
        let State { run, prepared, .. } = std::mem::take(&mut *self.state());
        prepared
            .iter()
            .for_each(|epoch| self.target().forget(*epoch));
        if let Some(run) = run {
            run.remove();
        }
    }

    fn describe(&self) -> String {
        let (folder, prefix) = (self.folder.display(), &self.prefix);
        let ending = self.format.ending();
        format!("{folder}/{prefix}-*{ending}{}", self.compression.ending())
    }
}

/// Writes the parts of one shard.
#[derive(Debug)]
pub struct FileWriter<F> {
    run: Arc<Run>,
    prefix: String,
    shard: Shard,
    format: F,
    compression: Compression,
    part: Option<Part>,
    encoded: Vec<u8>,
}

impl<T: Element, F: FileFormat<T>> SinkWriter<T> for FileWriter<F> {
    type Staged = StagedPart;

    fn write(&mut self, batch: &Batch<T>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let is_first = self.part.is_none();
        let part = match &mut self.part {
            Some(part) => part,
            None => {
                let part = Part::create(&self.run, self.shard, self.compression)?;
                self.part.insert(part)
            }
        };
        self.encoded.clear();
        self.format
            .encode(batch.values(), is_first, &mut self.encoded)?;
        part.write(&self.encoded)
    }

    fn stage(&mut self, epoch: Epoch) -> Result<Vec<StagedPart>> {
        let Some(part) = self.part.take() else {
            return Ok(Vec::new());
        };
        let name = PartName {
            epoch,
            shard: self.shard.index,
        };
        let ending = format!("{}{}", self.format.ending(), self.compression.ending());
        let name = name.of(&self.prefix, &ending);
        let bytes = part.finish(&self.run, &name)?;
        self.run
            .sync()
            .map_err(|e| error::unwritable(&self.run.target().to_string_lossy(), e))?;
        let run = self.run.name().to_owned();
        Ok(vec![StagedPart { run, name, bytes }])
    }
}

#[cfg(test)]
mod tests;
