//! `FileSink`: writes parts into a folder and makes them visible when their epoch is committed.
//!
//! Owns the settings and one run's state; `format` turns elements into bytes, `part` writes them,
//! `staging` keeps them out of sight, `commit` shows them. Invariant: nothing but whole parts of
//! committed epochs ever has a visible name.

mod commit;
mod format;
mod marker;
mod name;
mod part;
mod staging;

pub use format::{CsvFormat, FileFormat, JsonLinesFormat, TextFormat};
pub use name::StagedPart;

use super::compression::Compression;
use super::error;
use crate::machine::Machine;
use commit::Target;
use name::PartName;
use part::{Finished, Part};
use staging::Run;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_env::{Env, RealEnv};
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
///   without elements writes none. A batch run has the epoch 0; a streaming run has one per
///   checkpoint.
/// - Until its epoch is committed a part lies in a hidden folder within the target, so that globs
///   such as `DIR/*.csv` never see it. It is complete and on the disk before the commit begins.
/// - A commit gives parts their names one by one, since file systems name nothing together: readers
///   that look in between see some of them. When the program dies in between, committing the epoch
///   again finishes it. A hidden file `.PREFIX-EPOCH.committed`, written last, says that all are
///   there, and all of earlier epochs.
/// - A visible part is never changed: a run that goes on after a restart adds parts of later epochs.
/// - A folder that holds parts of another run is refused, since totals over a mixture would be
///   wrong; with [`overwrite`](Self::overwrite) they are replaced when this run's first epoch is
///   committed, and stay if it fails. A streaming run that begins with new checkpoints is refused a
///   folder that a run has committed to, since it could not tell after a restart what was its own.
/// - What runs that died have left behind is removed by later runs into the same folder; a lock
///   tells them from runs that are still at work.
#[derive(Debug)]
pub struct FileSink<F> {
    folder: PathBuf,
    prefix: String,
    format: F,
    compression: Compression,
    overwrite: bool,
    machine: Machine,
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
    /// The newest marker that is known of; those before it are removed.
    marked: Option<Epoch>,
    /// Nothing is left of runs that died.
    is_swept: bool,
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
            machine: Machine::of(&RealEnv::new()),
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

    /// Writes on this machine, such as a simulated one.
    #[must_use]
    pub fn on<E: Env>(mut self, env: &E) -> Self {
        self.machine = Machine::of(env);
        self
    }

    fn target(&self) -> Target<'_> {
        Target {
            files: self.machine.files.as_ref(),
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
        let run = Arc::new(Run::begin(&self.machine, &self.folder, &self.prefix)?);
        state.run = Some(Arc::clone(&run));
        Ok(run)
    }

    /// Removes what nobody needs any more, now that `epoch` is committed; `marker` if it has one.
    /// Best effort. Folders are listed only until nothing is left of runs that died.
    fn tidy(&self, state: &mut State, epoch: Epoch, marker: Option<Epoch>) {
        let target = self.target();
        let markers = match state.is_swept {
            true => state.marked.into_iter().collect(),
            false => target.marked().unwrap_or_default(),
        };
        let newest = markers.iter().max().copied().max(marker);
        for outdated in markers.into_iter().filter(|at| Some(*at) < newest) {
            target.outdate(outdated);
        }
        if !state.is_swept {
            let begun = target.begun().unwrap_or_default();
            let over = begun.into_iter().filter(|at| Some(*at) <= newest);
            over.for_each(|at| target.forget(at));
            state.is_swept = staging::sweep(target.files, &self.folder, &self.prefix, Some(epoch));
        }
        state.marked = newest;
        state.owns_visible = true;
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
        let target = self.target();
        let last = target.marked()?.into_iter().max();
        if let Some(epoch) = last {
            target.renew(epoch)?;
        }
        let mut state = self.state();
        state.owns_visible = last.is_some();
        state.marked = last;
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
        state.prepared.remove(&epoch);
        if staged.is_empty() && state.owns_visible {
            // Nothing is to be shown, and nothing to be replaced.
            self.tidy(&mut state, epoch, None);
            return Ok(Committed::Now);
        }
        let run = state.run.as_ref().map(|run| run.name());
        let committed = self
            .target()
            .commit(epoch, &staged, run, state.owns_visible)?;
        self.tidy(&mut state, epoch, Some(epoch));
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
        let Finished { bytes, crc } = part.finish(&self.run, &name)?;
        self.run.sync().map_err(|e| {
            error::unwritable(&self.run.target().to_string_lossy(), error::of_system(e))
        })?;
        self.run.files().point("file.staged");
        let run = self.run.name().to_owned();
        Ok(vec![StagedPart {
            run,
            name,
            bytes,
            crc,
        }])
    }
}

#[cfg(test)]
mod tests;
