//! `KeyedRecords`: many small records, one behind the other.
//!
//! Owns how a record lies there: its key group and the lengths of its parts, then its bytes. A record
//! is known by its head and its key; what follows is what is held. Records are kept in the order in
//! which they come, since whoever writes them has no time: memory is touched in one place only, and
//! sorting by key group is left to whoever stores them.

use crate::element;
use crate::hash::KeyGroup;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Records in pieces of memory, each of which holds whole records.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeyedRecords {
    pieces: Vec<Vec<u8>>,
    pub(super) len: usize,
}

/// Bytes of a piece, unless one record is longer.
const PIECE: usize = 256 * 1024;

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

/// A record's group, and the lengths of head, key and rest.
type Front = (u16, u32, u32, u32);

/// The longest encoding of a front.
const FRONT: usize = 3 + 3 * 5;

impl PartialEq for KeyedRecords {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for KeyedRecords {}

impl KeyedRecords {
    /// Adds a record.
    pub fn push(&mut self, group: KeyGroup, head: &[u8], key: &[u8], rest: &[&[u8]]) {
        let held: usize = rest.iter().map(|part| part.len()).sum();
        let to = self.room_for(FRONT + head.len() + key.len() + held);
        let front: Front = (group.0, head.len() as u32, key.len() as u32, held as u32);
        if (u32::from(front.0) | front.1 | front.2 | front.3) < 0x80 {
            // The same bytes, as most records have them.
            to.extend_from_slice(&[front.0 as u8, front.1 as u8, front.2 as u8, front.3 as u8]);
        } else {
            // Numbers: there is nothing in it that could refuse to be encoded.
            let encoded = element::encode(&front, to);
            debug_assert!(encoded.is_ok());
        }
        to.extend_from_slice(head);
        to.extend_from_slice(key);
        rest.iter().for_each(|part| to.extend_from_slice(part));
        self.len += 1;
    }

    /// A piece with so much room.
    #[inline]
    pub(super) fn room_for(&mut self, bytes: usize) -> &mut Vec<u8> {
        let has_room = |piece: &Vec<u8>| piece.capacity() - piece.len() >= bytes;
        if !self.pieces.last().is_some_and(has_room) {
            self.pieces.push(Vec::with_capacity(PIECE.max(bytes)));
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    /// Adds a record as it was found.
    pub fn copy(&mut self, record: KeyedRecord<'_>) {
        let (head, rest) = record.bytes.split_at(record.head);
        let (key, rest) = rest.split_at(record.known_by - record.head);
        self.push(record.group, head, key, &[rest]);
    }

    /// Moves all of `other` behind what is here.
    pub fn append(&mut self, other: &mut KeyedRecords) {
        self.pieces.append(&mut other.pieces);
        self.len += std::mem::take(&mut other.len);
    }

    /// Empty, with room for so many bytes.
    pub(super) fn with_room(bytes: usize) -> Self {
        KeyedRecords {
            pieces: vec![Vec::with_capacity(bytes)],
            len: 0,
        }
    }

    /// Forgets all records, and keeps the memory that it was made with.
    pub(super) fn reuse(&mut self) {
        self.pieces.truncate(1);
        self.pieces.iter_mut().for_each(Vec::clear);
        self.len = 0;
    }

    /// Bytes of all records.
    pub(super) fn bytes(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.pieces.clear();
        self.len = 0;
    }

    /// All records, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = KeyedRecord<'_>> {
        self.pieces.iter().flat_map(|bytes| Records { bytes })
    }

    /// The records of some groups.
    pub fn of(&self, groups: Range<u16>) -> impl Iterator<Item = KeyedRecord<'_>> {
        self.iter().filter(move |r| groups.contains(&r.group.0))
    }

    /// Gives the same records by group to `each`, about `size` bytes of them at a time, so that
    /// sorting stays within what a processor's cache holds. They are sorted in `sorted`, whose memory
    /// is used again.
    ///
    /// # Errors
    ///
    /// That of `each`, which ends it.
    pub(super) fn sorted<E>(
        &self,
        sorted: &mut SortedRecords,
        size: usize,
        mut each: impl FnMut(&SortedRecords) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = self.pieces.as_slice();
        while !left.is_empty() {
            let mut bytes = 0;
            let fits = left.iter().take_while(|piece| {
                let fits = bytes < size.max(1);
                bytes += piece.len();
                fits
            });
            let (now, later) = left.split_at(fits.count());
            sorted.sort(now);
            each(sorted)?;
            left = later;
        }
        Ok(())
    }

    /// Adds records of one group that [`SortedRecords::pieces`] gave; false if they are damaged, and
    /// nothing is added.
    pub fn add(&mut self, group: KeyGroup, bytes: &[u8]) -> bool {
        let mut records = Records { bytes };
        let mut found = 0;
        for record in records.by_ref() {
            found += 1;
            if record.group != group {
                return false;
            }
        }
        if !records.bytes.is_empty() {
            return false;
        }
        self.room_for(bytes.len()).extend_from_slice(bytes);
        self.len += found;
        true
    }
}

/// Records by group, each group in the order in which its records came.
#[derive(Clone, Debug, Default)]
pub struct SortedRecords {
    bytes: Vec<u8>,
    /// By group.
    ends: Vec<usize>,
}

impl SortedRecords {
    /// Holds the records of these pieces from now on.
    fn sort(&mut self, pieces: &[Vec<u8>]) {
        let each = || {
            pieces.iter().flat_map(|bytes| {
                let mut records = Records { bytes };
                std::iter::from_fn(move || {
                    let before = records.bytes;
                    let group = usize::from(records.next()?.group.0);
                    Some((group, &before[..before.len() - records.bytes.len()]))
                })
            })
        };
        self.ends.clear();
        for (group, bytes) in each() {
            if self.ends.len() <= group {
                self.ends.resize(group + 1, 0);
            }
            self.ends[group] += bytes.len();
        }
        let mut all = 0;
        for end in &mut self.ends {
            // Where a group begins, until its records have come.
            all += std::mem::replace(end, all);
        }
        self.bytes.resize(all, 0);
        for (group, bytes) in each() {
            let at = self.ends[group];
            self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
            self.ends[group] += bytes.len();
        }
    }

