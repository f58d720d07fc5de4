//! `Copies`: keys and values as they were, for whoever has the time to encode them.
//!
//! Owns what was copied until it is encoded. Whoever writes down what he holds while he goes on has
//! no time: a copy of what lies in one piece costs a few instructions, its encoding many times that.
//! Takes only what is copied like that; what owns memory elsewhere is better encoded at once.

use super::records::KeyedRecords;
use crate::element::{Element, Key};
use crate::error::Result;
use std::any::Any;
use std::collections::VecDeque;
use std::mem::needs_drop;

/// Bytes of a piece, about.
const PIECE: usize = 256 * 1024;

/// As many of these take about the time of one that is encoded at once.
const CHEAPER: usize = 4;

/// Copies of what keys had, still to be encoded.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pieces: VecDeque<Box<dyn Copied>>,
    len: usize,
}

/// Copies of one type, under one head.
trait Copied: Send {
    fn len(&self) -> usize;
    /// Adds the records.
    fn encode(&self, to: &mut KeyedRecords) -> Result<()>;
    fn as_any(&mut self) -> &mut dyn Any;
}

struct Piece<K, V> {
    head: Vec<u8>,
    groups: u16,
    pairs: Vec<(K, V)>,
}

impl std::fmt::Debug for dyn Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} copies", self.len())
    }
}

