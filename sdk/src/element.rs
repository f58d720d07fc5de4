//! `Element` and `Key`: what may travel in a collection and what may be grouped by.
//!
//! Owns the two bounds, with the compiler messages users see, and the engine's coder (postcard).
//! Invariant: equal keys encode to equal bytes.

use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::Hash;

/// A value that can travel in a `PCollection`. Implemented for every type with these bounds;
/// derive `Clone`, `Serialize` and `Deserialize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a PCollection",
    label = "not an element",
    note = "an element is `Clone + Send + Sync + 'static` and has serde's `Serialize` and `Deserialize`",
    note = "derive them: `#[derive(Clone, Serialize, Deserialize)]`"
)]
pub trait Element: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> Element for T {}

/// A value that can be grouped by: an element with `Eq`, `Hash` and one byte form per value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a grouping key",
    label = "this key has no single byte form",
    note = "equal keys must encode to equal bytes; a HashMap iterates in any order, and a float has values that are equal but not the same (and NaN, which equals nothing)",
    note = "use `BTreeMap` instead of `HashMap`, an integer (such as cents) instead of a float, or choose a smaller key with `.with_keys(|x| x.id)`"
)]
pub trait Key: Element + Eq + Hash {}

#[diagnostic::do_not_recommend]
impl<T: Element + Eq + Hash> Key for T {}

/// Appends the engine's encoding of `value` to `out`; nothing if it has none.
pub fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    let before = out.len();
    postcard::serialize_with_flavor(value, Behind(out)).map_err(|e| {
        out.truncate(before);
        Error::data(format!(
            "a value of type {} cannot be encoded",
            std::any::type_name::<T>()
        ))
        .caused_by(e)
        .help("types whose serde form needs a self-describing format cannot be elements")
    })
}

/// Appends what is encoded.
struct Behind<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Behind<'_> {
    type Output = ();

    #[inline(always)]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline(always)]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Reads one value from the front of `bytes` and moves past it.
pub fn decode<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|e| {
        Error::data(format!(
            "a value of type {} cannot be decoded",
            std::any::type_name::<T>()
        ))
        .caused_by(e)
        .help("its Serialize and Deserialize must agree on what is written, field by field")
    })?;
    *bytes = rest;
    Ok(value)
}
