//! Which runner, with which of its options.
//!
//! Owns names and help texts. Invariant: an option that the chosen runner would ignore is refused.

use clap::error::ErrorKind;
use clap::{Args, ValueEnum};

/// How to run.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Options of the runner")]
pub(super) struct How {
    /// What executes the pipeline
    #[arg(long, value_enum, default_value_t)]
    pub(super) runner: Runner,
    /// Workers of the batch runner [default: one per core]
    #[cfg(feature = "batch")]
    #[arg(long, value_name = "N")]
    pub(super) parallelism: Option<std::num::NonZeroUsize>,
    /// What the local runner draws its order and bundles from [default: 0]
    #[cfg(feature = "local")]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Print progress and the report to standard output, one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Runner {
    /// Bounded input on all cores, results visible when complete
    #[cfg(feature = "batch")]
    #[default]
    Batch,
    /// One thread, strict and repeatable: every choice is drawn from a seed
    #[cfg(feature = "local")]
    #[cfg_attr(not(feature = "batch"), default)]
    Local,
}

impl How {
    /// An error if an option would be ignored.
    pub(super) fn check(&self) -> Result<(), clap::Error> {
        self.ignored().map_or(Ok(()), |what| {
            Err(clap::Error::raw(ErrorKind::ArgumentConflict, what))
        })
    }

    #[cfg(all(feature = "batch", feature = "local"))]
    fn ignored(&self) -> Option<&'static str> {
        match self.runner {
            Runner::Batch if self.seed.is_some() => {
                Some("`--seed` is an option of `--runner local`\n")
            }
            Runner::Local if self.parallelism.is_some() => Some(
                "`--parallelism` is an option of `--runner batch`: the local runner has one thread\n",
            ),
            _ => None,
        }
    }

    /// One runner has no options of another.
    #[cfg(not(all(feature = "batch", feature = "local")))]
    fn ignored(&self) -> Option<&'static str> {
        None
    }
}

impl std::fmt::Display for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            #[cfg(feature = "batch")]
            Runner::Batch => "batch",
            #[cfg(feature = "local")]
            Runner::Local => "local",
        })
    }
}