impl<K: Key, V: Element> Copied for Piece<K, V> {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn encode(&self, to: &mut KeyedRecords) -> Result<()> {
        let mut to = to.under(&self.head, self.groups);
        let mut pairs = self.pairs.iter();
        pairs.try_for_each(|(key, value)| to.push(key, value, &[]))
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl<K: Key, V: Element> Piece<K, V> {
    fn has_room_for(&self, head: &[u8], groups: u16) -> bool {
        let is_full = self.pairs.len() == self.pairs.capacity();
        !is_full && self.groups == groups && self.head == head
    }
}

impl Copies {
    /// Whether keys and values of these types are taken.
    pub(super) const fn suit<K, V>() -> bool {
        !needs_drop::<K>() && !needs_drop::<V>() && size_of::<(K, V)>() > 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What it has cost, told in records that are encoded at once.
    pub(super) fn effort(&self) -> usize {
        self.len / CHEAPER
    }

    /// Adds what each of `n` has, under one head.
    pub(super) fn extend<K: Key, V: Element>(
        &mut self,
        head: &[u8],
        groups: u16,
        mut all: impl ExactSizeIterator<Item = (K, V)>,
    ) {
        self.len += all.len();
        while all.len() > 0 {
            let pairs = &mut self.piece::<K, V>(head, groups).pairs;
            let room = pairs.capacity() - pairs.len();
            pairs.extend(all.by_ref().take(room));
        }
    }

    #[allow(clippy::expect_used, reason = "states the invariant")]
    fn piece<K: Key, V: Element>(&mut self, head: &[u8], groups: u16) -> &mut Piece<K, V> {
        let last = self.pieces.back_mut();
        let last = last.and_then(|piece| piece.as_any().downcast_mut::<Piece<K, V>>());
        if !last.is_some_and(|piece| piece.has_room_for(head, groups)) {
            let most = (PIECE / size_of::<(K, V)>()).max(1);
            self.pieces.push_back(Box::new(Piece::<K, V> {
                head: head.to_vec(),
                groups,
                pairs: Vec::with_capacity(most),
            }));
        }
        let last = self.pieces.back_mut();
        last.and_then(|piece| piece.as_any().downcast_mut())
            .expect("a piece of this type was found or added last")
    }

    pub(super) fn append(&mut self, other: &mut Copies) {
        self.pieces.append(&mut other.pieces);
        self.len += std::mem::take(&mut other.len);
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.len = 0;
    }

    /// Encodes the first of them, until `to` holds about `size` bytes, and gives their memory back;
    /// false if there is none.
    pub(super) fn encode(&mut self, size: usize, to: &mut KeyedRecords) -> Result<bool> {
        let mut is_any = false;
        while to.bytes() < size.max(1)
            && let Some(piece) = self.pieces.pop_front()
        {
            self.len -= piece.len();
            piece.encode(to)?;
            is_any = true;
        }
        Ok(is_any)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::{SnapshotWriter, Written};
    use super::*;

    const GROUPS: u16 = 128;

    /// A writer to whom records were added under two heads in turn, so many at once.
    fn writer<K: Key, V: Element>(
        pairs: &[(K, V)],
        at_once: usize,
        is_copied: bool,
    ) -> SnapshotWriter {
        let mut written = Written::default();
        for (part, head) in pairs.chunks(at_once).zip([b"one", b"two"].iter().cycle()) {
            let mut to = written.under(&head[..], GROUPS);
            if !is_copied || !to.copy(part.iter().cloned()) {
                assert!(!is_copied || !Copies::suit::<K, V>());
                let mut all = part.iter();
                all.try_for_each(|(key, value)| to.push(key, value, &[]))
                    .unwrap();
            }
        }
        let mut writer = SnapshotWriter::new(GROUPS);
        writer.append(&mut written);
        assert_eq!(written.effort(), 0);
        assert_eq!(writer.is_nothing(), pairs.is_empty());
        writer
    }

    /// What it says in the end.
    fn said<K: Key, V: Element>(
        pairs: &[(K, V)],
        at_once: usize,
        is_copied: bool,
    ) -> Vec<(u16, Vec<u8>)> {
        let found = writer(pairs, at_once, is_copied).finish().unwrap().keyed;
        assert_eq!(found.len(), pairs.len());
        by_group(&found)
    }

    /// The records, sorted.
    fn by_group(records: &KeyedRecords) -> Vec<(u16, Vec<u8>)> {
        let mut all: Vec<_> = records
            .iter()
            .map(|r| (r.group.0, r.bytes.to_vec()))
            .collect();
        all.sort();
        all
    }

    #[test]
    fn copies_become_the_records_that_are_encoded_at_once() {
        // Several pieces, and heads that change within one.
        let numbers: Vec<(u64, i64)> = (0..40_000).map(|n| (n * n, 7 - n as i64)).collect();
        let names: Vec<(String, i64)> = (0..200).map(|n| (format!("key {n}"), n)).collect();
        for at_once in [1_000, 17_001, 50_000] {
            assert!(said(&numbers, at_once, true) == said(&numbers, at_once, false));
        }
        assert_eq!(said(&names, 30, true), said(&names, 30, false));
        assert_eq!(said(&numbers[..0], 1, true), []);
        let units = [((), ()), ((), ())];
        assert_eq!(said(&units, 1, true), said(&units, 1, false));
    }

    #[test]
    fn copies_are_given_sorted_some_at_a_time() {
        let numbers: Vec<(u64, i64)> = (0..60_000).map(|n| (n * n, 7 - n as i64)).collect();
        let whole = writer(&numbers, 17_001, true).finish().unwrap().keyed;
        for (size, is_copied) in [(1, true), (300_000, true), (usize::MAX, false)] {
            let (mut again, mut times, mut most) = (KeyedRecords::default(), 0, 0);
            let mut from = writer(&numbers, 17_001, is_copied);
            let told = from.sorted(size, |sorted| {
                let before = again.bytes();
                for (group, records) in sorted.pieces(1_000) {
                    assert!(again.add(group, records));
                }
                (times, most) = (times + 1, most.max(again.bytes() - before));
                Ok::<_, ()>(())
            });
            assert_eq!(told.unwrap(), Ok(()));
            assert_eq!(again.len(), numbers.len());
            assert!(by_group(&again) == by_group(&whole));
            if is_copied {
                // Never more than what was asked for, and a piece of copies.
                assert!(
                    times > 1 && most < size + 2 * PIECE,
                    "{times} times, {most} at most"
                );
                assert!(from.encoded().keyed.is_empty(), "there in another form");
            }
        }
        let mut refused = writer(&numbers, 17_001, true);
        assert_eq!(refused.sorted(1, |_| Err(7)).unwrap(), Err(7));
    }

    #[test]
    fn what_is_forgotten_is_not_written() {
        let mut written = Written::default();
        assert!(written.under(b"w", GROUPS).copy([(1u64, 2i64)].into_iter()));
        written.clear();
        assert!(written.under(b"w", GROUPS).copy([(3u64, 4i64)].into_iter()));
        let mut writer = SnapshotWriter::new(GROUPS);
        writer.append(&mut written);
        writer.clear_keyed();
        assert!(writer.is_nothing());
        assert!(writer.finish().unwrap().keyed.is_empty());
    }

    /// A value that has no encoding.
    #[derive(Clone)]
    struct Refusing;

    impl serde::Serialize for Refusing {
        fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }

    impl<'de> serde::Deserialize<'de> for Refusing {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
            Ok(Refusing)
        }
    }

    #[test]
    fn a_value_that_refuses_to_be_encoded_is_an_error_in_the_end() {
        let mut written = Written::default();
        assert!(
            written
                .under(b"w", GROUPS)
                .copy([(1u64, Refusing)].into_iter())
        );
        let mut writer = SnapshotWriter::new(GROUPS);
        writer.append(&mut written);
        assert!(writer.sorted(1, |_| Ok::<_, ()>(())).is_err());
        let mut written = Written::default();
        let mut to = written.under(b"w", GROUPS);
        assert!(to.copy([(1u64, Refusing)].into_iter()));
        let mut writer = SnapshotWriter::new(GROUPS);
        writer.append(&mut written);
        assert!(writer.finish().is_err());
    }
}
