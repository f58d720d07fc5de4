//! What can be wrong with files, in words: what happened, to which path, and what to do.
//!
//! Owns the wording only. Invariant: every text names the path.

use std::io;
use whitebeam_env::FileError;
use whitebeam_sdk::Error;

/// What the system said, with what was tried.
pub(super) fn of_system(e: FileError) -> io::Error {
    io::Error::new(e.kind(), e)
}

/// A file or folder could not be read.
pub(super) fn unreadable(path: &str, e: io::Error) -> Error {
    use io::ErrorKind as Kind;
    let error = match e.kind() {
        Kind::NotFound => Error::unavailable(format!("{path}: there is no such file"))
            .help("check the path; a relative one begins at the folder that the program runs in"),
        Kind::PermissionDenied => Error::unavailable(format!("{path}: this user may not read it"))
            .help(format!("allow it, such as by `chmod a+rX '{path}'`"))
            .help("or run the pipeline as a user who may"),
        Kind::IsADirectory => directory(path),
        Kind::UnexpectedEof => Error::data(format!(
            "{path} is truncated: its compressed data ends in the middle"
        ))
        .note("Nothing that was read before the end was committed.")
        .help("fetch the file again, and compare its size with the original's"),
        // What a codec says has no error number of the system.
        Kind::InvalidData | Kind::InvalidInput | Kind::Other if e.raw_os_error().is_none() => {
            Error::data(format!(
            "{path} is damaged, or not compressed as expected"
        ))
        .help("fetch the file again")
        .help(
            "or, where the ending says the wrong codec, name it: .compression(Compression::Plain)",
        )
        }
        _ => Error::unavailable(format!("{path}: could not be read"))
            .help("see the cause, and whether the device or network is there"),
    };
    error.caused_by(e)
}

/// A folder stands where a file is wanted.
pub(super) fn directory(path: &str) -> Error {
    let path = path.trim_end_matches('/');
    Error::unavailable(format!("{path} is a directory, not a file"))
        .help(format!("name the files in it: '{path}/*'"))
}

/// A file has become shorter than it was when the splits were made.
pub(super) fn shrunk(path: &str, was: u64, is: u64) -> Error {
    Error::data(format!(
        "{path} changed while it was read: it had {was} bytes and now ends after {is}"
    ))
    .note("Records that the run has to read are gone, so its results would be wrong.")
    .help("run again, on files that nobody writes to")
}

/// A file or folder could not be written.
pub(super) fn unwritable(path: &str, e: io::Error) -> Error {
    use io::ErrorKind as Kind;
    let error = match e.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => {
            Error::unavailable(format!("{path}: no space is left to write it"))
                .help("free some space, or write to another device; then run again")
        }
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
            Error::unavailable(format!("{path}: this user may not write it"))
                .help("choose another folder, or allow it, such as by `chmod u+w` on the folder")
        }
        Kind::NotADirectory | Kind::AlreadyExists => Error::unavailable(format!(
            "{path}: something that is not a folder is in its place"
        ))
        .help("choose another folder"),
        _ => Error::unavailable(format!("{path}: could not be written"))
            .help("see the cause, and whether the device or network is there"),
    };
    error
        .caused_by(e)
        .note("Nothing of this output that was not visible before has become visible.")
}
