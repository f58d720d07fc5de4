//! Why a chore stopped.
//!
//! Owns the one error type of this crate and the exit code it turns into. It
//! never holds a success: a chore that found something returns `Err`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// The result of a chore or a part of one.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What went wrong, in the words printed to the terminal.
#[derive(Debug)]
pub(crate) enum Error {
    /// A process could not be started, or its output could not be read.
    Start {
        command: String,
        source: std::io::Error,
    },
    /// A process ran and said no.
    Command { command: String, status: ExitStatus },
    /// A file could not be read, written or removed.
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file or an answer does not have the form it should have.
    Form { what: String, reason: String },
    /// The chore did its work and its verdict is negative.
    Verdict(String),
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// For `map_err` on parsers.
    pub(crate) fn form<E: fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |reason| Self::Form {
            what,
            reason: reason.to_string(),
        }
    }

    /// The code of the failed process where there is one, else 1; never 0.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Command { status, .. } => status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .filter(|code| *code != 0)
                .unwrap_or(1),
            _ => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { command, source } => write!(f, "cannot run `{command}`: {source}"),
            Self::Command { command, status } => write!(f, "`{command}` ended with {status}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Form { what, reason } => write!(f, "{what}: {reason}"),
            Self::Verdict(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start { source, .. } | Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}
