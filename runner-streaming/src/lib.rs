//! Unbounded execution: workers that own ranges of key groups, exchange, barriers, checkpoints.
//!
//! Owns the worker loop, credit, alignment and the life of a checkpoint. Does not own a single rule
//! about windows, triggers, panes or lateness: every stage is `runner-core`'s, fed with batches and
//! watermarks. Invariant: everything here is polled and reaches the machine only through an
//! [`Env`](whitebeam_env::Env), so that the same code runs on threads and on one seeded loop.
//!
//! Start reading at [`StreamingRunner`], then `job` (what there is), `worker` and `task` (what a
//! turn does), `exchange` (what lies between them), `coordinator` (the life of an epoch).
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

pub mod checkpoint;
mod clerk;
mod clock;
mod control;
mod coordinator;
mod durable;
mod exchange;
mod identity;
mod job;
mod keeper;
mod machine;
pub mod metrics;
#[cfg(feature = "mutants")]
pub mod mutant;
#[cfg(not(feature = "mutants"))]
#[expect(unreachable_pub, reason = "with the feature it can be reached")]
mod mutant;
mod observer;
mod pending;
mod played;
mod polled;
mod promises;
mod rate;
mod reading;
mod report;
mod runner;
mod scout;
mod script;
mod settings;
mod sinks;
mod snapshot;
mod sources;
mod splits;
mod stop;
mod task;
mod threads;
mod told;
mod topology;
mod watch;
mod wiring;
mod worker;

pub use coordinator::{End, Epochs};
pub use durable::keep_in;
pub use keeper::{Keeper, Kept, Refusal};
pub use machine::Turn;
pub use metrics::{Metrics, MetricsHandle};
pub use observer::{Completed, Failed, Observer, Started};
pub use polled::PolledRun;
pub use report::StreamingReport;
pub use runner::StreamingRunner;
pub use settings::{Limits, Settings};
pub use snapshot::{Counts, Held, Snapshot, SourceSnapshot, SplitSnapshot, StagedEpoch, Unwritten};
pub use stop::{Stop, StopHandle};
pub use whitebeam_runner_core::StepCount;

/// Every labelled crash point of the run itself; those of its checkpoints are
/// [`checkpoint::POINTS`].
pub const POINTS: &[&str] = &[
    "src.barrier_in",
    "src.snapped",
    "align.all",
    "snap.taken",
    "snap.paced",
    "pane.emit",
    "ack",
    "epoch.requested",
    "epoch.acked",
    "epoch.written",
    "sink.begin",
    "sink.committed",
    "sink.commit_acked",
    "rec.loaded",
    "stop.final",
];
