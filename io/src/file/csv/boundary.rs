//! Where a range of a CSV file without line breaks in fields begins.
//!
//! Owns one rule, which depends on the bytes around the limit only, so that the reader before it and
//! the one behind it agree. Invariant: a boundary is its own boundary.

use crate::file::compression::Compression;
use crate::file::input::{CHUNK, Input};
use std::io::Read;
use whitebeam_sdk::Result;

/// The first place from `limit` on that stands behind the first line break after a record, or the
/// end of the file. A CSV parser that has just read the record before stands exactly there: the
/// rest of the line break and empty lines belong to the record behind them.
pub(super) fn boundary(path: &str, limit: u64) -> Result<u64> {
    if limit == 0 {
        return Ok(0);
    }
    // Whether `limit` itself is a boundary shows in the two bytes before it.
    let mut at = limit.saturating_sub(2);
    let mut input = Input::open(path, Compression::Plain, at)?;
    let mut buffer = vec![0; CHUNK];
    let mut after_record = false;
    loop {
        let read = input.read(&mut buffer).map_err(|e| input.error(e))?;
        if read == 0 {
            return Ok(at.max(limit));
        }
        for byte in &buffer[..read] {
            at += 1;
            let breaks = matches!(byte, b'\r' | b'\n');
            if breaks && after_record && at >= limit {
                return Ok(at);
            }
            after_record = !breaks;
        }
    }
}
