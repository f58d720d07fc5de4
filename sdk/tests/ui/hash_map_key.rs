//! A map that iterates in any order is no key.
use std::collections::HashMap;
use whitebeam_sdk::prelude::*;

fn main() {
    let p = Pipeline::new();
    let clicks = p.create([(HashMap::from([("page".to_string(), 3_u64)]), 1)]);
    let _ = clicks.sum_per_key();
}
