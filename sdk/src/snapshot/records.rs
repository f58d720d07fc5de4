//! `KeyedRecords`: many small records, by key group, in one piece of memory per group.
//!
//! Owns how a record lies there: the lengths of its parts, then its bytes. A record is known by its
//! head and its key; what follows is what is held.

use crate::element;
use crate::hash::KeyGroup;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Records by key group.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct KeyedRecords {
    /// By number of the group; the last is not empty.
    groups: Vec<Vec<u8>>,
    len: usize,
}

/// One record: everything a step holds for one key, or for one key in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyedRecord<'a> {
    /// The key's group.
    pub group: KeyGroup,
    /// Encoded by the step.
    pub bytes: &'a [u8],
    head: usize,
    known_by: usize,
}

impl<'a> KeyedRecord<'a> {
    /// What it has in common with others that go with it, such as the window.
    pub fn head(&self) -> &'a [u8] {
        &self.bytes[..self.head]
    }

    /// What it is known by: head and key.
    pub fn known_by(&self) -> &'a [u8] {
        &self.bytes[..self.known_by]
    }
}

/// Of head, key and rest.
type Lengths = (u32, u32, u32);

impl KeyedRecords {
    /// Adds a record.
    pub fn push(&mut self, group: KeyGroup, head: &[u8], key: &[u8], rest: &[&[u8]]) {
        let at = usize::from(group.0);
        if self.groups.len() <= at {
            self.groups.resize_with(at + 1, Vec::new);
        }
        let to = &mut self.groups[at];
        let held: usize = rest.iter().map(|part| part.len()).sum();
        let lengths: Lengths = (head.len() as u32, key.len() as u32, held as u32);
        // Numbers: there is nothing in it that could refuse to be encoded.
        let encoded = element::encode(&lengths, to);
        debug_assert!(encoded.is_ok());
        to.extend_from_slice(head);
        to.extend_from_slice(key);
        rest.iter().for_each(|part| to.extend_from_slice(part));
        self.len += 1;
    }

    /// Adds a record as it was found.
    pub fn copy(&mut self, record: KeyedRecord<'_>) {
        let (head, rest) = record.bytes.split_at(record.head);
        let (key, rest) = rest.split_at(record.known_by - record.head);
        self.push(record.group, head, key, &[rest]);
    }

    /// Moves all of `other` behind what is here.
    pub fn append(&mut self, other: &mut KeyedRecords) {
        if self.groups.len() < other.groups.len() {
            self.groups.resize_with(other.groups.len(), Vec::new);
        }
        for (to, from) in self.groups.iter_mut().zip(&mut other.groups) {
            match to.is_empty() {
                true => std::mem::swap(to, from),
                false => to.append(from),
            }
        }
        self.len += std::mem::take(&mut other.len);
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.groups.iter_mut().for_each(Vec::clear);
        self.len = 0;
    }

    /// All records, by group, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = KeyedRecord<'_>> {
        self.of(0..u16::MAX)
    }

    /// The records of some groups.
    pub fn of(&self, groups: Range<u16>) -> impl Iterator<Item = KeyedRecord<'_>> {
        let upto = usize::from(groups.end).min(self.groups.len());
        let from = usize::from(groups.start).min(upto);
        let wanted = (groups.start..).zip(&self.groups[from..upto]);
        wanted.flat_map(|(group, bytes)| Records {
            group: KeyGroup(group),
            bytes,
        })
    }

    /// The bytes of each group that has records, cut behind the first record that fills `size`:
    /// what [`Self::add`] takes.
    pub fn pieces(&self, size: usize) -> impl Iterator<Item = (KeyGroup, &[u8])> {
        let groups = (0..).map(KeyGroup).zip(&self.groups);
        groups.flat_map(move |(group, bytes)| {
            let mut left = Records { group, bytes };
            std::iter::from_fn(move || {
                let piece = left.bytes;
                while piece.len() - left.bytes.len() < size && left.next().is_some() {}
                let len = piece.len() - left.bytes.len();
                (len > 0).then(|| (group, &piece[..len]))
            })
        })
    }

    /// Adds records that [`Self::pieces`] gave; false if they are damaged, and nothing is added.
    pub fn add(&mut self, group: KeyGroup, bytes: &[u8]) -> bool {
        let mut records = Records { group, bytes };
        let found = records.by_ref().count();
        if !records.bytes.is_empty() {
            return false;
        }
        let at = usize::from(group.0);
        if self.groups.len() <= at {
            self.groups.resize_with(at + 1, Vec::new);
        }
        self.groups[at].extend_from_slice(bytes);
        self.len += found;
        true
    }
}

