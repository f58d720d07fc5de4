//! Batches: the typed form in which elements travel inside a worker.
//!
//! Owns values beside their metadata columns and how columns collapse to one value. Knows no
//! windows' meaning, no keys, no runner. Invariant: a column that is not uniform has exactly one
//! entry per value.

mod col;
mod fill;
mod prefetch;
mod rewrite;
#[cfg(test)]
mod tests;
mod vals;
mod windows;

pub use col::{Col, Meta};
pub(crate) use fill::{Fill, fill_from};
pub(crate) use prefetch::prefetch_behind;
pub(crate) use rewrite::{fits, rewrite, rewrite_each};
pub use vals::{Batch, Vals};

/// Values per batch are chosen so that a batch of any type takes about this many bytes and the
/// producer's output is still in cache when the consumer reads it.
pub const BATCH_BYTES: usize = 8 * 1024;

/// How many values of `T` make a full batch.
pub const fn batch_len<T>() -> usize {
    let size = if size_of::<T>() == 0 {
        1
    } else {
        size_of::<T>()
    };
    let n = BATCH_BYTES / size;
    if n < 16 { 16 } else { n }
}
