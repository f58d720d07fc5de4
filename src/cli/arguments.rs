//! What can be typed, as clap reads it.
//!
//! Owns the verbs and where the pipeline's own options stand among the others.

#[cfg(any(feature = "batch", feature = "local", feature = "streaming"))]
use super::how::How;
use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(flatten_help = true, arg_required_else_help = true, about = None, long_about = None)]
pub(super) struct CommandLine<O: Args> {
    #[command(subcommand)]
    pub(super) verb: Verb<O>,
}

#[derive(Subcommand)]
pub(super) enum Verb<O: Args> {
    /// Run the pipeline: to the end of its input, or without end
    #[cfg(any(feature = "batch", feature = "local", feature = "streaming"))]
    Run(RunArguments<O>),
    /// Show the steps of the pipeline, without running it
    Explain(ExplainArguments<O>),
    /// Look at what a streaming run has kept
    #[cfg(feature = "streaming")]
    Checkpoints(super::checkpoints::Arguments),
}

#[cfg(any(feature = "batch", feature = "local", feature = "streaming"))]
#[derive(Args)]
pub(super) struct RunArguments<O: Args> {
    #[command(flatten)]
    pub(super) how: How,
    #[command(flatten, next_help_heading = "Options of the pipeline")]
    pub(super) pipeline: O,
}

#[derive(Args)]
pub(super) struct ExplainArguments<O: Args> {
    #[command(flatten)]
    pub(super) how: Explained,
    #[command(flatten, next_help_heading = "Options of the pipeline")]
    pub(super) pipeline: O,
}

/// How to show it.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Options of explain")]
pub(super) struct Explained {
    /// Lines to read, a chart for Markdown or a graph for Graphviz
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    /// Show the stages that runners make of it: steps without an exchange between them
    #[arg(long)]
    pub(super) fused: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, Default)]
pub(super) enum Format {
    #[default]
    Text,
    Mermaid,
    Dot,
}

impl<O: Args> Verb<O> {
    /// This, unless it has options that would be ignored.
    pub(super) fn checked(self) -> Result<Self, clap::Error> {
        match &self {
            #[cfg(any(feature = "batch", feature = "local", feature = "streaming"))]
            Verb::Run(arguments) => arguments.how.check()?,
            Verb::Explain(_) => {}
            #[cfg(feature = "streaming")]
            Verb::Checkpoints(_) => {}
        }
        Ok(self)
    }
}
