//! Panics in user code become errors.
//!
//! Owns the unwinding boundary, once per push or settle. The step's name is added by the stage.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use whitebeam_sdk::{Error, Result};

/// Runs `body`; a panic in it becomes an error, to which the caller adds step and position.
pub fn catch<R>(body: impl FnOnce() -> R) -> Result<R> {
    // What failed is torn down and never used again, so broken invariants cannot be seen.
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        Error::user_code(format!("user code panicked: {}", message(payload.as_ref())))
            .note("The bundle was abandoned: nothing of it is visible.")
            .help("return an error (`try_map`, a DoFn) instead of panicking, or fix the code")
    })
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
