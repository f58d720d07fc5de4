//! Filling batches, shared by the readers of all formats.
//!
//! Owns how many elements a poll adds and that they stand in the global window before all time.

use whitebeam_sdk::Timestamp;
use whitebeam_sdk::batch::{Batch, batch_len};
use whitebeam_sdk::source::{Poll, ReadOptions};
use whitebeam_sdk::{Element, Result};

/// Appends what `next` yields to `out` until a batch is full; `None` from it is the end.
#[inline]
pub(super) fn fill<T: Element>(
    out: &mut Batch<T>,
    options: &ReadOptions,
    mut next: impl FnMut() -> Result<Option<T>>,
) -> Result<Poll> {
    let most = options.max_elements.unwrap_or(batch_len::<T>()).max(1);
    if !out.is_empty() {
        for _ in 0..most {
            match next()? {
                Some(value) => out.push_at(value, Timestamp::MIN),
                None => return Ok(Poll::End),
            }
        }
        return Ok(Poll::More);
    }
    // An empty batch stands where a source's elements stand, for as many as are added.
    out.clear();
    let values = out.owned_mut();
    values.reserve(most.min(batch_len::<T>()));
    for _ in 0..most {
        match next()? {
            Some(value) => values.push(value),
            None => return Ok(Poll::End),
        }
    }
    Ok(Poll::More)
}
