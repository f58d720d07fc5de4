//! `LogPlace`: where to begin or to stop reading, in words of the user; and the offsets that it
//! means now.
//!
//! Owns the meaning of every form. Invariant: nothing at or behind a time is missed by whoever
//! begins at that time.

use super::cursor::first_at;
use super::error::no_partition;
use super::find::last_place;
use super::topic::Topic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;
use whitebeam_sdk::{Result, Timestamp};

/// A place in every partition of a topic.
///
/// | | begin there | stop there |
/// |---|---|---|
/// | `Earliest` | the first record that retention has left | before it: reads nothing |
/// | `Latest` | behind the last record that there is when reading begins | the same |
/// | `Offset(n)` | at record `n` of every partition | before it |
/// | `Offsets(map)` | each partition at its own record; the earliest, to begin, where none is named, the latest to stop | before it |
/// | `Time(t)` | at the first record whose time is `t` or later | before it |
/// | `Appended(t)` | at the first record that was appended at `t` or later | before it |
///
/// A record's time is that of its event where the writer gave one, and of its append otherwise.
/// Records whose event times are out of order may lie behind `Time(t)` and still be older than `t`;
/// none that is `t` or later lies before it. Append times never go back.
///
/// From text: `earliest`, `latest`, a number for an offset, an instant such as
/// `2010-12-01T08:26:00Z` for a time.
///
/// ```
/// use whitebeam_io::log::LogPlace;
/// use whitebeam_sdk::Timestamp;
///
/// assert_eq!("17".parse(), Ok(LogPlace::Offset(17)));
/// let time = Timestamp::from_secs(1_291_191_960);
/// assert_eq!("2010-12-01T08:26:00Z".parse(), Ok(LogPlace::Time(time)));
/// assert!("soon".parse::<LogPlace>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LogPlace {
    /// The first record.
    Earliest,
    /// Behind the last record.
    Latest,
    /// This record of every partition.
    Offset(u64),
    /// A record for each partition.
    Offsets(BTreeMap<u32, u64>),
    /// The first record of this time or later.
    Time(Timestamp),
    /// The first record appended at this instant or later.
    Appended(Timestamp),
}

impl FromStr for LogPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(LogPlace::Earliest),
            "latest" => return Ok(LogPlace::Latest),
            _ => {}
        }
        if let Ok(offset) = text.parse() {
            return Ok(LogPlace::Offset(offset));
        }
        text.parse().map(LogPlace::Time).map_err(|_| {
            "neither `earliest`, `latest`, an offset nor an instant such as 2010-12-01T08:26:00Z"
                .to_owned()
        })
    }
}

/// The offsets that `place` means now, one per partition; `default` stands where a map names none.
pub(super) fn resolve(topic: &Topic, place: &LogPlace, default: &LogPlace) -> Result<Vec<u64>> {
    match place {
        LogPlace::Earliest => {
            let first = last_place(topic, |_| false)?.segment;
            let partitions = topic.header()?.start.partitions.len() as u32;
            Ok((0..partitions)
                .map(|p| first.header.start.next(p))
                .collect())
        }
        LogPlace::Latest => {
            let ends = last_place(topic, |_| true)?.before;
            Ok(ends.partitions.iter().map(|end| end.next).collect())
        }
        LogPlace::Offset(offset) => {
            let partitions = topic.header()?.start.partitions.len();
            Ok(vec![*offset; partitions])
        }
        LogPlace::Offsets(named) => {
            let mut offsets = resolve(topic, default, default)?;
            let partitions = offsets.len() as u32;
            for (&partition, &offset) in named {
                match offsets.get_mut(partition as usize) {
                    Some(place) => *place = offset,
                    None => return Err(no_partition(&topic.name, partition, partitions)),
                }
            }
            Ok(offsets)
        }
        LogPlace::Time(time) => {
            let partitions = topic.header()?.start.partitions.len() as u32;
            (0..partitions)
                .map(|partition| {
                    let found = last_place(topic, |ends| ends.latest(partition) < *time)?;
                    first_at(&found, partition, |record| record.time() >= *time)
                })
                .collect()
        }
        LogPlace::Appended(time) => {
            let found = last_place(topic, |ends| ends.appended < *time)?;
            let partitions = topic.header()?.start.partitions.len() as u32;
            Ok((0..partitions).map(|p| found.before.next(p)).collect())
        }
    }
}
