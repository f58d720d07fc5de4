//! Codecs: between a value and its bytes in the world outside, apart from what carries the bytes.
//!
//! Owns the two directions and what is wrong with bytes that mean nothing. Knows no transport: who
//! uses a codec adds where the bytes stood. Does not own the engine's own coder, which never leaves
//! the engine.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use whitebeam_sdk::{Error, Result};

/// Turns values of a type into bytes and back.
pub trait Codec<T>: Clone + Debug + Send + Sync + 'static {
    /// Its name, for `explain`, such as `JSON`.
    fn name(&self) -> &'static str;
    /// Reads a value; all of `bytes` belong to it.
    fn decode(&self, bytes: &[u8]) -> Result<T>;
    /// Appends a value's bytes to `out`.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()>;
}

/// One JSON value.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Json;

impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn name(&self) -> &'static str {
        "JSON"
    }

    fn decode(&self, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|e| {
            let what = if e.is_data() {
                "JSON, but not of the type that is read"
            } else {
                "not JSON"
            };
            Error::data(format!("a record is {what}: {e}"))
        })
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        serde_json::to_writer(out, value)
            .map_err(|e| unwritten::<T>("JSON", e).help("keys of JSON maps are strings or numbers"))
    }
}

/// Postcard: short and fast, without names. Both sides must know the same type.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Postcard;

impl<T: Serialize + DeserializeOwned> Codec<T> for Postcard {
    fn name(&self) -> &'static str {
        "postcard"
    }

    fn decode(&self, bytes: &[u8]) -> Result<T> {
        let refuse = |why: &dyn std::fmt::Display| {
            Error::data(format!("a record is not of the type that is read: {why}"))
        };
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(refuse(&format_args!("{} bytes are left over", rest.len()))),
            Err(e) => Err(refuse(&e)),
        }
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        let taken = std::mem::take(out);
        *out = postcard::to_extend(value, taken).map_err(|e| unwritten::<T>("postcard", e))?;
        Ok(())
    }
}

/// Bytes as they are.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Raw;

impl Codec<Vec<u8>> for Raw {
    fn name(&self) -> &'static str {
        "bytes"
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(bytes.to_vec())
    }

    fn encode(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(value);
        Ok(())
    }
}

/// Text in UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Utf8;

impl Codec<String> for Utf8 {
    fn name(&self) -> &'static str {
        "UTF-8"
    }

    fn decode(&self, bytes: &[u8]) -> Result<String> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(e) => Err(Error::data(format!("a record is not UTF-8: {e}"))),
        }
    }

    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }
}

fn unwritten<T>(format: &str, e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::user_code(format!(
        "an element of type {} cannot be written as {format}",
        std::any::type_name::<T>()
    ))
    .caused_by(e)
}

#[cfg(test)]
mod tests;
