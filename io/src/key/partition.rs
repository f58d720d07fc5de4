//! Which partition a key belongs to.
//!
//! Owns the hash, which is written into every topic by what lies where: it must never change. It is
//! the one that Kafka's own clients use (murmur2), so that a key has the same partition there.

/// The partition of an encoded key, of `partitions`: the same in every process and build, for as
/// long as the topic has so many partitions.
///
/// ```
/// use whitebeam_io::key::partition_of_key;
///
/// assert_eq!(partition_of_key(b"UK", 4), partition_of_key(b"UK", 4));
/// ```
pub fn partition_of_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

const SEED: u32 = 0x9747_b28c;
const FACTOR: u32 = 0x5bd1_e995;

fn murmur2(bytes: &[u8]) -> u32 {
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        word = (word ^ (word >> 24)).wrapping_mul(FACTOR);
        hash = hash.wrapping_mul(FACTOR) ^ word;
    }
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_kafkas_clients() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
    }

    #[test]
    fn partitions_are_in_range_and_filled() {
        let mut filled = [0; 7];
        for n in 0..7_000_u32 {
            filled[partition_of_key(&n.to_be_bytes(), 7) as usize] += 1;
        }
        assert!(
            filled.iter().all(|n| (850..1_150).contains(n)),
            "{filled:?}"
        );
        assert_eq!(partition_of_key(b"x", 0), 0);
    }
}