/// The records of one group; ends before the first that is damaged.
struct Records<'a> {
    group: KeyGroup,
    bytes: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = KeyedRecord<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let mut rest = self.bytes;
        let (head, key, held): Lengths = element::decode(&mut rest).ok()?;
        let known_by = (head as usize).checked_add(key as usize)?;
        let len = known_by.checked_add(held as usize)?;
        let (bytes, rest) = rest.split_at_checked(len)?;
        self.bytes = rest;
        Some(KeyedRecord {
            group: self.group,
            bytes,
            head: head as usize,
            known_by,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn some() -> KeyedRecords {
        let mut records = KeyedRecords::default();
        records.push(KeyGroup(3), b"w1", b"a", &[b"1", b"23"]);
        records.push(KeyGroup(0), b"", b"", &[]);
        records.push(KeyGroup(3), b"w1", b"b", &[&[7; 300]]);
        records
    }

    /// Group, head, what it is known by, what is held.
    type Seen<'a> = (u16, &'a [u8], &'a [u8], &'a [u8]);

    fn seen(records: &KeyedRecords) -> Vec<Seen<'_>> {
        let mut seen = Vec::new();
        for r in records.iter() {
            seen.push((r.group.0, r.head(), r.known_by(), &r.bytes[r.known_by..]));
        }
        seen
    }

    #[test]
    fn records_come_back_by_group_in_order() {
        let long = [7; 300];
        let expected: [Seen<'_>; 3] = [
            (0, b"", b"", b""),
            (3, b"w1", b"w1a", b"123"),
            (3, b"w1", b"w1b", &long),
        ];
        let records = some();
        assert_eq!(seen(&records), expected);
        let mut again = KeyedRecords::default();
        records.iter().for_each(|record| again.copy(record));
        assert_eq!((again.len(), &again), (3, &records));
        assert_eq!(records.of(1..4).count(), 2);
        assert_eq!(records.of(4..9).count(), 0);
    }

    #[test]
    fn groups_are_taken_whole_or_not_at_all() {
        let records = some();
        let mut again = KeyedRecords::default();
        for (group, bytes) in records.pieces(usize::MAX) {
            for cut in 1..bytes.len() {
                let is_whole = KeyedRecords::default().add(group, &bytes[..cut]);
                let ends = [0, 3 + 2 + 1 + 3];
                assert_eq!(
                    is_whole,
                    group.0 == 3 && ends.contains(&cut),
                    "{group:?} {cut}"
                );
            }
            assert!(again.add(group, bytes));
        }
        assert_eq!(again, records);
        let mut again = KeyedRecords::default();
        assert_eq!(records.pieces(1).count(), 3);
        assert!(
            records
                .pieces(1)
                .all(|(group, bytes)| again.add(group, bytes))
        );
        assert_eq!(again, records);
    }

    #[test]
    fn records_are_moved_behind_others() {
        let (mut to, mut from) = (some(), some());
        from.push(KeyGroup(9), b"", b"z", &[]);
        to.append(&mut from);
        assert!(from.is_empty() && from.iter().next().is_none());
        let groups: Vec<u16> = to.iter().map(|r| r.group.0).collect();
        assert_eq!((to.len(), groups), (7, vec![0, 0, 3, 3, 3, 3, 9]));
    }
}
