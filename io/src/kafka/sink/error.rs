//! What can go wrong with a sink, in words.
//!
//! Owns the wording and the codes. Invariant: an error that waiting may cure is of kind
//! `Unavailable`, so that the runner asks again; no other is.

use super::marker::Marker;
use super::place::Place;
use crate::kafka::client::{ClientError, Failure};
use crate::kafka::error::failed;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, ErrorKind};

fn at(place: &Place) -> String {
    format!("topic `{}` at {}", place.topic, place.client.describe())
}

/// The cluster did not do it in time; it is asked again.
pub(super) fn unavailable(place: &Place, e: ClientError) -> Error {
    let is_late = matches!(e.failure, Failure::Fenced | Failure::Unknown);
    let mut error = failed(&place.client.describe(), &place.topic, e)
        .note("The epoch is kept in the checkpoint, and committed when the cluster takes it.");
    if is_late {
        error = error.help(
            "if this goes on although the brokers are well, sending an epoch takes longer than a transaction may: checkpoint more often, or raise transaction.max.timeout.ms of the brokers",
        );
    }
    error
}

/// The cluster will never do it.
pub(super) fn refused(place: &Place, e: ClientError) -> Error {
    if e.failure == Failure::TooLarge {
        return too_large(&at(place), None, None).caused_by(e);
    }
    Error::data(format!("{}: {}", at(place), e.action)).caused_by(e)
}

/// Somebody has taken the sink over.
pub(super) fn another_instance(place: &Place, marker: &Marker) -> Error {
    let message = format!(
        "{}: another instance has taken over the sink `{}`; this one ends",
        at(place),
        marker.sink
    );
    Error::new(ErrorKind::Incompatible, message)
        .with_code("K201")
        .note("Nothing of this instance became visible since.")
        .help("let the other one run; pipelines that run side by side need different names in .exactly_once(..)")
}

/// The progress topic says less than it has said.
pub(super) fn lost_marker(place: &Place, known: Option<u64>, found: Option<&Marker>) -> Error {
    let said = |epoch: Option<u64>| match epoch {
        Some(epoch) => format!("epoch {epoch}"),
        None => "no epoch".to_owned(),
    };
    let found = match found {
        Some(marker) => format!("says that {} is the last", said(marker.epoch)),
        None => "says nothing of it".to_owned(),
    };
    let message = format!(
        "{}: the progress topic `{}` {found}, but {} was committed by the sink `{}`",
        at(place),
        place.progress,
        said(known),
        place.id
    );
    Error::new(ErrorKind::Incompatible, message)
        .with_code("K202")
        .note("The progress topic was deleted, or its records were, or it is another cluster's, or another one was named before.")
        .note("Without it nobody knows whether the output of this epoch is visible: it would be lost, or there twice.")
        .help("restore the progress topic, or name that of before in .progress_topic(..); or begin anew with another checkpoint directory and another name in .exactly_once(..)")
}

/// An epoch was committed with other records.
pub(super) fn other_content(place: &Place, Epoch(epoch): Epoch) -> Error {
    let message = format!(
        "{}: epoch {epoch} was committed with other records by the sink `{}`",
        at(place),
        place.id
    );
    Error::new(ErrorKind::Incompatible, message)
        .with_code("K201")
        .help("give each pipeline its own name in .exactly_once(..)")
}

/// What is committed cannot be read yet.
pub(super) fn held_back(place: &Place, topic: &str, partition: u32, at: u64) -> Error {
    let message = format!(
        "topic `{topic}` at {}: partition {partition} cannot be read past offset {at}: a transaction of somebody else is open there",
        place.client.describe()
    );
    Error::unavailable(message)
        .note("What this sink wrote is committed; it is kept in the checkpoint until it can be read.")
        .help("it ends by itself when its transaction times out; `kafka-transactions.sh find-hanging` finds one that does not")
}

/// A record is larger than it may be.
pub(super) fn too_large(topic: &str, key: Option<&[u8]>, size: Option<(usize, usize)>) -> Error {
    let size = size.map_or(String::new(), |(size, most)| {
        format!(" of {size} bytes, where {most} are allowed,")
    });
    let key = match key {
        Some(key) => format!("the record of key {}", shown(key)),
        None => "a record without key".to_owned(),
    };
    Error::data(format!("{topic}: {key}{size} is too large"))
        .with_code("K203")
        .help("write smaller records; or raise max.message.bytes of the topic, message.max.bytes of the client, and .max_record_bytes(..)")
}

/// A key as people read it, not all of a long one.
fn shown(key: &[u8]) -> String {
    let text = String::from_utf8_lossy(&key[..key.len().min(64)]);
    let dots = if key.len() > 64 { ".." } else { "" };
    format!("`{}{dots}`", text.escape_debug())
}

/// Records that were sent at once are lost.
pub(super) fn undelivered(place: &str, e: ClientError) -> Error {
    if e.failure == Failure::TooLarge {
        return too_large(place, None, None).caused_by(e);
    }
    Error::new(
        ErrorKind::Data,
        format!("{place}: records were not delivered"),
    )
    .with_code("K204")
    .note("No checkpoint is published without them: a new run writes them again.")
    .help("start again when the cluster is well")
    .caused_by(e)
}
