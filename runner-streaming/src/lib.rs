//! Unbounded execution: workers that own ranges of key groups, exchange, barriers, checkpoints.
//!
//! Owns the worker loop, credit, alignment and the life of a checkpoint. Does not own a single rule
//! about windows, triggers, panes or lateness: every stage is `runner-core`'s, fed with batches and
//! watermarks. Invariant: everything here is polled and reaches the machine only through an
//! [`Env`](whitebeam_env::Env), so that the same code runs on threads and on one seeded loop.

pub mod checkpoint;
