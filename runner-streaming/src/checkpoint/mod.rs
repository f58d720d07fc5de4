//! The durable side of a running pipeline: a directory of checkpoints that one instance owns.
//!
//! Owns names, file formats, the claim on the directory, publication, recovery and retention. Does
//! not own what state means (bytes in frames, by key group), nor when a checkpoint is taken, nor
//! the sinks. Invariants: a checkpoint is there whole or not at all; of two instances that go on
//! from one checkpoint at most one publishes the next; no file of a retained checkpoint is removed.
//!
//! ```text
//! gen/<generation>.claim                    who runs; locked while its process lives
//! gen/<generation>.beat                     until when its lease lasts
//! data/<generation>-<unique>.st             state, written once, shared by checkpoints
//! wal/<sink>/<epoch>-<shard>-<unique>.log   what a sink staged
//! wal/<sink>/<epoch>.committed              what it has made visible
//! chk/<slot>.manifest                       a checkpoint: its existence is the commit point
//! pins/<epoch>                              a checkpoint that is kept
//! ```
//!
//! Slots are counted without a gap while epochs may skip numbers (an attempt that failed used one
//! up): the next checkpoint's name depends on nothing but the one it follows, so that the link to
//! that name is a compare-and-set between instances. See `docs/decisions`.

mod book;
mod claim;
mod data;
mod directory;
mod error;
mod frame;
mod layout;
mod list;
mod log;
mod manifest;
mod publish;
mod recover;
mod retain;
mod seal;

#[cfg(test)]
mod tests;

pub use claim::Holder;
pub use data::{DataReader, DataWriter, Frame};
pub use directory::{Directory, Settings};
pub use error::{Error, LOST_LEASE};
pub use list::{Listed, list, list_in};
pub use log::{LogReader, LogWriter};
pub use manifest::{
    Content, DataFile, End, Generation, LogFile, Manifest, Owed, SourceState, Span, SplitState,
    StageState,
};
pub use publish::Staged;
pub use recover::{Committed, Recovered, Rejected, Rewind};

/// A result of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every labelled crash point of this module, in the order in which a life meets them.
pub const POINTS: &[&str] = &[
    "claim.tmp",
    "claim.linked",
    "rec.gen",
    "rec.chosen",
    "file.written",
    "file.fsynced",
    "mani.files_dirsynced",
    "mani.tmp",
    "mani.linked",
    "mani.dirsynced",
    "mani.verified",
    "sink.noted",
    "wal.deleted",
    "gc.manifest_unlinked",
    "gc.manifests_dirsynced",
    "gc.file_unlinked",
    "gc.swept",
    "save.pinned",
];
