//! A user's crate: it names `whitebeam` and nothing else, in a workspace of its
//! own, so no other member can lend it a dependency or a feature.

use whitebeam as _;

fn main() {}
