//! What sources and sinks of one's own must keep, as functions that check it.
//!
//! Owns the checks; they say what is broken and panic at nothing. Does not own an input or a target: a
//! test brings one, which nobody else changes meanwhile. Invariant: they ask a connector for nothing but
//! what a runner asks.

mod sink;
mod source;
#[cfg(test)]
mod tests;

pub use sink::{SinkTarget, sink};
pub use source::{Rows, source};

use std::fmt;
use whitebeam_sdk::{Element, Error, element};

/// How a contract is broken, in words.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken(pub(crate) String);

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

impl From<Error> for Broken {
    fn from(e: Error) -> Self {
        Broken(format!("it failed: {e}"))
    }
}

type Outcome<T = ()> = Result<T, Broken>;

/// Breaks unless it holds.
fn holds(is: bool, what: impl FnOnce() -> String) -> Outcome {
    match is {
        true => Ok(()),
        false => Err(Broken(what())),
    }
}

/// What a value becomes in a checkpoint.
fn bytes<T: Element>(value: &T) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    element::encode(value, &mut bytes)?;
    Ok(bytes)
}

/// A value as it comes back from a checkpoint.
fn kept<T: Element>(value: &T) -> Outcome<T> {
    Ok(element::decode(&mut bytes(value)?.as_slice())?)
}
