//! Settings of a run: plain data, no components.
//!
//! Owns the defaults. What a limit means for correctness is nothing: any of them gives the same
//! answers.

use std::time::Duration;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_sdk::time;

/// How a run goes.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Workers. At most as many as there are key groups.
    pub parallelism: usize,
    /// How groupings run.
    pub group: GroupOptions,
    /// How often an epoch ends.
    pub interval: Duration,
    /// How long barriers may take until an epoch is given up.
    pub align_timeout: Duration,
    /// Elements per second and source, if limited.
    pub max_rate: Option<f64>,
    /// The present end of every source is the end of the input.
    pub until_end: bool,
    /// How often sources without end are asked for splits that were not there before.
    pub discovery: Duration,
    /// How long a run that gives no sign of life is taken for alive by others on its directory.
    pub lease: Duration,
    /// Checkpoints that are kept.
    pub retain: usize,
    /// Go on from a checkpoint although sinks have made visible what came after it: that will be
    /// visible twice.
    pub allow_sink_rewind: bool,
    /// How much is done at once.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            parallelism: 1,
            group: GroupOptions::default(),
            interval: Duration::from_secs(10),
            align_timeout: Duration::from_secs(10),
            max_rate: None,
            until_end: false,
            discovery: Duration::from_secs(60),
            lease: Duration::from_secs(10),
            retain: 3,
            allow_sink_rewind: false,
            limits: Limits::default(),
        }
    }
}

/// How much is done at once, and how much may be under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes under way to one stage of one worker, over one exchange, from all senders together.
    pub exchange_bytes: usize,
    /// Bytes that are gathered for one receiver before they are sent.
    pub send_bytes: usize,
    /// Batches that a stage reads in one turn, longer ones counted as so many as they are long.
    pub batches: usize,
    /// Batches that a stage emits in one turn for a clock that moved.
    pub quanta: usize,
    /// Records of a snapshot that a step writes down in one turn.
    pub records: usize,
    /// Elements that a reader gives at once; `None` for as many as fill a batch.
    pub poll: Option<usize>,
    /// Steps hear of processing time no more often than this.
    pub time_grain: time::Duration,
    /// Epochs that are published and not yet committed.
    pub uncommitted: usize,
    /// Bytes of output that may lie in memory, staged or on their way, before sources wait.
    pub pending_bytes: u64,
    /// How often the last epoch of a run is tried.
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            exchange_bytes: 1024 * 1024,
            send_bytes: 32 * 1024,
            batches: 8,
            quanta: 8,
            records: 8_192,
            poll: None,
            time_grain: time::millis(1),
            uncommitted: 2,
            pending_bytes: 128 * 1024 * 1024,
            attempts: 5,
        }
    }
}

impl Limits {
    /// What one of `senders` may have under way to one receiver.
    pub(crate) fn channel(&self, senders: usize) -> usize {
        (self.exchange_bytes / senders.max(1)).max(1)
    }

    /// What is gathered before it is sent, so that several sendings fit into a channel.
    pub(crate) fn full(&self, senders: usize) -> usize {
        self.send_bytes.min(self.channel(senders) / 4).max(1)
    }
}
