//! Records of topics, whoever carries them: what becomes of those that mean nothing, where their
//! times come from, and how decoded ones wait to be handed out.
//!
//! Owns what the sources of `log` and `kafka` have in common, and knows neither. Invariant: every
//! record moves the place where reading goes on, whether it means something or not.

mod decoded;
mod order;
mod timing;
mod waiting;

pub use decoded::{Decoded, Fail, Keep, OnError, RawRecord, Undecodable};
pub use order::{EventTime, RecordTime, Retimed};
pub use timing::{AsItIs, ByRecord, ByValue, RecordTiming};
pub(crate) use waiting::Waiting;

/// A part of a topic in words, for people.
pub(crate) fn described(topic: &str, partition: u32, start: u64, end: Option<u64>) -> String {
    match end {
        Some(end) => format!("topic {topic} partition {partition} offsets {start}..{end}"),
        None => format!("topic {topic} partition {partition} from offset {start}"),
    }
}
