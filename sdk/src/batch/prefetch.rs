//! Prefetch: a hint that what lies behind a value will be read soon.
//!
//! Owns the hint only. It changes no result, and does nothing where the target has no such
//! instruction. Measured on records of 40 bytes in memory: hardware follows such a stream only as
//! long as a step reads it, and starts again, at the cost of a miss, after each other step.
#![allow(unsafe_code, reason = "listed in the design: prefetch")]

/// How far ahead: what the second-level cache can spare. Distances below 8 KiB gain nothing.
const AHEAD: usize = 64 * 1024;
const LINE: usize = 64;
/// Smaller values lie so densely that reading them is not what a step waits for.
const LARGE: usize = 32;

/// Asks for the memory that lies [`AHEAD`] of `value`, as large as it, whatever is there.
#[inline(always)]
pub(crate) fn prefetch_behind<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    if size_of::<T>() >= LARGE {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = std::ptr::from_ref(value).cast::<i8>().wrapping_add(AHEAD);
        for at in (0..size_of::<T>()).step_by(LINE) {
            // SAFETY: a prefetch reads nothing that a program sees, and never faults: the address
            // may be anything.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (value, AHEAD, LINE, LARGE);
}
