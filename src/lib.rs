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
//! | `log` | yes | [`io::log`]: topics in a folder, read without end or up to one |
//! | `cli` | yes | [`main`]: one command line for every pipeline binary |

#[cfg(feature = "cli")]
pub mod cli;
pub mod prelude;
pub mod runners;

#[cfg(feature = "cli")]
pub use cli::main;

pub use whitebeam_io as io;
pub use whitebeam_sdk::*;

/// The argument parser of [`cli`], so that a pipeline's options need no dependency of their own:
/// `use whitebeam::clap;`.
#[cfg(feature = "cli")]
pub use clap;
