//! `StagedRows`: rows that wait for their commit, as the runner keeps them.
//!
//! Owns their form and the token that tells what was staged from anything else staged for the same
//! epoch. Invariant: rows carry the columns and types that they were encoded for.

use serde::{Deserialize, Serialize};

/// Rows that one shard wrote, in PostgreSQL's binary form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StagedRows {
    /// The writer that wrote them, told from all others.
    pub(super) writer: u128,
    pub(super) shard: u32,
    /// Tells them from all others of the shard.
    pub(super) part: u64,
    /// Names and types of the columns, in the order of the values.
    pub(super) columns: Vec<(String, String)>,
    pub(super) rows: u64,
    #[serde(with = "in_one_piece")]
    pub(super) bytes: Vec<u8>,
}

/// Compared across restarts and builds, so that it never changes (FNV-1a over who staged what).
pub(super) fn token_of(staged: &[StagedRows]) -> i64 {
    let mut parts: Vec<_> = staged.iter().map(|s| (s.writer, s.shard, s.part)).collect();
    parts.sort_unstable();
    let bytes = parts.into_iter().flat_map(|(writer, shard, part)| {
        let writer = writer.to_le_bytes().into_iter();
        writer.chain(shard.to_le_bytes()).chain(part.to_le_bytes())
    });
    let token = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    token.cast_signed()
}

/// A megabyte goes as one string of bytes and not as a million numbers.
mod in_one_piece {
    use serde::de::{Error, SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};
    use std::fmt;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        from.deserialize_byte_buf(Bytes)
    }

    struct Bytes;

    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Vec<u8>, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = numbers.next_element()? {
                bytes.push(byte);
            }
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(writer: u128, part: u64) -> StagedRows {
        StagedRows {
            writer,
            shard: 0,
            part,
            columns: vec![("a".into(), "text".into())],
            rows: 1,
            bytes: vec![0, 1, 255],
        }
    }

    #[test]
    fn tokens_tell_who_staged_and_never_change() {
        let token = token_of(&[staged(7, 1), staged(7, 2)]);
        assert_eq!(token, token_of(&[staged(7, 2), staged(7, 1)]));
        assert_ne!(token, token_of(&[staged(7, 1)]));
        assert_ne!(token, token_of(&[staged(8, 1), staged(8, 2)]));
        assert_eq!(token_of(&[staged(7, 1)]), TOKEN);
    }

    const TOKEN: i64 = 3_643_828_215_327_872_291;

    #[test]
    fn staged_rows_come_back_from_any_form() {
        let rows = staged(u128::MAX, 3);
        let json = serde_json::to_string(&rows).unwrap();
        assert_eq!(serde_json::from_str::<StagedRows>(&json).unwrap(), rows);
        let mut bytes = Vec::new();
        whitebeam_sdk::element::encode(&rows, &mut bytes).unwrap();
        let back: StagedRows = whitebeam_sdk::element::decode(&mut bytes.as_slice()).unwrap();
        assert_eq!(back, rows);
    }
}
