//! `replay`: a whole snapshot from one that is whole and those that followed it.
//!
//! Owns what "changed" means: a record takes the place of an older one that is known by the same, a
//! head that is gone takes all older records under it away, and a whole part says all there is
//! about its key groups.

use super::{KeyedRecord, KeyedRecords, StepSnapshot};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// What the snapshots of a step say together, the oldest first, each with the parts of all
/// instances. Nothing without a newest one.
pub fn replay(mut chain: Vec<Vec<StepSnapshot>>) -> Vec<StepSnapshot> {
    let Some(mut newest) = chain.pop() else {
        return Vec::new();
    };
    if newest.iter().all(|part| part.whole) {
        return newest;
    }
    let mut newer = Newer::default();
    let mut records = KeyedRecords::default();
    newer.take(&newest, &mut records);
    for parts in chain.iter().rev() {
        newer.take(parts, &mut records);
    }
    for part in &mut newest {
        part.whole = true;
        part.gone.clear();
        part.keyed.clear();
    }
    if let Some(first) = newest.first_mut() {
        // Whose part hands a record on makes no difference.
        first.keyed = records;
    }
    newest
}

/// What newer snapshots have said.
#[derive(Default)]
struct Newer {
    /// Groups about which everything is said.
    said: Vec<Range<u16>>,
    /// What records are known by.
    known: HashSet<Vec<u8>>,
    gone: BTreeMap<Vec<u8>, Vec<Range<u16>>>,
}

impl Newer {
    fn take(&mut self, parts: &[StepSnapshot], to: &mut KeyedRecords) {
        let mut known = Vec::new();
        for part in parts {
            for record in part.keyed.iter().filter(|record| !self.hides(record)) {
                if !part.whole {
                    known.push(record.known_by().to_vec());
                }
                to.copy(record);
            }
        }
        self.known.extend(known);
        for part in parts {
            if part.whole {
                self.said.push(part.mine.clone());
            }
            for head in &part.gone {
                let of = self.gone.entry(head.clone()).or_default();
                of.push(part.mine.clone());
            }
        }
    }

    fn hides(&self, record: &KeyedRecord<'_>) -> bool {
        let within = |ranges: &[Range<u16>]| ranges.iter().any(|r| r.contains(&record.group.0));
        within(&self.said)
            || self.known.contains(record.known_by())
            || self.gone.get(record.head()).is_some_and(|of| within(of))
    }
}

#[cfg(test)]
mod tests {
    use super::super::SnapshotWriter;
    use super::*;
    use crate::hash::KeyGroup;

    type Records = [(u16, &'static [u8], &'static [u8], &'static [u8])];

    fn part(mine: Range<u16>, gone: Option<&[&[u8]]>, records: &Records) -> StepSnapshot {
        let mut writer = SnapshotWriter::of(8, mine);
        if let Some(gone) = gone {
            writer.changes(gone.iter().map(|head| head.to_vec()).collect());
        }
        for (group, head, key, value) in records {
            writer.keyed(KeyGroup(*group), head, key, &[value]);
        }
        writer.plain(records.len().to_le_bytes().to_vec());
        writer.finish().unwrap()
    }

    fn shown(parts: &[StepSnapshot]) -> Vec<String> {
        let records = parts.iter().flat_map(|part| part.keyed.iter());
        let mut shown: Vec<String> = records
            .map(|r| format!("{} {}", r.group.0, String::from_utf8_lossy(r.bytes)))
            .collect();
        shown.sort();
        shown
    }

    #[test]
    fn what_is_newer_takes_the_place_of_what_is_older() {
        let base = part(
            0..8,
            None,
            &[
                (1, b"w", b"a", b"1"),
                (1, b"w", b"b", b"1"),
                (2, b"x", b"c", b"1"),
                (5, b"w", b"d", b"1"),
            ],
        );
        let second = part(0..8, Some(&[]), &[(1, b"w", b"a", b"2")]);
        let third = part(
            0..8,
            Some(&[b"x"]),
            &[(1, b"w", b"b", b"3"), (2, b"x", b"e", b"3")],
        );
        let found = replay(vec![vec![base], vec![second], vec![third.clone()]]);
        assert_eq!(shown(&found), ["1 wa2", "1 wb3", "2 xe3", "5 wd1"]);
        assert!(found.iter().all(|part| part.whole));
        assert_eq!(found[0].plain, third.plain);
    }

    #[test]
    fn parts_speak_of_their_own_groups_only() {
        let base = [
            part(0..4, None, &[(1, b"w", b"a", b"1")]),
            part(4..8, None, &[(5, b"w", b"b", b"1")]),
        ];
        let next = vec![part(0..4, Some(&[b"w"]), &[]), part(4..8, Some(&[]), &[])];
        let found = replay(vec![base.to_vec(), next]);
        assert_eq!(shown(&found), ["5 wb1"]);
        // One instance begins again, the other goes on.
        let next = vec![
            part(0..4, None, &[(2, b"w", b"c", b"2")]),
            part(4..8, Some(&[]), &[]),
        ];
        let found = replay(vec![base.to_vec(), next]);
        assert_eq!(shown(&found), ["2 wc2", "5 wb1"]);
    }

    #[test]
    fn a_whole_snapshot_needs_none_before_it() {
        let older = part(0..8, None, &[(1, b"w", b"a", b"1")]);
        let whole = part(0..8, None, &[(1, b"w", b"z", b"1")]);
        assert_eq!(replay(vec![vec![older], vec![whole.clone()]]), [whole]);
        assert_eq!(replay(Vec::new()), []);
    }

    #[test]
    fn a_head_that_is_gone_may_come_back() {
        let base = part(0..8, None, &[(1, b"w", b"a", b"1")]);
        let gone = part(0..8, Some(&[b"w"]), &[]);
        let back = part(0..8, Some(&[]), &[(1, b"w", b"b", b"3")]);
        let found = replay(vec![vec![base], vec![gone], vec![back]]);
        assert_eq!(shown(&found), ["1 wb3"]);
    }
}
