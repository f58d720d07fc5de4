//! What users import: pipelines, collections, transforms, windows and triggers as plain data, and
//! the interfaces that connectors and runners implement.
//!
//! Owns the graph and the typed halves of execution behind [`erase`]. Knows no threads, no clocks,
//! no async runtime and no runner.

mod at;
pub mod batch;
pub mod combine;
pub mod dofn;
pub mod element;
pub mod erase;
mod error;
pub mod graph;
pub mod hash;
mod pane;
mod pcollection;
mod pipeline;
pub mod prelude;
pub mod sink;
pub mod snapshot;
pub mod source;
pub mod text;
pub mod time;
pub mod transform;
pub mod trigger;
pub mod window;

pub use at::At;
pub use element::{Element, Key};
pub use error::{Error, ErrorKind, Result};
pub use pane::{PaneInfo, PaneTiming};
pub use pcollection::PCollection;
pub use pipeline::Pipeline;
pub use text::{Line, Str};
pub use time::{Duration, Timestamp};
pub use window::Window;
