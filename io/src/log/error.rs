//! What can be wrong with a log, in words: what happened, to which topic, and what to do.
//!
//! Owns the wording only. Invariant: every text names the topic, and the partition and offset where
//! there is one.

use std::io;
use std::path::Path;
use whitebeam_env::FileError;
use whitebeam_sdk::{Error, ErrorKind};

/// A file of a log could not be read.
pub(super) fn unreadable(e: FileError) -> Error {
    let path = e.path().display().to_string();
    let error = match e.kind() {
        io::ErrorKind::NotFound => Error::unavailable(format!("{path}: there is no such file"))
            .note("It was there when the log was opened.")
            .help("let nothing but the log's own writer remove files of it"),
        io::ErrorKind::PermissionDenied => {
            Error::unavailable(format!("{path}: this user may not read it"))
                .help(format!("allow it, such as by `chmod -R a+rX '{path}'`"))
        }
        _ => Error::unavailable(format!("{path}: could not be read"))
            .help("see the cause, and whether the disk is there"),
    };
    error.caused_by(e)
}

/// A file of a log could not be written.
pub(super) fn unwritable(e: FileError) -> Error {
    let path = e.path().display().to_string();
    let error = if e.is_full() {
        Error::unavailable(format!("{path}: no space is left to write it"))
            .help("free some space, or let the log keep less: .retain(..)")
    } else if e.kind() == io::ErrorKind::PermissionDenied {
        Error::unavailable(format!("{path}: this user may not write it"))
            .help("choose another folder, or allow it, such as by `chmod u+w` on the folder")
    } else {
        Error::unavailable(format!("{path}: could not be written"))
            .help("see the cause, and whether the disk is there")
    };
    error.caused_by(e)
}

/// Bytes that were durable are not what was written.
pub(super) fn damaged(path: &Path, at: u64, what: &str) -> Error {
    Error::data(format!("{}: {what} at byte {at} is damaged", path.display()))
        .note("What was appended there was whole once: the disk, or something that wrote to the file, changed it.")
        .note("Nothing behind it is read, since records would be missing without a trace.")
        .help("restore the file from a copy, or begin behind it with a later offset")
}

/// There is no such topic.
pub(super) fn no_topic(log: &Path, topic: &str, others: &[String]) -> Error {
    let error = Error::unavailable(format!("{}: there is no topic `{topic}`", log.display()));
    if others.is_empty() {
        return error.help("this folder holds no topic at all: check the path");
    }
    error.help(format!("it has: {}", others.join(", ")))
}

/// There is no such partition.
pub(super) fn no_partition(topic: &str, partition: u32, partitions: u32) -> Error {
    Error::new(
        ErrorKind::InvalidPipeline,
        format!("topic `{topic}` has no partition {partition}"),
    )
    .help(format!(
        "its partitions are 0 to {}",
        partitions.saturating_sub(1)
    ))
}

/// Records that a reader needs were removed.
pub(super) fn overtaken(topic: &str, partition: u32, wanted: u64, earliest: u64) -> Error {
    let lost = earliest.saturating_sub(wanted);
    Error::new(
        ErrorKind::Unavailable,
        format!(
            "topic `{topic}`, partition {partition}: offset {wanted} is gone; the log begins at {earliest} now"
        ),
    )
    .with_code("L001")
    .note(format!("Retention removed {lost} records before they were read."))
    .help("let the log keep more, by bytes or by time: .retain(..)")
    .help(format!("or accept the loss and begin at offset {earliest} or at `earliest`, as a new run"))
}

/// The log ends before a place that was read already.
pub(super) fn shortened(topic: &str, partition: u32, wanted: u64, end: u64) -> Error {
    Error::new(
        ErrorKind::Incompatible,
        format!(
            "topic `{topic}`, partition {partition}: reading goes on at offset {wanted}, but the log ends at {end}"
        ),
    )
    .with_code("L002")
    .note("Records that were read once are not there any more: the log was cut or replaced.")
    .help("put the log back that was read, or begin anew with what is there")
}

/// The topic is not the one that was read before.
pub(super) fn replaced(topic: &str) -> Error {
    Error::new(
        ErrorKind::Incompatible,
        format!("topic `{topic}` was removed and made again since it was read last"),
    )
    .with_code("L003")
    .note("Its offsets name other records now.")
    .help("put the topic back that was read, or begin anew with this one")
}

/// Somebody else writes the topic.
pub(super) fn locked(topic: &str, holder: &str, is_me: bool) -> Error {
    let error = Error::unavailable(format!("topic `{topic}` is being written by {holder}"))
        .with_code("L004")
        .note("A topic has one writer at a time; any number of processes may read it meanwhile.");
    if is_me {
        return error.note("That is this very process.").help(
            "write a topic by one sink or writer: flatten collections before they are written",
        );
    }
    error.help("wait for it to end, or end it")
}

/// A name that cannot be a topic's or a sink's.
pub(super) fn bad_name(what: &str, name: &str) -> Error {
    Error::new(
        ErrorKind::InvalidPipeline,
        format!("`{name}` cannot be the name of a {what}"),
    )
    .help("use up to 100 letters, digits, `.`, `_` and `-`, not beginning with a dot")
}

/// A writer whose last append failed half way.
pub(super) fn broken(topic: &str) -> Error {
    Error::unavailable(format!(
        "topic `{topic}`: an append failed before, and what became of it is not known"
    ))
    .note("The writer has to look at the log again before it can go on.")
    .help("open the topic's writer anew; an epoch that is committed again is recognised")
}
