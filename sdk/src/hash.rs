//! The stable key hash: the same key hashes the same in every process and every build.
//!
//! Owns the function and its version, which stands in every snapshot. It hashes a key's serde
//! form, not its `Hash` form, since a derived `Hash` may change between builds; integers and
//! tuples of them still compile to a few multiplications. Key groups are the high bits.

use serde::ser::{self, Serialize};
use std::fmt;

/// Version of [`stable_hash`]; a snapshot written under another version must not be restored.
pub const HASH_VERSION: u32 = 2;

/// A fixed slice of all keys: the unit in which workers own state.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct KeyGroup(pub u16);

/// Number of key groups of a pipeline unless it was first run with another.
pub const KEY_GROUPS: u16 = 128;

impl KeyGroup {
    /// The group of a key with this hash, of `groups` in all.
    #[inline]
    pub fn of(hash: u64, groups: u16) -> KeyGroup {
        // The product's high half scales the hash's high bits to 0..groups without a division.
        KeyGroup(((u128::from(hash) * u128::from(groups)) >> 64) as u16)
    }
}

/// The hash of `key`, equal in every process and build.
#[inline]
pub fn stable_hash<K: Serialize + ?Sized>(key: &K) -> u64 {
    let mut state = State(SEED);
    // A hasher has no way to fail; a `Serialize` that refuses its own value hashes to its prefix,
    // and the coder reports the refusal when the key is encoded.
    let _ = key.serialize(&mut state);
    state.0
}

const SEED: u64 = 0x51_7c_c1_b7_27_22_0a_95;
const FACTOR: u64 = 0x9e_37_79_b9_7f_4a_7c_15;

struct State(u64);

impl State {
    #[inline(always)]
    fn mix(&mut self, x: u64) {
        // The low half spreads neighbours evenly over its high bits; the high half brings down what
        // differs in high bits only.
        let product = u128::from(self.0 ^ x) * u128::from(FACTOR);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(last));
        }
    }
}

/// Never constructed: hashing cannot fail.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key's own Serialize refused it")
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Refused
    }
}

macro_rules! mix_as_word {
    ($($method:ident: $type:ty),*) => {$(
        #[inline(always)]
        fn $method(self, v: $type) -> Result<(), Refused> {
            self.mix(v as u64);
            Ok(())
        }
    )*};
}

impl ser::Serializer for &mut State {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    mix_as_word!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_char: char
    );

    fn serialize_i128(self, v: i128) -> Result<(), Refused> {
        self.serialize_u128(v as u128)
    }
    fn serialize_u128(self, v: u128) -> Result<(), Refused> {
        self.mix(v as u64);
        self.mix((v >> 64) as u64);
        Ok(())
    }
    fn serialize_f32(self, v: f32) -> Result<(), Refused> {
        self.mix(u64::from(v.to_bits()));
        Ok(())
    }
    fn serialize_f64(self, v: f64) -> Result<(), Refused> {
        self.mix(v.to_bits());
        Ok(())
    }
    #[inline]
    fn serialize_str(self, v: &str) -> Result<(), Refused> {
        self.bytes(v.as_bytes());
        Ok(())
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Refused> {
        self.bytes(v);
        Ok(())
    }
    fn serialize_none(self) -> Result<(), Refused> {
        self.mix(0);
        Ok(())
    }
    fn serialize_some<T: ?Sized + Serialize>(self, v: &T) -> Result<(), Refused> {
        self.mix(1);
        v.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Refused> {
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        Ok(())
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), Refused> {
        self.mix(u64::from(index));
        Ok(())
    }
    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        v: &T,
    ) -> Result<(), Refused> {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        v: &T,
    ) -> Result<(), Refused> {
        self.mix(u64::from(index));
        v.serialize(self)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Refused> {
        self.mix(len.unwrap_or(usize::MAX) as u64);
        Ok(self)
    }
    #[inline(always)]
    fn serialize_tuple(self, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.mix(u64::from(index));
        Ok(self)
    }
    fn serialize_map(self, len: Option<usize>) -> Result<Self, Refused> {
        self.serialize_seq(len)
    }
    #[inline(always)]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.mix(u64::from(index));
        Ok(self)
    }
    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! mix_parts {
    ($($part:ident: $method:ident $(($name:ty))?),*) => {$(
        impl ser::$part for &mut State {
            type Ok = ();
            type Error = Refused;
            #[inline(always)]
            fn $method<T: ?Sized + Serialize>(&mut self, $(_: $name,)? v: &T) -> Result<(), Refused> {
                v.serialize(&mut **self)
            }
            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )*};
}

mix_parts!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
    SerializeStruct: serialize_field(&'static str),
    SerializeStructVariant: serialize_field(&'static str)
);

impl ser::SerializeMap for &mut State {
    type Ok = ();
    type Error = Refused;
    fn serialize_key<T: ?Sized + Serialize>(&mut self, k: &T) -> Result<(), Refused> {
        k.serialize(&mut **self)
    }
    fn serialize_value<T: ?Sized + Serialize>(&mut self, v: &T) -> Result<(), Refused> {
        v.serialize(&mut **self)
    }
    fn end(self) -> Result<(), Refused> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_recorded_ones() {
        // Snapshots depend on these figures: a change needs a new HASH_VERSION.
        assert_eq!(
            stable_hash(&7u64),
            stable_hash(&7u32),
            "width does not matter"
        );
        assert_eq!(stable_hash("abc"), stable_hash(&"abc".to_string()));
        assert_eq!(stable_hash(&1u64), RECORDED[0]);
        assert_eq!(stable_hash("United Kingdom"), RECORDED[1]);
        assert_eq!(stable_hash(&(1u32, "UK")), RECORDED[2]);
        assert_eq!(HASH_VERSION, 2);
    }

    const RECORDED: [u64; 3] = [
        14_307_319_321_230_974_334,
        16_944_386_216_439_561_756,
        11_451_584_376_436_135_049,
    ];

    #[test]
    fn key_groups_and_low_bits_are_spread() {
        let mut groups = [0u32; 128];
        let mut low = [0u32; 256];
        for k in 0..128_000u64 {
            let h = stable_hash(&k);
            groups[KeyGroup::of(h, 128).0 as usize] += 1;
            low[(h & 255) as usize] += 1;
        }
        assert!(
            groups.iter().all(|n| (800..1_200).contains(n)),
            "{groups:?}"
        );
        assert!(low.iter().all(|n| (380..620).contains(n)), "{low:?}");
    }
}