    /// The records of each group that has any, cut behind the first that fills `size`.
    pub fn pieces(&self, size: usize) -> impl Iterator<Item = (KeyGroup, &[u8])> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let groups = begins.zip(&self.ends).zip(0..);
        groups.flat_map(move |((begin, end), group)| {
            let bytes = &self.bytes[begin..*end];
            let mut left = Records { bytes };
            std::iter::from_fn(move || {
                let piece = left.bytes;
                while piece.len() - left.bytes.len() < size && left.next().is_some() {}
                let len = piece.len() - left.bytes.len();
                (len > 0).then(|| (KeyGroup(group), &piece[..len]))
            })
        })
    }
}

/// The front of a record, and what follows it.
#[inline]
fn front(bytes: &[u8]) -> Option<(Front, &[u8])> {
    if let Some((&[group, head, key, held], rest)) = bytes.split_first_chunk()
        && (group | head | key | held) < 0x80
    {
        // As most are: no number takes more than a byte.
        let front = (group.into(), head.into(), key.into(), held.into());
        return Some((front, rest));
    }
    let mut rest = bytes;
    let front = element::decode(&mut rest).ok()?;
    Some((front, rest))
}

/// The records of a piece; ends before the first that is damaged.
struct Records<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = KeyedRecord<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let (front, rest) = front(self.bytes)?;
        let (group, head, key, held) = front;
        let known_by = (head as usize).checked_add(key as usize)?;
        let len = known_by.checked_add(held as usize)?;
        let (bytes, rest) = rest.split_at_checked(len)?;
        self.bytes = rest;
        Some(KeyedRecord {
            group: KeyGroup(group),
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

    fn all_sorted(records: &KeyedRecords) -> SortedRecords {
        let mut all = None;
        let kept = records.sorted(&mut SortedRecords::default(), usize::MAX, |sorted| {
            assert!(all.replace(sorted.clone()).is_none());
            Ok::<_, ()>(())
        });
        kept.unwrap();
        all.unwrap()
    }

    #[test]
    fn records_come_back_in_order() {
        let long = [7; 300];
        let expected: [Seen<'_>; 3] = [
            (3, b"w1", b"w1a", b"123"),
            (0, b"", b"", b""),
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
    fn records_are_sorted_by_group_and_taken_whole_or_not_at_all() {
        let sorted = all_sorted(&some());
        let mut again = KeyedRecords::default();
        let mut groups = Vec::new();
        for (group, bytes) in sorted.pieces(usize::MAX) {
            for cut in 1..bytes.len() {
                let is_whole = KeyedRecords::default().add(group, &bytes[..cut]);
                let end = 4 + 2 + 1 + 3;
                assert_eq!(is_whole, group.0 == 3 && cut == end, "{group:?} {cut}");
            }
            assert!(!KeyedRecords::default().add(KeyGroup(7), bytes));
            assert!(again.add(group, bytes));
            groups.push(group.0);
        }
        assert_eq!(groups, [0, 3]);
        let order = |records: &KeyedRecords| {
            let mut all: Vec<_> = records
                .iter()
                .map(|r| (r.group.0, r.bytes.to_vec()))
                .collect();
            all.sort_by_key(|(group, _)| *group);
            all
        };
        assert_eq!(order(&again), order(&some()));
        assert_eq!(sorted.pieces(1).count(), 3);
        let mut again = KeyedRecords::default();
        assert!(
            sorted
                .pieces(1)
                .all(|(group, bytes)| again.add(group, bytes))
        );
        assert_eq!(order(&again), order(&some()));
    }

    #[test]
    fn records_longer_than_a_piece_have_one_of_their_own() {
        let mut records = KeyedRecords::default();
        let long = vec![1; PIECE + 1];
        for n in 0..3_u16 {
            records.push(KeyGroup(n * 200), b"w", b"k", &[&long]);
            records.push(KeyGroup(n), b"w", b"k", &[b"short"]);
        }
        let found: Vec<_> = records.iter().map(|r| (r.group.0, r.bytes.len())).collect();
        let (short, long) = (7, PIECE + 3);
        assert_eq!(
            found,
            [
                (0, long),
                (0, short),
                (200, long),
                (1, short),
                (400, long),
                (2, short)
            ]
        );
        assert_eq!(all_sorted(&records).pieces(1).count(), 6);
        let mut batches = Vec::new();
        let told = records.sorted(&mut SortedRecords::default(), 1, |sorted| {
            batches.push(
                sorted
                    .pieces(1)
                    .map(|(group, _)| group.0)
                    .collect::<Vec<_>>(),
            );
            if batches.len() < 3 {
                Ok(())
            } else {
                Err("enough")
            }
        });
        assert_eq!(told, Err("enough"));
        assert_eq!(batches, [vec![0], vec![0], vec![200]]);
    }

    #[test]
    fn records_are_moved_behind_others() {
        let (mut to, mut from) = (some(), some());
        from.push(KeyGroup(9), b"", b"z", &[]);
        to.append(&mut from);
        assert!(from.is_empty() && from.iter().next().is_none());
        let groups: Vec<u16> = to.iter().map(|r| r.group.0).collect();
        assert_eq!((to.len(), groups), (7, vec![3, 0, 3, 3, 0, 3, 9]));
    }
}
