//! The index against a map, and how far keys stand from their homes.

use super::*;
use crate::hash::{KeyGroup, stable_hash};
use proptest::prelude::*;
use std::collections::HashMap;

proptest! {
    /// Keys whose hashes collide in every way, entered, redirected and removed.
    #[test]
    fn an_index_is_a_map(
        in_pieces: bool,
        ops in prop::collection::vec((0u8..8, 0u64..80), 1..400),
    ) {
        let hash = |key: u64| (key % 7) << 40 | (key % 3) << 50 | (key / 20) << 33;
        let large = if in_pieces { 1 } else { usize::MAX };
        let (mut index, mut keys) = (Index::growing(large), Vec::new());
        let mut model = HashMap::new();
        for (op, key) in ops {
            let found = index.find(hash(key), |slot| keys[slot] == key);
            prop_assert_eq!(found.ok(), model.get(&key).copied());
            let growing = index.find_growing(hash(key), |slot| keys[slot] == key);
            prop_assert_eq!(growing.ok(), found.ok());
            if !in_pieces {
                let probed = index.probes().and_then(|probes| {
                    probes.find(hash(key), |slot| keys.get(slot) == Some(&key))
                });
                prop_assert_eq!(probed, found.ok());
            }
            match (op, found) {
                (4.., Err(at)) => {
                    index.enter(hash(key), at, keys.len());
                    model.insert(key, keys.len());
                    keys.push(key);
                }
                (4.., _) => index.move_some(key as usize),
                (0 | 1, Err(at)) => {
                    index.enter(hash(key), at, keys.len());
                    model.insert(key, keys.len());
                    keys.push(key);
                }
                (2, Ok(slot)) => {
                    index.leave(hash(key), slot);
                    model.remove(&key);
                }
                (3, Ok(slot)) => {
                    index.redirect(hash(key), slot, keys.len());
                    model.insert(key, keys.len());
                    keys.push(key);
                }
                _ => {}
            }
            prop_assert_eq!(index.len(), model.len());
        }
    }
}

#[test]
fn a_large_index_grows_in_pieces() {
    let mut index = Index::in_pieces();
    let keys = LARGE as u64 * 4;
    let mut most = 0;
    for key in 0..keys {
        let hash = stable_hash(&key);
        let at = index.find(hash, |slot| slot as u64 == key).unwrap_err();
        index.enter(hash, at, key as usize);
        if let Some(old) = &index.old {
            most = most.max(old.left());
        }
    }
    assert!(most >= LARGE, "never in two places: {most}");
    for key in 0..keys {
        let found = index.find(stable_hash(&key), |slot| slot as u64 == key);
        assert_eq!(found, Ok(key as usize));
    }
}

/// New memory is met from both ends: what stood around the end of the old places is moved at once.
#[test]
fn keys_that_stand_around_the_end_are_found_while_the_index_grows() {
    let hash = |key: u64| 0x00ff_ffff << 32 | key << 56;
    let mut index = Index::growing(1);
    let keys = 8 * PAGE as u64;
    for key in 0..keys {
        let at = index.find_growing(hash(key), |slot| slot as u64 == key);
        index.enter(hash(key), at.unwrap_err(), key as usize);
    }
    for key in 0..keys {
        let found = index.find(hash(key), |slot| slot as u64 == key);
        assert_eq!(found, Ok(key as usize));
    }
}

/// Greatest distance of a key from its home.
fn furthest(keys: impl Iterator<Item = u64>) -> usize {
    let mut index = Index::new();
    keys.enumerate().for_each(|(slot, key)| {
        index.enter_new(stable_hash(&key), slot);
    });
    let mask = index.places.len() - 1;
    let places = index.places.iter().enumerate().filter(|(_, e)| **e != 0);
    let away = places.map(|(at, e)| at.wrapping_sub(home(*e, index.shift)) & mask);
    away.max().unwrap_or(0)
}

#[test]
fn keys_of_any_spacing_stay_near_their_homes() {
    for bits in 0..50 {
        let far = furthest((0..10_000).map(|k: u64| k << bits));
        assert!(far < 40, "{far} places with keys {} apart", 1u64 << bits);
    }
    let floats = furthest((0..10_000u32).map(|k| f64::from(k).to_bits()));
    assert!(floats < 40, "{floats} places with whole floats");
    let of_one_worker = (0..).filter(|k| KeyGroup::of(stable_hash(k), 128).0 < 16);
    let far = furthest(of_one_worker.take(10_000));
    assert!(
        far < 40,
        "{far} places with the keys of one worker of eight"
    );
    assert_eq!(furthest(0..8_000), 0, "numbered keys do not meet");
}
