//! Panics in user code become errors.
//!
//! Owns the unwinding boundary, once per push or settle. The step's name is added by the stage.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; a panic's message instead of its result.
pub(super) fn catch<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    // A stage that failed is torn down and never used again, so broken invariants cannot be seen.
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| message(payload.as_ref()))
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_string()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(no message)".to_string()
    }
}
