//! `Str` and `Line` against `String` and `str`.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::repr::INLINE_MAX;
use super::{Block, Line, Str};
use crate::element::{self, Key};
use crate::hash::stable_hash;
use proptest::prelude::*;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Texts around the limit of what lies in place, with characters of one to four bytes.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[aäé€😀 \t,;]{0,9}",
        "[a\0]{0,3}",
        "[a-z]{0,15}",
        "[a-c]{13,17}",
        "[aä€😀,]{4,40}",
        Just("x".repeat(INLINE_MAX)),
    ]
}

/// The same text in every form that a string can have.
fn forms(text: &str) -> Vec<Str> {
    let block = Arc::new(format!("é{text}€"));
    let own: Str = text.to_owned().into();
    vec![
        Str::new(text),
        own.clone(),
        Str::slice_of(&block, 2..2 + text.len()).unwrap(),
        own.compact(),
        text.parse().unwrap(),
    ]
}

#[test]
fn a_string_is_two_words_and_a_line_too() {
    assert_eq!(size_of::<Str>(), 16);
    assert_eq!(size_of::<Line>(), 16);
}

#[test]
fn both_are_keys_and_may_cross_threads() {
    fn key<K: Key + Ord>() {}
    key::<Str>();
    key::<Line>();
}

#[test]
fn strings_come_from_and_go_to_the_standard_ones() {
    for text in ["", "tea", "0123456789abcdefghij"] {
        let (owned, line) = (text.to_owned(), Line::from(text));
        let same = Str::from(&owned);
        assert!(same == owned);
        assert!(owned == same);
        let longer = format!("{text}.");
        assert!(same != longer);
        assert!(longer != same);
        assert_eq!(Str::from(line.clone()), text);
        assert_eq!(String::from(line), text);
    }
}

#[test]
fn long_slices_share_and_short_ones_do_not() {
    let block = Arc::new("0123456789abcdefghij".to_owned());
    let long = Str::slice_of(&block, 0..16).unwrap();
    let short = Str::slice_of(&block, 0..15).unwrap();
    assert_eq!(Arc::strong_count(&block), 2);
    let again = long.clone();
    assert_eq!(Arc::strong_count(&block), 3);
    let compact = again.compact();
    assert_eq!(
        (Arc::strong_count(&block), &*compact),
        (2, "0123456789abcdef")
    );
    drop(long);
    assert_eq!((Arc::strong_count(&block), &*short), (1, "0123456789abcde"));
}

#[test]
fn slices_far_behind_in_a_block_are_copied() {
    let far = 1 << 24;
    let block = Arc::new(format!("{}{}", " ".repeat(far), "0123456789abcdefghij"));
    for (start, shared) in [(far - 1, true), (far, false)] {
        let part = Str::slice_of(&block, start..start + 17).unwrap();
        assert_eq!(part, block[start..start + 17]);
        assert_eq!(Arc::strong_count(&block) == 2, shared, "from byte {start}");
    }
}

#[test]
fn slices_end_between_characters() {
    let text = "a€0123456789abcdefgh";
    let line = Line::from(text);
    let long = Str::new(text);
    let short = Str::new("a€b");
    for range in [2..3, 0..2, 3..4, 0..99, 21..23] {
        assert_eq!(line.slice(range.clone()), None, "{range:?}");
        assert_eq!(long.slice(range.clone()), None, "{range:?}");
        assert_eq!(short.slice(range.clone()), None, "{range:?}");
        assert!(Block::from(text.to_owned()).line(range).is_none());
    }
    assert_eq!(short.slice(1..4).unwrap(), "€");
    assert_eq!(long.slice(1..22).unwrap(), "€0123456789abcdefgh");
}

#[test]
fn a_line_never_reaches_into_its_neighbours() {
    let block = Block::from("first\nsecond\n".to_owned());
    let line = block.line(0..5).unwrap();
    assert_eq!(line.slice(0..6), None);
    #[allow(clippy::reversed_empty_ranges, reason = "what is tested")]
    let backward = [3..2, usize::MAX..0];
    for range in backward {
        assert_eq!(line.slice(range), None);
    }
    assert_eq!(line.slice(5..5).unwrap(), "");
}

#[test]
fn bytes_are_checked_once_and_given_back() {
    assert_eq!(Block::from_utf8(vec![b'a']).unwrap().as_str(), "a");
    let error = Block::from_utf8(vec![b'a', 0xff]).unwrap_err();
    assert_eq!(error.utf8_error().valid_up_to(), 1);
    assert_eq!(error.into_bytes(), [b'a', 0xff]);
}

proptest! {
    #[test]
    fn every_form_of_a_string_behaves_as_its_text(a in texts(), b in texts()) {
        for x in forms(&a) {
            prop_assert_eq!(x.as_str(), &a);
            prop_assert_eq!(hash_of(&x), hash_of(a.as_str()));
            prop_assert_eq!(stable_hash(&x), stable_hash(&a));
            prop_assert_eq!(format!("{x} {x:?} {x:>20}"), format!("{a} {a:?} {a:>20}"));
            let mut bytes = Vec::new();
            element::encode(&x, &mut bytes).unwrap();
            let mut wanted = Vec::new();
            element::encode(&a, &mut wanted).unwrap();
            prop_assert_eq!(&bytes, &wanted);
            prop_assert_eq!(&element::decode::<Str>(&mut bytes.as_slice()).unwrap(), &x);
            for y in forms(&b) {
                prop_assert_eq!(x == y, a == b);
                prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            }
        }
    }

    #[test]
    fn slices_of_strings_are_slices_of_their_texts(
        a in texts(), start in 0usize..45, len in 0usize..45,
    ) {
        let wanted = a.get(start..start + len);
        for x in forms(&a) {
            let got = x.slice(start..start + len);
            prop_assert_eq!(got.as_deref(), wanted);
            drop(x);
            let compact = got.map(Str::compact);
            prop_assert_eq!(compact.as_deref(), wanted);
        }
        let line = Block::from(format!("é\n{a}\n€")).line(3..3 + a.len()).unwrap();
        let got = line.slice(start..start + len);
        prop_assert_eq!(got.as_deref(), wanted);
    }

    #[test]
    fn fields_and_words_are_those_of_str(a in texts(), separator in prop_oneof![
        Just(','), Just(' '), Just('ä'), Just('€'), Just('😀'),
    ]) {
        let line = Block::from(format!(",ä{a}, ")).line(3..3 + a.len()).unwrap();
        prop_assert_eq!(line.as_str(), a.as_str());
        let fields: Vec<Str> = line.fields(separator).collect();
        let wanted: Vec<&str> = a.split(separator).collect();
        prop_assert_eq!(&fields, &wanted);
        prop_assert_eq!(line.field(separator, 1), fields.get(1).cloned());
        let words: Vec<Str> = line.words().collect();
        prop_assert_eq!(words, a.split_ascii_whitespace().collect::<Vec<_>>());
        prop_assert_eq!(Str::from(&line), a.as_str());
        let mut bytes = Vec::new();
        element::encode(&line, &mut bytes).unwrap();
        prop_assert_eq!(element::decode::<Line>(&mut bytes.as_slice()).unwrap(), line);
    }
}
