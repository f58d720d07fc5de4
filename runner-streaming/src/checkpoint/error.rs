//! What can go wrong with a checkpoint directory, by what its reader does next.
//!
//! Owns the words. Whether a run ends, waits or tries again is the runner's.

use super::claim::Holder;
use super::manifest::Generation;
use super::recover::Rejected;
use std::fmt;
use std::path::{Path, PathBuf};
use whitebeam_env::FileError;
use whitebeam_sdk::sink::Epoch;

/// The code of errors that say that another instance has taken over.
pub const LOST_LEASE: &str = "R202";

/// A problem with a checkpoint directory.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be written or read. While running, this checkpoint failed and the next may
    /// succeed.
    File(FileError),
    /// Another instance runs on the directory.
    Held {
        /// The directory.
        dir: PathBuf,
        /// Who, where its claim could be read.
        holder: Option<Holder>,
        /// Its generation.
        generation: Generation,
    },
    /// Another instance has taken the directory over: this one must end.
    Fenced {
        /// The directory.
        dir: PathBuf,
        /// The instance that runs now, where its claim could be read.
        by: Option<Holder>,
        /// Its generation.
        generation: Generation,
        /// This instance's.
        own: Generation,
    },
    /// An earlier instance that was taken for dead has published the next checkpoint: this one must
    /// start again, from that checkpoint.
    Overtaken {
        /// The directory.
        dir: PathBuf,
        /// This instance's generation.
        own: Generation,
    },
    /// The claim on the directory is not there any more: the directory was removed or emptied.
    ClaimGone {
        /// The directory.
        dir: PathBuf,
        /// This instance's generation.
        own: Generation,
    },
    /// A finished file cannot be relied on, since the sync of its folder failed. What it holds is
    /// to be had again only from the last checkpoint.
    Lost {
        /// The file.
        file: PathBuf,
    },
    /// A checkpoint was linked, but nobody can tell whether it will survive: this instance must end,
    /// and the next goes on from it or from the one before.
    Doubtful {
        /// Its manifest.
        file: PathBuf,
        /// What came between.
        reason: String,
    },
    /// The directory is another pipeline's.
    OtherPipeline {
        /// The directory.
        dir: PathBuf,
        /// The pipeline it belongs to.
        found: String,
        /// The pipeline that was started.
        expected: String,
    },
    /// A file was written in a form that this version does not know.
    TooNew {
        /// The file.
        file: PathBuf,
        /// Its form's version.
        version: u32,
    },
    /// A file does not hold what was written to it.
    Damaged {
        /// The file.
        file: PathBuf,
        /// How that was seen.
        reason: String,
    },
    /// Outputs are visible that the newest usable checkpoint knows nothing of.
    Ahead {
        /// The directory.
        dir: PathBuf,
        /// The sink that is ahead most.
        sink: String,
        /// The last epoch that it has made visible.
        committed: Epoch,
        /// The epoch of the newest usable checkpoint, if there is one.
        newest: Option<Epoch>,
        /// Checkpoints that were newer, and why they cannot be used.
        rejected: Vec<Rejected>,
    },
    /// A call that breaks the protocol: a defect.
    Misused(&'static str),
}

impl Error {
    /// The instance must end: going on cannot help, or would do harm. Otherwise one attempt failed.
    pub fn is_final(&self) -> bool {
        !matches!(self, Error::File(_) | Error::Damaged { .. })
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Error::File(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File(error) => write!(f, "{error}"),
            Error::Held {
                dir,
                holder,
                generation,
            } => {
                write!(f, "another instance runs on {}: ", dir.display())?;
                named(f, holder.as_ref(), *generation)
            }
            Error::Fenced {
                dir,
                by,
                generation,
                own,
            } => {
                let dir = dir.display();
                write!(f, "{own} lost {dir} to another instance: ")?;
                named(f, by.as_ref(), *generation)
            }
            Error::Overtaken { dir, own } => overtaken(f, dir, *own),
            Error::ClaimGone { dir, own } => {
                write!(f, "the claim of {own} on {} has gone", dir.display())
            }
            Error::Lost { file } => {
                let file = file.display();
                write!(f, "{file} may be lost: its folder could not be synced")
            }
            Error::Doubtful { file, reason } => {
                let file = file.display();
                write!(f, "{file} may be a checkpoint or not: {reason}")
            }
            Error::OtherPipeline {
                dir,
                found,
                expected,
            } => {
                let dir = dir.display();
                write!(
                    f,
                    "{dir} belongs to pipeline `{found}`, not to `{expected}`"
                )
            }
            Error::TooNew { file, version } => {
                let file = file.display();
                write!(
                    f,
                    "{file} is written in form {version}, which is newer than this program"
                )
            }
            Error::Damaged { file, reason } => {
                write!(f, "{} is damaged: {reason}", file.display())
            }
            Error::Ahead {
                dir,
                sink,
                committed: Epoch(committed),
                newest,
                ..
            } => {
                write!(f, "sink `{sink}` has made epoch {committed} visible, but ")?;
                reach(f, dir, *newest)
            }
            Error::Misused(what) => f.write_str(what),
        }
    }
}

