//! `KafkaPlace`: where to begin or to stop reading, in words of the user; and the offsets that it
//! means now.
//!
//! Owns the meaning of every form. Invariant: an offset that it makes up itself is there.

use super::error::no_partition;
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
/// | `Latest` | behind the last record that can be seen when reading begins | the same |
/// | `Offset(n)` | at record `n` of every partition | before it |
/// | `Offsets(map)` | each partition at its own record; the earliest, to begin, where none is named, the latest to stop | before it |
/// | `Time(t)` | at the first record whose timestamp is `t` or later | before it |
/// | `Group { .. }` | where a consumer group has come to, or `otherwise` in partitions where it has committed nothing | the same |
///
/// What can be seen ends, for a reader of committed records, at the first record of a transaction
/// that is open: `Latest` is that place, so that a bounded run ends, and one that begins there
/// misses nothing that is committed later.
///
/// Timestamps that their writers gave may be out of order: records behind `Time(t)` may be older
/// than `t`; none before it is `t` or later.
///
/// From text: `earliest`, `latest`, a number for an offset, an instant such as
/// `2010-12-01T08:26:00Z` for a time, `group:NAME` for a group, earliest where it has committed
/// nothing.
///
/// ```
/// use whitebeam_io::kafka::KafkaPlace;
/// use whitebeam_sdk::Timestamp;
///
/// assert_eq!("17".parse(), Ok(KafkaPlace::Offset(17)));
/// let time = Timestamp::from_secs(1_291_191_960);
/// assert_eq!("2010-12-01T08:26:00Z".parse(), Ok(KafkaPlace::Time(time)));
/// let shop = KafkaPlace::group("shop", KafkaPlace::Earliest);
/// assert_eq!("group:shop".parse(), Ok(shop));
/// assert!("soon".parse::<KafkaPlace>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum KafkaPlace {
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
    /// Where a consumer group has come to.
    Group {
        /// The group.
        group: String,
        /// For partitions where it has committed nothing.
        otherwise: Box<KafkaPlace>,
    },
}

impl KafkaPlace {
    /// Where `group` has come to; `otherwise` in partitions where it has committed nothing.
    pub fn group(group: impl Into<String>, otherwise: KafkaPlace) -> Self {
        KafkaPlace::Group {
            group: group.into(),
            otherwise: Box::new(otherwise),
        }
    }
}

impl FromStr for KafkaPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(KafkaPlace::Earliest),
            "latest" => return Ok(KafkaPlace::Latest),
            _ => {}
        }
        if let Some(group) = text.strip_prefix("group:") {
            return Ok(KafkaPlace::group(group, KafkaPlace::Earliest));
        }
        if let Ok(offset) = text.parse() {
            return Ok(KafkaPlace::Offset(offset));
        }
        text.parse().map(KafkaPlace::Time).map_err(|_| {
            "neither `earliest`, `latest`, an offset, an instant such as 2010-12-01T08:26:00Z nor \
             `group:NAME`"
                .to_owned()
        })
    }
}

/// The offsets that `place` means now in `wanted`, of all `partitions`; `default` stands where a map
/// names none.
pub(super) fn resolve(
    topic: &Topic,
    place: &KafkaPlace,
    default: &KafkaPlace,
    wanted: &[u32],
    partitions: u32,
) -> Result<Vec<u64>> {
    let each = |offset: &dyn Fn(u32) -> Result<u64>| wanted.iter().map(|p| offset(*p)).collect();
    match place {
        KafkaPlace::Earliest => each(&|p| Ok(topic.ends(p)?.first)),
        KafkaPlace::Latest => each(&|p| topic.visible_end(p)),
        KafkaPlace::Offset(offset) => each(&|_| Ok(*offset)),
        KafkaPlace::Time(time) => {
            // Behind what can be seen there may be records of open transactions.
            each(&|p| Ok(topic.offset_at(p, *time)?.min(topic.visible_end(p)?)))
        }
        KafkaPlace::Offsets(named) => {
            if let Some(none) = named.keys().find(|p| **p >= partitions) {
                return Err(no_partition(&topic.name, *none, partitions));
            }
            or_else(topic, named, default, wanted, partitions)
        }
        KafkaPlace::Group { group, otherwise } => {
            let named = topic.group_offsets(group, partitions)?;
            or_else(topic, &named, otherwise, wanted, partitions)
        }
    }
}

/// The named offsets, and those of `otherwise` where none is named.
fn or_else(
    topic: &Topic,
    named: &BTreeMap<u32, u64>,
    otherwise: &KafkaPlace,
    wanted: &[u32],
    partitions: u32,
) -> Result<Vec<u64>> {
    let is_named = |p: &u32| named.contains_key(p);
    let rest: Vec<u32> = wanted.iter().copied().filter(|p| !is_named(p)).collect();
    let found = resolve(topic, otherwise, &KafkaPlace::Earliest, &rest, partitions)?;
    let mut offsets: BTreeMap<u32, u64> = rest.into_iter().zip(found).collect();
    offsets.extend(named);
    Ok(wanted
        .iter()
        .filter_map(|p| offsets.get(p).copied())
        .collect())
}
