//! `KafkaRecord`: a record with everything that Kafka says of it, as an element.
//!
//! Owns the copy only. Invariant: bytes are as they lie in the topic; nothing is decoded but the
//! value.

use crate::kafka::client::Record;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::Timestamp;

/// A record as an element: its value decoded, and what Kafka says of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KafkaRecord<V> {
    /// The partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its timestamp; `None` for records of formats without.
    pub timestamp: Option<Timestamp>,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its headers, in order; a name may come twice, and a header's value may be missing.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its value.
    pub value: V,
}

impl<V> KafkaRecord<V> {
    /// The record `value` was read from.
    pub fn new(record: &Record<'_>, value: V) -> Self {
        let headers = record.headers.iter();
        KafkaRecord {
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
                .collect(),
            value,
        }
    }

    /// Its key as text; `None` if there is none, or if it is not text.
    pub fn key_text(&self) -> Option<&str> {
        std::str::from_utf8(self.key.as_deref()?).ok()
    }

    /// The value of the last header of this name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut named = self.headers.iter().rev().filter(|(n, _)| n == name);
        named.next()?.1.as_deref()
    }
}
