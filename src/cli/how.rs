//! Which runner, with which of its options.
//!
//! Owns names and help texts. Invariant: an option that the chosen runner would ignore is refused.

use clap::error::ErrorKind;
use clap::{Args, ValueEnum};

/// How to run.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of the runner")]
pub(super) struct How {
    /// What executes the pipeline
    #[arg(long, value_enum, default_value_t)]
    pub(super) runner: Runner,
    /// Workers of the batch or streaming runner [default: one per core]
    #[cfg(any(feature = "batch", feature = "streaming"))]
    #[arg(long, value_name = "N")]
    pub(super) parallelism: Option<std::num::NonZeroUsize>,
    /// What the local runner draws its order and bundles from [default: 0]
    #[cfg(feature = "local")]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    #[cfg(feature = "streaming")]
    #[command(flatten)]
    pub(super) streaming: Streaming,
    /// Print progress and the report to standard output, one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

/// Options of the streaming runner.
#[cfg(feature = "streaming")]
#[derive(Args, Clone, Debug)]
pub(super) struct Streaming {
    /// Directory of the streaming runner's checkpoints: it goes on from the newest
    #[arg(long, value_name = "DIR")]
    pub(super) checkpoints: Option<std::path::PathBuf>,
    /// How often a checkpoint is taken and output becomes visible [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    pub(super) checkpoint_interval: Option<std::time::Duration>,
    /// Elements that each source gives a second, at the most
    #[arg(long, value_name = "N")]
    pub(super) max_rate: Option<std::num::NonZeroU32>,
    /// End where the input ended when the run was first started, and let everything fire
    #[arg(long)]
    pub(super) until_end: bool,
    /// After how long without a sign of life others may take the checkpoints over [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    pub(super) lease: Option<std::time::Duration>,
    /// Where Prometheus reads the run's numbers, at /metrics; port 0 is any that is free
    #[cfg(all(feature = "metrics", feature = "streaming"))]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) metrics: Option<std::net::SocketAddr>,
    /// Go on although sinks show what came after the checkpoint: it will be there twice
    #[arg(long)]
    pub(super) allow_sink_rewind: bool,
}

#[cfg(feature = "streaming")]
fn positive(text: &str) -> Result<std::time::Duration, String> {
    let length = super::duration(text)?;
    match u64::try_from(length.micros()) {
        Ok(micros @ 1..) => Ok(std::time::Duration::from_micros(micros)),
        _ => Err("it is not above zero".to_string()),
    }
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
    /// Input without end, results visible checkpoint by checkpoint, restarted where it stood
    #[cfg(feature = "streaming")]
    #[cfg_attr(not(any(feature = "batch", feature = "local")), default)]
    Streaming,
}

/// An option that was given, and the runners that take it.
type Given = (bool, &'static str, &'static [&'static str]);

impl How {
    /// An error if an option would be ignored, or one is missing.
    pub(super) fn check(&self) -> Result<(), clap::Error> {
        let runner = self.runner.to_string();
        let is_ignored = |(given, _, takers): &Given| *given && !takers.contains(&runner.as_str());
        if let Some((_, name, takers)) = self.given().into_iter().find(is_ignored) {
            let takers: Vec<String> = takers.iter().map(|t| format!("`--runner {t}`")).collect();
            let what = format!("`{name}` is an option of {}\n", takers.join(" and "));
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, what));
        }
        self.check_complete()
    }

    fn given(&self) -> Vec<Given> {
        let mut given: Vec<Given> = Vec::new();
        #[cfg(any(feature = "batch", feature = "streaming"))]
        given.push((
            self.parallelism.is_some(),
            "--parallelism",
            &["batch", "streaming"],
        ));
        #[cfg(feature = "local")]
        given.push((self.seed.is_some(), "--seed", &["local"]));
        #[cfg(feature = "streaming")]
        given.extend(self.streaming.given());
        given
    }

    #[cfg(feature = "streaming")]
    fn check_complete(&self) -> Result<(), clap::Error> {
        if self.runner != Runner::Streaming || self.streaming.checkpoints.is_some() {
            return Ok(());
        }
        let what = "`--runner streaming` needs `--checkpoints DIR`, to go on from after a stop\n";
        Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, what))
    }

    #[cfg(not(feature = "streaming"))]
    fn check_complete(&self) -> Result<(), clap::Error> {
        Ok(())
    }
}

#[cfg(feature = "streaming")]
impl Streaming {
    fn given(&self) -> Vec<Given> {
        let interval = self.checkpoint_interval.is_some();
        let given = [
            (self.checkpoints.is_some(), "--checkpoints"),
            (interval, "--checkpoint-interval"),
            (self.max_rate.is_some(), "--max-rate"),
            (self.until_end, "--until-end"),
            (self.lease.is_some(), "--lease"),
            (self.allow_sink_rewind, "--allow-sink-rewind"),
        ];
        #[cfg(all(feature = "metrics", feature = "streaming"))]
        let given = given
            .into_iter()
            .chain([(self.metrics.is_some(), "--metrics")]);
        let of_streaming = |(given, name)| (given, name, &["streaming"][..]);
        given.into_iter().map(of_streaming).collect()
    }
}

impl std::fmt::Display for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            #[cfg(feature = "batch")]
            Runner::Batch => "batch",
            #[cfg(feature = "local")]
            Runner::Local => "local",
            #[cfg(feature = "streaming")]
            Runner::Streaming => "streaming",
        })
    }
}
