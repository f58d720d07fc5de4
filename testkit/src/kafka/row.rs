//! `Row`: a record as the model keeps it, and as tests write and read it.
//!
//! Owns the bytes. Does not own a place: an offset is a partition's to give.

use whitebeam_io::kafka::client::{HeaderList, NewRecord};
use whitebeam_sdk::Timestamp;

/// A record without its place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its timestamp; `None` lets the cluster's clock say.
    pub timestamp: Option<Timestamp>,
    /// Names and values of its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Row {
    /// A record with a value and nothing else.
    pub fn of(value: impl Into<Vec<u8>>) -> Self {
        Row {
            value: Some(value.into()),
            ..Row::default()
        }
    }

    /// A record that says that its key is gone.
    pub fn tombstone(key: impl Into<Vec<u8>>) -> Self {
        Row::default().key(key)
    }

    /// With this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// With this timestamp.
    #[must_use]
    pub fn at(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// With one header more.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// What a producer sends; `None` if no record can have such a time. Kafka counts milliseconds.
    pub(super) fn sent(record: &NewRecord<'_>) -> Option<Self> {
        let millis = record.timestamp.map(|time| time.micros().div_euclid(1_000));
        let is_possible = millis.is_none_or(|millis| millis >= 0);
        is_possible.then(|| Row {
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            timestamp: millis.map(|millis| Timestamp::from_millis(millis.max(1))),
            headers: Vec::new(),
        })
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let bytes = |field: &Option<Vec<u8>>| field.as_ref().map_or(0, Vec::len);
        bytes(&self.key) + bytes(&self.value)
    }
}

impl HeaderList for Row {
    fn len(&self) -> usize {
        self.headers.len()
    }

    fn get(&self, i: usize) -> (&str, Option<&[u8]>) {
        let (name, value) = &self.headers[i];
        (name, value.as_deref())
    }
}

/// A record where it lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Its number in its partition.
    pub offset: u64,
    /// The term of the leader that took it.
    pub leader_epoch: i32,
    /// The record; its timestamp is never missing.
    pub row: Row,
}
