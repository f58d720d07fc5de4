//! Where types meet erasure: the typed halves of execution behind small object-safe traits.
//!
//! Owns the only downcast ([`typed`]), once per batch and step. Runners and `runner-core` drive
//! what stands here and never see a `T`. Knows no policy: when a window fires, what is late and
//! what a pane is called are decided by the caller.

mod batch;
#[cfg(test)]
pub(crate) mod drive;
mod elementwise;
mod gather;
mod grouping;
mod kernel;
mod source;
mod step;
pub(crate) mod store;

pub use batch::{ErasedBatch, NewBatch, new_batch, typed};
pub use elementwise::Elementwise;
pub use gather::{Feed, Gather, Partials};
pub use grouping::{ErasedGrouping, Grouping};
pub use kernel::{Filter, FilterMap, FlatMap, Fuse, Identity, Kernel, Map, MapRef, Then};
pub use source::{ErasedReader, ErasedSink, ErasedSource, ErasedWriter, erase_sink, erase_source};
pub use step::{Dropped, Flow, MakeStep, Observes, Outs, Port, Step, StepContext};
pub use store::{
    AccId, AccOp, After, Beside, Firing, GroupStore, Meet, Place, Proposed, Run, Slot, SpanStore,
    Stamp, StoreKind, TableId, Which,
};
