//! Groupings to test stores with, and what they must emit, said without accumulators.

use crate::element::Element;
use crate::erase::batch::{ErasedBatch, typed};
use crate::erase::gather::{Feed, Gather};
use crate::erase::grouping::Grouping;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// A grouping with two inputs: port 0 takes keys and numbers, port 1 their text and then the key;
/// port 2 takes partials.
pub(super) trait Case: Gather<Key: Ord + Debug, Acc: Debug, Out: Debug> + Default {
    fn key(n: u16) -> Self::Key;
    fn add(acc: &mut Self::Acc, value: i64);
    /// What a pane of these values shows.
    fn outputs(key: &Self::Key, values: &[i64]) -> Vec<Self::Out>;
    /// The accumulator of these values.
    fn partial(values: &[i64]) -> Self::Acc;

    fn grouping() -> Grouping<Self> {
        Grouping::new(Self::default(), true).feed(Number).feed(Text)
    }
}

pub(super) struct Number;
pub(super) struct Text;

impl<C: Case> Feed<C> for Number {
    type Item = (C::Key, i64);
    type Value = i64;
    fn key(item: &Self::Item) -> &C::Key {
        &item.0
    }
    fn split(item: Self::Item) -> (C::Key, i64) {
        item
    }
    fn add(&self, _: &C, acc: &mut C::Acc, value: i64) {
        C::add(acc, value);
    }
}

impl<C: Case> Feed<C> for Text {
    type Item = (String, C::Key);
    type Value = String;
    fn key(item: &Self::Item) -> &C::Key {
        &item.1
    }
    fn split((text, key): Self::Item) -> (C::Key, String) {
        (key, text)
    }
    fn add(&self, _: &C, acc: &mut C::Acc, value: String) {
        C::add(acc, value.parse().unwrap());
    }
}

/// Fills a batch of input `port`.
pub(super) fn fill<C: Case>(port: usize, batch: &mut dyn ErasedBatch, rows: &[(u16, i8)]) {
    for &(n, value) in rows {
        let (key, value) = (C::key(n), i64::from(value));
        match port {
            0 => push(batch, (key, value)),
            1 => push(batch, (value.to_string(), key)),
            _ => push(batch, (key, C::partial(&[value]))),
        }
    }
}

fn push<T: Element>(batch: &mut dyn ErasedBatch, item: T) {
    typed::<T>(batch).push_at(item, crate::Timestamp::MIN);
}

/// Sums. A pane is so wide that sixteen of them fill a batch.
#[derive(Default)]
pub(super) struct SumCase;

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Wide {
    key: u32,
    sum: i64,
    padding: [[u64; 32]; 4],
}

impl Debug for Wide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.key, self.sum)
    }
}

impl Gather for SumCase {
    type Key = u32;
    type Acc = i64;
    type Out = Wide;
    fn create(&self) -> i64 {
        0
    }
    fn merge(&self, into: &mut i64, from: i64) {
        *into += from;
    }
    fn emit(&self, key: u32, sum: i64, emit: &mut impl FnMut(Wide)) {
        let padding = [[0; 32]; 4];
        emit(Wide { key, sum, padding });
    }
}

impl Case for SumCase {
    fn key(n: u16) -> u32 {
        u32::from(n) * 77_777
    }
    fn add(acc: &mut i64, value: i64) {
        *acc += value;
    }
    fn outputs(key: &u32, values: &[i64]) -> Vec<Wide> {
        vec![Wide {
            key: *key,
            sum: values.iter().sum(),
            padding: [[0; 32]; 4],
        }]
    }
    fn partial(values: &[i64]) -> i64 {
        values.iter().sum()
    }
}

/// Every value, in order; a pane for each, and so none for no values.
#[derive(Default)]
pub(super) struct ListCase;

impl Gather for ListCase {
    type Key = String;
    type Acc = Vec<i64>;
    type Out = (String, usize, i64);
    fn create(&self) -> Vec<i64> {
        Vec::new()
    }
    fn merge(&self, into: &mut Vec<i64>, from: Vec<i64>) {
        into.extend(from);
    }
    fn emit(&self, key: String, values: Vec<i64>, emit: &mut impl FnMut(Self::Out)) {
        for (i, value) in values.into_iter().enumerate() {
            emit((key.clone(), i, value));
        }
    }
}

impl Case for ListCase {
    fn key(n: u16) -> String {
        // One key is empty, some are prefixes of others.
        "ab".repeat(usize::from(n % 7)) + &"c".repeat(usize::from(n / 7 % 5)) + &key_tail(n / 35)
    }
    fn add(acc: &mut Vec<i64>, value: i64) {
        acc.push(value);
    }
    fn outputs(key: &String, values: &[i64]) -> Vec<Self::Out> {
        let mut all = Vec::new();
        for (i, value) in values.iter().enumerate() {
            all.push((key.clone(), i, *value));
        }
        all
    }
    fn partial(values: &[i64]) -> Vec<i64> {
        values.to_vec()
    }
}

fn key_tail(n: u16) -> String {
    match n {
        0 => String::new(),
        n => n.to_string(),
    }
}

/// The greatest value, without a key.
#[derive(Default)]
pub(super) struct UnitCase;

impl Gather for UnitCase {
    type Key = ();
    type Acc = Option<i64>;
    type Out = Option<i64>;
    fn create(&self) -> Option<i64> {
        None
    }
    fn merge(&self, into: &mut Option<i64>, from: Option<i64>) {
        *into = (*into).max(from);
    }
    fn emit(&self, (): (), acc: Option<i64>, emit: &mut impl FnMut(Option<i64>)) {
        emit(acc);
    }
}

impl Case for UnitCase {
    fn key(_: u16) {}
    fn add(acc: &mut Option<i64>, value: i64) {
        *acc = (*acc).max(Some(value));
    }
    fn outputs((): &(), values: &[i64]) -> Vec<Option<i64>> {
        vec![values.iter().copied().max()]
    }
    fn partial(values: &[i64]) -> Option<i64> {
        values.iter().copied().max()
    }
}
