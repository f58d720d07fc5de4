//! Records that cannot be decoded: an error that ends the run, or an element like any other.
//!
//! Owns the choice between the two. Invariant: no undecodable record is passed over in silence, and
//! every record, decodable or not, moves the offset.

use serde::{Deserialize, Serialize};
use whitebeam_sdk::{Element, Error, Result};

/// A record of a topic: what it says, or why it says nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Decoded<T> {
    /// The record, decoded.
    Ok(T),
    /// The record as it stands, and what is wrong with it.
    Undecodable(Undecodable),
}

/// A record that could not be decoded, for a dead-letter output.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Undecodable {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its bytes.
    pub raw: Vec<u8>,
    /// What is wrong with it.
    pub error: String,
}

/// What becomes of records that cannot be decoded.
pub trait OnError<T: Element>: Copy + Send + Sync + 'static {
    /// What the source yields.
    type Out: Element;
    /// A decoded record.
    fn decoded(value: T) -> Self::Out;
    /// A record that `error` says is wrong.
    fn undecodable(error: Error, record: &RawRecord<'_>) -> Result<Self::Out>;
}

/// A record as it lies in a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Its bytes.
    pub value: &'a [u8],
}

/// The first undecodable record ends the run.
#[derive(Clone, Copy, Debug)]
pub struct Fail;

/// Undecodable records are elements.
#[derive(Clone, Copy, Debug)]
pub struct Keep;

impl<T: Element> OnError<T> for Fail {
    type Out = T;
    #[inline]
    fn decoded(value: T) -> T {
        value
    }
    #[cold]
    fn undecodable(error: Error, record: &RawRecord<'_>) -> Result<T> {
        let (topic, partition, offset) = (record.topic, record.partition, record.offset);
        Err(error
            .at_position(format!(
                "topic {topic} partition {partition} offset {offset}"
            ))
            .help("keep undecodable records as elements: .keep_undecodable()")
            .help("or begin behind it with a later offset"))
    }
}

impl<T: Element> OnError<T> for Keep {
    type Out = Decoded<T>;
    #[inline]
    fn decoded(value: T) -> Decoded<T> {
        Decoded::Ok(value)
    }
    #[cold]
    fn undecodable(error: Error, record: &RawRecord<'_>) -> Result<Decoded<T>> {
        Ok(Decoded::Undecodable(Undecodable {
            topic: record.topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
            key: record.key.map(<[u8]>::to_vec),
            raw: record.value.to_vec(),
            error: error.message().to_owned(),
        }))
    }
}
