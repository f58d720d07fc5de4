//! What can be typed, as clap reads it.
//!
//! Owns the verbs and where the pipeline's own options stand among the others.

#[cfg(any(feature = "batch", feature = "local"))]
use super::how::How;
use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(flatten_help = true, arg_required_else_help = true, about = None, long_about = None)]
pub(super) struct CommandLine<O: Args> {
    #[command(subcommand)]
    pub(super) verb: Verb<O>,
}

#[derive(Subcommand)]
pub(super) enum Verb<O: Args> {
    /// Run the pipeline to the end of its input
    #[cfg(any(feature = "batch", feature = "local"))]
    Run(RunArguments<O>),
}

#[cfg(any(feature = "batch", feature = "local"))]
#[derive(Args)]
pub(super) struct RunArguments<O: Args> {
    #[command(flatten)]
    pub(super) how: How,
    #[command(flatten, next_help_heading = "Options of the pipeline")]
    pub(super) pipeline: O,
}

impl<O: Args> Verb<O> {
    /// This, unless it has options that would be ignored.
    pub(super) fn checked(self) -> Result<Self, clap::Error> {
        match &self {
            #[cfg(any(feature = "batch", feature = "local"))]
            Verb::Run(arguments) => arguments.how.check()?,
        }
        Ok(self)
    }
}
