//! The table against an ordered map, over long random runs of the operations the loops use.

use std::collections::BTreeMap;

use super::Slots;

/// A small generator of its own (xorshift), so that a failure repeats.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn table_agrees_with_an_ordered_map_through_growth_and_sweeps() {
    for seed in 1..=20u64 {
        let mut state = seed;
        let mut slots: Slots<u64> = Slots::new();
        let mut oracle: BTreeMap<u64, u64> = BTreeMap::new();
        for step in 0..20_000u64 {
            // Few distinct high bits make long runs that wrap around the end of the table.
            let key = random(&mut state) % 8_000 * [1, 0xFFFF_FFFF][(seed % 2) as usize];
            *slots.upsert(key, 0) += 1;
            *oracle.entry(key).or_insert(0) += 1;
            if step % 5_000 == 4_999 {
                let mut swept = Vec::new();
                slots.sweep(|count| *count > 2, |key, count| swept.push((key, count)));
                swept.sort_unstable();
                let expected: Vec<_> = oracle.extract_if(.., |_, count| *count > 2).collect();
                assert_eq!(swept, expected, "seed {seed} step {step}");
            }
        }
        assert_eq!(slots.taken, oracle.len());
        for key in (0..8_000).flat_map(|key| [key, key * 0xFFFF_FFFF]) {
            assert_eq!(slots.contains(key), oracle.contains_key(&key), "{key}");
        }
        slots.clear();
        assert!(oracle.keys().all(|key| !slots.contains(*key)));
    }
}
