//! Apache Kafka: topics as unbounded and bounded inputs, and as outputs.
//!
//! `client` owns what the connector asks of a cluster, and librdkafka's side of it; `source` and
//! `sink` are the contracts of the SDK over it. Nothing but `client` knows which client it is, so
//! that the same source and sink run on a real cluster and on the test kit's model of one.
//! What is promised, and by what: `docs/guarantees.md`.

pub mod client;
mod cluster;
mod error;
mod sink;
mod source;

pub use crate::key::{KeyBy, KeyOf, NoKey, partition_of_key};
pub use crate::record::{
    ByRecord, ByValue, Decoded, Fail, Keep, OnError, RecordTiming, Undecodable,
};
pub use client::Record;
pub use cluster::Kafka;
pub use sink::{KafkaSink, KafkaSinkWriter, POINTS as SINK_POINTS, StagedRecords};
pub use source::{
    AsRecord, DisorderedSource, EventTime, Gap, KafkaPlace, KafkaRecord, KafkaSource, KafkaSplit,
    OrTombstone, OrderedSource, RecordTime, RecordsSource, ValueOf, WithRecord, Yields,
};
