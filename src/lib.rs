//! Whitebeam: write a typed pipeline once, choose a runner at start.
//!
//! The facade: re-exports what a user needs from one dependency, by feature. Owns no behaviour but
//! the command line of pipeline binaries.
//!
//! ```
//! use whitebeam::prelude::*;
//!
//! # fn main() -> whitebeam::Result<()> {
//! let p = Pipeline::new();
//! let _lengths = p
//!     .create(["to", "be", "or", "not", "to", "be"].map(String::from))
//!     .count_per_element()
//!     .named("Count words");
//! # #[cfg(feature = "local")] {
//! let report = LocalRunner::new().run(&p)?;
//! assert_eq!(report.step("Count words").map(|step| step.elements), Some(6));
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `local` | yes | [`runners::LocalRunner`]: one thread, strict, repeatable |
//! | `batch` | yes | [`runners::BatchRunner`]: bounded input, all cores |
//! | `streaming` | yes | [`runners::StreamingRunner`]: input without end, checkpoints, restarts |
//! | `log` | yes | [`io::log`]: topics in a folder, read without end or up to one |
//! | `cli` | yes | [`main`]: one command line for every pipeline binary |
//! | `metrics` | yes | [`metrics`]: a running pipeline's numbers over HTTP, as Prometheus reads them |
//! | `kafka` | no | `io::kafka`: topics of Apache Kafka, by librdkafka |
//! | `postgres` | no | `io::postgres`: rows of a PostgreSQL table, each epoch in one transaction; `postgres-tls` adds TLS |
//! | `testkit` | no | `testkit`: scripted streams and expectations, for `[dev-dependencies]` |
//!
//! Examples of what stands in another crate of the library name that crate: read `whitebeam` for
//! `whitebeam_sdk`, and `whitebeam::io` for `whitebeam_io`.

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(all(feature = "metrics", feature = "streaming"))]
pub mod metrics;
pub mod prelude;
pub mod runners;
#[cfg(feature = "testkit")]
pub mod testkit;

#[cfg(feature = "cli")]
pub use cli::main;

#[doc(inline)]
pub use whitebeam_io as io;
#[doc(inline)]
pub use whitebeam_sdk::*;

/// Between the crates of the library; a pipeline needs none of it.
#[doc(hidden)]
pub use whitebeam_sdk::{erase, hash, snapshot};

/// The argument parser of [`cli`], so that a pipeline's options need no dependency of their own:
/// `use whitebeam::clap;`.
#[cfg(feature = "cli")]
pub use clap;

/// Keeps the programs of the README compiling.
#[cfg(all(doctest, feature = "batch", feature = "streaming", feature = "log"))]
#[doc = include_str!("../README.md")]
struct Readme;
