//! What can be wrong with a topic that is read, in words: what happened, where, and what to do.
//!
//! Owns the wording only. Invariant: every text names the topic, and the partition and offset where
//! there is one.

use whitebeam_sdk::{Error, ErrorKind};

/// There is no such topic.
pub(super) fn no_topic(cluster: &str, topic: &str) -> Error {
    Error::unavailable(format!("there is no topic `{topic}` at {cluster}"))
        .with_code("K001")
        .help("create it, or check its name and the cluster's address")
}

/// Records that a reader needs were removed.
pub(super) fn overtaken(topic: &str, partition: u32, wanted: u64, first: u64) -> Error {
    let lost = first.saturating_sub(wanted);
    Error::unavailable(format!(
        "topic `{topic}`, partition {partition}: offset {wanted} is gone; it begins at {first} now"
    ))
    .with_code("K002")
    .note(format!(
        "Retention removed up to {lost} records before they were read."
    ))
    .help("let the topic keep more: retention.ms, retention.bytes")
    .help("or accept the loss, and hear of it: .on_data_loss(|gap| ..)")
}

/// The partition ends before a place that was read already.
pub(super) fn truncated(topic: &str, partition: u32, next: u64, end: u64) -> Error {
    Error::new(
        ErrorKind::Incompatible,
        format!(
            "topic `{topic}`, partition {partition}: reading goes on at offset {next}, but it ends at {end}"
        ),
    )
    .with_code("K003")
    .note("Records that were read once are not there any more: the topic was cut, by a leader that had lost them, or deleted and made again.")
    .help("put the records back, or begin anew with what is there")
}

/// Other records stand where records were read.
pub(super) fn replaced(topic: &str, partition: u32, offset: u64, how: &str) -> Error {
    Error::new(
        ErrorKind::Incompatible,
        format!("topic `{topic}`, partition {partition}: offset {offset} holds another record than the one that was read there"),
    )
    .with_code("K004")
    .note(format!("{how} The topic was deleted and made again, or cut and written anew."))
    .help("begin anew with this topic: its offsets name other records now")
}

/// A place to begin at that was never there.
pub(super) fn no_offset(topic: &str, partition: u32, wanted: u64, end: u64) -> Error {
    Error::new(
        ErrorKind::InvalidPipeline,
        format!(
            "topic `{topic}`, partition {partition}: there is no offset {wanted}, it ends at {end}"
        ),
    )
    .with_code("K005")
    .help("begin at `latest`, or at an offset up to the end")
}

/// There is no such partition.
pub(super) fn no_partition(topic: &str, partition: u32, partitions: u32) -> Error {
    let last = partitions.saturating_sub(1);
    Error::new(
        ErrorKind::InvalidPipeline,
        format!("topic `{topic}` has no partition {partition}"),
    )
    .with_code("K006")
    .help(format!("its partitions are 0 to {last}"))
}

/// Partitions that were read are not there any more.
pub(super) fn fewer_partitions(topic: &str, partition: u32, partitions: u32) -> Error {
    Error::new(
        ErrorKind::Incompatible,
        format!("topic `{topic}` has {partitions} partitions, and partition {partition} was read"),
    )
    .with_code("K004")
    .note("A topic never loses partitions: it was deleted and made again.")
    .help("begin anew with this topic: its offsets name other records now")
}

/// A record's time is needed, and it has none.
#[cold]
pub(super) fn no_time(topic: &str, partition: u32, offset: u64) -> Error {
    Error::data("a record has no timestamp")
        .at_position(format!(
            "topic {topic} partition {partition} offset {offset}"
        ))
        .note("It was written in a format of before 2016, which had none.")
        .help("take times from what the records say: .event_time(..)")
}

/// A position of something else.
pub(super) fn not_a_position(place: String, e: Error) -> Error {
    Error::new(
        ErrorKind::Incompatible,
        "a position is not one of this source",
    )
    .at_position(place)
    .caused_by(e)
}
