//! A model of how epochs get into Kafka, searched through completely.
//!
//! The protocol: an epoch is logged, then checkpointed, then sent in one transaction together with a
//! marker that names the epoch. Everything that can happen is an event between two `World`s: a
//! step of a process, of the broker, or a fault. [`search`] visits every world that can be reached
//! and asks `judge` of each what is wrong with it.
//!
//! Owns two epochs of two records over two partitions and a partition of markers, one transactional
//! id, a process and at most one predecessor that does not know it was replaced. Does not own the
//! sink: what holds here is a demand on it. Four demands were found here and not by thought:
//!
//! - the marker is read after *every* `init_transactions`, since a process that slept between two
//!   commits fences its successor and would send again what that one committed;
//! - an epoch's log stays until its own records are *seen*, not until the LSO passed them: where an
//!   end marker was lost, the next transaction of the producer decides, and if that one is aborted,
//!   the LSO passes records that nobody will ever see;
//! - so nothing else is sent before they are seen. Records that stay open are closed by a
//!   transaction that is thrown away, and those that were lost are sent again with the marker;
//! - whether they are seen is asked after fencing, too.
//!
//! Invariant: a world is a plain value, and an event changes nothing else; so the search is complete
//! within its [`Bounds`].

mod broker;
mod judge;
mod process;
mod search;
mod store;

pub use judge::Wrong;
pub use search::{Found, search};

use broker::Broker;
use process::Process;
use store::Store;

/// How often each fault may happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Bounds {
    /// The process dies and is started again.
    pub crashes: u8,
    /// The process is taken for dead and goes on beside its successor (at most one).
    pub zombies: u8,
    /// The request or the answer of an `EndTxn` is late or lost.
    pub delays: u8,
    /// The coordinator aborts a transaction that takes too long.
    pub timeouts: u8,
    /// A partition of data gets no end marker although the coordinator says that all is done.
    pub lost_markers: u8,
}

/// The protocol, and mistakes that must be noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    /// Log, checkpoint, then commit.
    LogThenCommit,
    /// The marker is read before other producers are fenced.
    MarkerBeforeFencing,
    /// The marker is read when a process starts, and not before later commits.
    MarkerOnlyAtStart,
    /// One producer commits all epochs.
    SameProducer,
    /// Each process publishes manifests under names of its own.
    NoEpochSlot,
    /// The transaction is prepared before the checkpoint, and taken up again after a crash.
    TwoPhase,
    /// What was checkpointed and not committed is not sent again.
    NoReplay,
    /// An epoch's log goes when the coordinator has answered.
    AnswerTrusted,
    /// An epoch's log goes when the last stable offset has passed its records.
    StableOffsetTrusted,
    /// The protocol as it is, on a broker that loses end markers of aborted transactions, too.
    AbortMarkersLost,
}

/// Everything there is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct World {
    broker: Broker,
    store: Store,
    /// The process, and the one that does not know that it was replaced.
    processes: [Process; 2],
    /// Faults that may still happen.
    left: Bounds,
    marker_was_lost: bool,
}
