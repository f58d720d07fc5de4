//! `RecordsUnder`: records of one head, encoded as they come.
//!
//! Owns how keys and values become the bytes of records. Does not own where these lie: that is
//! `KeyedRecords`'. Most records are short, and there are very many: they take the way through one
//! block of a length that is known when compiled.

use super::copies::Copies;
use super::records::KeyedRecords;
use crate::element::{self, Element, Key};
use crate::error::Result;
use crate::hash::{KeyGroup, stable_hash};
use serde::Serialize;

/// A record so short is put together in one place and copied as a block of this size: a copy whose
/// length is known when compiled costs next to nothing, and most records are short.
const SHORT: usize = 64;
/// The encoding of a front of small numbers.
const SHORT_FRONT: usize = 4;

/// Takes records of one head.
#[derive(Debug)]
pub struct RecordsUnder<'a> {
    to: &'a mut KeyedRecords,
    /// Where they may go as they are.
    copies: Option<&'a mut Copies>,
    groups: u16,
    head: &'a [u8],
    /// Room for a front, then the head.
    short: [u8; SHORT],
    long: Vec<u8>,
}

impl RecordsUnder<'_> {
    /// Adds the record of `key`: what is held is `value`, then `rest`.
    pub fn push<K: Serialize, V: Serialize>(
        &mut self,
        key: &K,
        value: &V,
        rest: &[u8],
    ) -> Result<()> {
        let group = KeyGroup::of(stable_hash(key), self.groups);
        let begin = SHORT_FRONT + self.head.len();
        let mut block = Block {
            bytes: &mut self.short,
            len: begin,
        };
        let is_key_in = postcard::serialize_with_flavor::<_, &mut Block<'_>, _>(key, &mut block);
        let known_by = block.len;
        let is_in = is_key_in.is_ok()
            && postcard::serialize_with_flavor::<_, &mut Block<'_>, _>(value, &mut block).is_ok()
            && block.extend(rest);
        let (len, fits) = (block.len, group.0 < 0x80 && begin < SHORT);
        if !is_in || !fits {
            return self.push_long(group, key, value, rest);
        }
        let lengths = [begin - SHORT_FRONT, known_by - begin, len - known_by];
        self.short[0] = group.0 as u8;
        for (at, length) in self.short[1..].iter_mut().zip(lengths) {
            // All are shorter than the block, which is shorter than what one byte can say.
            *at = length as u8;
        }
        let to = self.to.room_for(SHORT);
        let before = to.len();
        to.extend_from_slice(&self.short);
        to.truncate(before + len);
        self.to.len += 1;
        Ok(())
    }

    /// Adds the records of these keys, with nothing behind their values, as copies that are encoded
    /// later; false if that is not how such keys and values are added here.
    pub fn copy<K: Key, V: Element>(&mut self, all: impl ExactSizeIterator<Item = (K, V)>) -> bool {
        let copies = self.copies.as_mut().filter(|_| Copies::suit::<K, V>());
        match copies {
            Some(copies) => {
                copies.extend(self.head, self.groups, all);
                true
            }
            None => false,
        }
    }

    #[inline(never)]
    fn push_long<K: Serialize, V: Serialize>(
        &mut self,
        group: KeyGroup,
        key: &K,
        value: &V,
        rest: &[u8],
    ) -> Result<()> {
        self.long.clear();
        element::encode(key, &mut self.long)?;
        let key_len = self.long.len();
        element::encode(value, &mut self.long)?;
        let (key, value) = self.long.split_at(key_len);
        self.to.push(group, self.head, key, &[value, rest]);
        Ok(())
    }

    /// Adds the record of a key of this stable hash that is encoded already.
    pub fn push_encoded(&mut self, hash: u64, key: &[u8], value: &[u8], rest: &[u8]) {
        let group = KeyGroup::of(hash, self.groups);
        self.to.push(group, self.head, key, &[value, rest]);
    }
}

impl<'a> RecordsUnder<'a> {
    /// Takes copies too.
    pub(super) fn with(self, copies: &'a mut Copies) -> Self {
        RecordsUnder {
            copies: Some(copies),
            ..self
        }
    }
}

/// Encodes into a block as long as there is room.
struct Block<'a> {
    bytes: &'a mut [u8; SHORT],
    len: usize,
}

impl Block<'_> {
    #[inline(always)]
    fn extend(&mut self, more: &[u8]) -> bool {
        let Some(to) = self.bytes.get_mut(self.len..self.len + more.len()) else {
            return false;
        };
        for (to, byte) in to.iter_mut().zip(more) {
            *to = *byte;
        }
        self.len += more.len();
        true
    }
}

impl postcard::ser_flavors::Flavor for &mut Block<'_> {
    type Output = ();

    #[inline(always)]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    #[inline(always)]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        match self.extend(bytes) {
            true => Ok(()),
            false => Err(postcard::Error::SerializeBufferFull),
        }
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl KeyedRecords {
    /// Adds records of one head whose keys and values are still to be encoded, with keys in
    /// `groups` groups.
    pub fn under<'a>(&'a mut self, head: &'a [u8], groups: u16) -> RecordsUnder<'a> {
        let mut short = [0; SHORT];
        let begin = SHORT_FRONT + head.len();
        if let Some(at) = short.get_mut(SHORT_FRONT..begin) {
            at.copy_from_slice(head);
        }
        RecordsUnder {
            to: self,
            copies: None,
            groups,
            head,
            short,
            long: Vec::new(),
        }
    }
}
