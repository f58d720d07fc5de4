//! An element can be encoded.
use whitebeam_sdk::prelude::*;

#[derive(Clone)]
struct Click {
    page: String,
}

fn main() {
    let p = Pipeline::new();
    let pages = p.create(["home".to_string()]);
    let _ = pages.map(|page| Click { page });
}
