//! What the records of a table begin with in a snapshot: which window or slice they are of.

use serde::{Deserialize, Serialize};
use whitebeam_sdk::window::Window;
use whitebeam_sdk::{Result, Timestamp, element};

/// The table that a record belongs to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Head {
    /// That of a window.
    Window(Window),
    /// That of the slice that begins here.
    Slice(Timestamp),
}

/// What the records of a window begin with.
pub(super) fn head_of(window: Window) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    element::encode(&Head::Window(window), &mut head)?;
    Ok(head)
}
