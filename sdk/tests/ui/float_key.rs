//! A float is no key.
use whitebeam_sdk::prelude::*;

fn main() {
    let p = Pipeline::new();
    let prices = p.create([(2.5_f64, 1)]);
    let _ = prices.group_by_key();
}