fn overtaken(f: &mut fmt::Formatter<'_>, dir: &Path, own: Generation) -> fmt::Result {
    let dir = dir.display();
    write!(
        f,
        "an instance before {own} has published the next checkpoint in {dir}"
    )
}

fn reach(f: &mut fmt::Formatter<'_>, dir: &Path, newest: Option<Epoch>) -> fmt::Result {
    let dir = dir.display();
    match newest {
        Some(Epoch(epoch)) => write!(f, "the newest usable checkpoint in {dir} is {epoch}"),
        None => write!(f, "{dir} holds no usable checkpoint"),
    }
}

fn named(
    f: &mut fmt::Formatter<'_>,
    holder: Option<&Holder>,
    generation: Generation,
) -> fmt::Result {
    match holder {
        Some(holder) => write!(f, "{holder}, {generation}"),
        None => write!(f, "{generation}"),
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::File(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}

impl From<Error> for whitebeam_sdk::Error {
    fn from(error: Error) -> Self {
        use whitebeam_sdk::{Error as Told, ErrorKind};
        let told = |kind| Told::new(kind, error.to_string());
        match &error {
            Error::File(cause) => {
                let told = told(ErrorKind::Unavailable).with_code("A002");
                if cause.is_full() {
                    return told.help("make room on the disk of --checkpoints, or name another");
                }
                told.help("see that the directory of --checkpoints is there and can be written")
            }
            Error::Held { .. } => told(ErrorKind::Unavailable)
                .with_code("R201")
                .note("A checkpoint directory has one running instance.")
                .help("stop that one first, or give this one a directory of its own with --checkpoints DIR"),
            Error::Fenced { .. } => told(ErrorKind::Unavailable)
                .with_code(LOST_LEASE)
                .note("It did not renew its lease in time, so another instance took over and goes on from the last checkpoint. Nothing was published or committed since.")
                .help("let the other one run; start this one again only after that one has ended"),
            Error::Overtaken { .. } => told(ErrorKind::Unavailable)
                .with_code(LOST_LEASE)
                .note("It had hung for longer than its lease. Nothing of this instance was published.")
                .help("start again: the run goes on from that checkpoint"),
            Error::ClaimGone { .. } => told(ErrorKind::Unavailable)
                .with_code("A002")
                .help("see who removes files under the directory of --checkpoints"),
            Error::Lost { .. } | Error::Doubtful { .. } => told(ErrorKind::Unavailable)
                .with_code("A002")
                .help("check the disk, then start again: the run goes on from the last checkpoint that is whole"),
            Error::OtherPipeline { .. } => told(ErrorKind::Incompatible)
                .with_code("R203")
                .help("name this pipeline's own directory with --checkpoints DIR"),
            Error::TooNew { .. } => told(ErrorKind::Incompatible)
                .with_code("R204")
                .help("use the version of Whitebeam that wrote it, or a later one"),
            Error::Damaged { .. } => told(ErrorKind::Unavailable)
                .with_code("R205")
                .help("check the disk; an older checkpoint is used where that is safe"),
            Error::Ahead { rejected, .. } => {
                let told = told(ErrorKind::Incompatible).with_code("R206");
                let told = rejected.iter().fold(told, |told, one| told.note(one.to_string()));
                told.note("Going on from there would write what was written since a second time.")
                    .help("restore the missing files, or accept repeated outputs with --allow-sink-rewind")
            }
            Error::Misused(_) => told(ErrorKind::Internal),
        }
    }
}
