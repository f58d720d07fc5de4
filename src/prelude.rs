//! Everything that a pipeline is usually written with: `use whitebeam::prelude::*;`.
//!
//! Owns nothing. `Result` and connectors are left out, so that a glob import hides no name.

#[cfg(feature = "batch")]
pub use crate::runners::BatchRunner;
#[cfg(feature = "local")]
pub use crate::runners::LocalRunner;
#[cfg(feature = "streaming")]
pub use crate::runners::StreamingRunner;
pub use whitebeam_sdk::prelude::*;
