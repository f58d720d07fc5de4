//! Records that cannot be decoded: an error that ends the run, or an element like any other.
//!
//! Owns the choice between the two. Invariant: no undecodable record is passed over in silence.

use serde::{Deserialize, Serialize};
use whitebeam_sdk::{Element, Error, Result};

/// A record of a file: what it says, or why it says nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Decoded<T> {
    /// The record, decoded.
    Ok(T),
    /// The record as it stands, and what is wrong with it.
    Undecodable(Undecodable),
}

/// A record that could not be decoded, for a dead-letter output.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Undecodable {
    /// The record without its line break. A CSV record is written out again from its fields, which
    /// may differ from the file in quotes.
    pub raw: Vec<u8>,
    /// The file.
    pub file: String,
    /// The line it begins in, from 1.
    pub line: u64,
    /// The offset it begins at, after decompression.
    pub byte: u64,
    /// What is wrong with it.
    pub error: String,
}

/// What becomes of records that cannot be decoded.
pub trait OnError<T: Element>: Copy + Send + Sync + 'static {
    /// What the source yields.
    type Out: Element;
    /// A decoded record.
    fn decoded(value: T) -> Self::Out;
    /// A record that `error` says is wrong, where it is, and its bytes.
    fn undecodable(
        error: Error,
        letter: impl FnOnce(String) -> Result<Undecodable>,
    ) -> Result<Self::Out>;
}

/// The first undecodable record ends the run.
#[derive(Clone, Copy, Debug)]
pub struct Fail;

/// Undecodable records are elements.
#[derive(Clone, Copy, Debug)]
pub struct Keep;

impl<T: Element> OnError<T> for Fail {
    type Out = T;
    #[inline]
    fn decoded(value: T) -> T {
        value
    }
    fn undecodable(error: Error, _: impl FnOnce(String) -> Result<Undecodable>) -> Result<T> {
        Err(error.help(
            "correct the record, or keep undecodable records as elements: .keep_undecodable()",
        ))
    }
}

impl<T: Element> OnError<T> for Keep {
    type Out = Decoded<T>;
    #[inline]
    fn decoded(value: T) -> Decoded<T> {
        Decoded::Ok(value)
    }
    fn undecodable(
        error: Error,
        letter: impl FnOnce(String) -> Result<Undecodable>,
    ) -> Result<Decoded<T>> {
        letter(error.message().to_owned()).map(Decoded::Undecodable)
    }
}
