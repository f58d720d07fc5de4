//! `feed`: the shop's events into a log or a topic, in the order in which they arrive.
//!
//! Owns the rule of disorder and the pace. A line arrives when it happened plus a delay: 90 % within
//! 30 seconds, 9 % within 10 minutes, 1 % within 6 hours, drawn from a seed.

use super::again::Again;
use super::invoice::{InvoiceLine, TOPIC, numbered};
use super::topics;
use std::path::{Path, PathBuf};
use std::time::{Duration as Span, Instant};
use whitebeam::batch::Batch;
use whitebeam::clap;
use whitebeam::io::codec::{Codec, Json};
use whitebeam::io::log::{Log, Message};
use whitebeam::prelude::*;
use whitebeam::source::{Poll, ReadOptions};
use whitebeam::{Result, Timestamp};

/// Lines per append where the pace is free.
const AT_ONCE: u64 = 10_000;
/// Appends per second at a given pace.
const PER_SECOND: u64 = 50;

/// Feed invoice lines into a log or a topic, in the order in which they arrive
#[derive(clap::Parser, Clone, Debug)]
pub(crate) struct Feed {
    #[command(flatten)]
    pub(crate) into: Destination,
    /// CSV files of invoice lines, plain or compressed [default: December 2010]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,
    /// Partitions of the log or topic
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) partitions: u32,
    /// Draw delays from this seed [default: lines arrive in the order of the files]
    #[arg(long, value_name = "SEED")]
    pub(crate) disorder: Option<u64>,
    /// Lines per second [default: as fast as it goes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// Feed all lines so often, each pass later than the one before
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) passes: u32,
}

/// Where lines are fed to.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Destination {
    /// Folder of the log
    #[arg(long, value_name = "DIR", required_unless_present = "brokers")]
    pub(crate) log: Option<PathBuf>,
    /// Brokers of a Kafka cluster, to feed instead of a log; needs the feature `kafka`
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "log")]
    pub(crate) brokers: Option<String>,
    /// Topic there
    #[arg(long, value_name = "TOPIC", default_value = "order_events")]
    pub(crate) topic: String,
}

impl Destination {
    /// Into a log.
    pub(crate) fn log(folder: impl Into<PathBuf>) -> Self {
        Destination {
            log: Some(folder.into()),
            brokers: None,
            topic: String::new(),
        }
    }
}

impl Feed {
    /// Feeds all lines, in the order of their arrival; how many there were.
    pub(crate) fn run(&self) -> Result<u64> {
        if let Some(log) = &self.into.log {
            // What cannot be fed is said before anything is read.
            Log::at(log).create_topic(TOPIC, self.partitions)?;
        }
        let mut lines = read_all(&numbered(self.input.clone()))?;
        if let Some(seed) = self.disorder {
            lines = in_order_of_arrival(lines, seed);
        }
        match (&self.into.log, &self.into.brokers) {
            (Some(log), _) => self.append(log, &Again::new(lines, self.passes)),
            (None, Some(brokers)) => {
                let topic = &self.into.topic;
                topics::produce(
                    brokers,
                    topic,
                    self.partitions,
                    self.rate,
                    lines,
                    self.passes,
                )
            }
            (None, None) => {
                Err(Error::unavailable("nothing to feed").help("name --log or --brokers"))
            }
        }
    }

    /// Appends lines to a log. The invoice's number is the key.
    fn append(&self, log: &Path, lines: &Again) -> Result<u64> {
        let mut writer = Log::at(log).writer(TOPIC)?;
        let at_once = self
            .rate
            .map_or(AT_ONCE, |rate| u64::from(rate).div_ceil(PER_SECOND));
        let pace = Pace::new(self.rate);
        let mut value = Vec::new();
        let mut next = 0;
        while next < lines.len() {
            pace.wait_for(next);
            let end = lines.len().min(next + at_once);
            for (invoice, line) in (next..end).map(|n| lines.line(n)) {
                value.clear();
                Json.encode(&line, &mut value)?;
                let message = Message::of(&value).key(invoice.as_str().as_bytes());
                writer.push(message.at(line.at))?;
            }
            writer.flush()?;
            next = end;
        }
        Ok(lines.len())
    }
}

pub(crate) type Numbered = (Str, InvoiceLine);

/// Everything that a bounded source has.
pub(crate) fn read_all<S: Source>(source: &S) -> Result<Vec<S::Out>> {
    let mut all = Vec::new();
    for split in source.discover(&[], 1)? {
        let mut reader = source.open(split, None, &ReadOptions::default())?;
        loop {
            let mut batch = Batch::default();
            let poll = reader.poll(&mut batch)?;
            all.append(&mut batch.take_values());
            if poll == Poll::End {
                break;
            }
        }
    }
    Ok(all)
}

/// Lines that arrive together stay as they were.
fn in_order_of_arrival(lines: Vec<Numbered>, seed: u64) -> Vec<Numbered> {
    let mut random = fastrand::Rng::with_seed(seed);
    let arrive = |line: Numbered| (line.1.at + delay(&mut random), line);
    let mut arrivals: Vec<(Timestamp, Numbered)> = lines.into_iter().map(arrive).collect();
    arrivals.sort_by_key(|(at, _)| *at);
    arrivals.into_iter().map(|(_, line)| line).collect()
}

fn delay(random: &mut fastrand::Rng) -> Duration {
    let longest = match random.u8(0..100) {
        0..90 => seconds(30),
        90..99 => minutes(10),
        _ => hours(6),
    };
    Duration::from_micros(random.i64(0..=longest.micros()))
}

/// When lines are due.
struct Pace {
    began: Instant,
    rate: Option<u32>,
}

impl Pace {
    fn new(rate: Option<u32>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "a pace is measured by the clock on the wall"
        )]
        let began = Instant::now();
        Pace { began, rate }
    }

    /// Waits until so many lines may have been appended.
    fn wait_for(&self, lines: u64) {
        let Some(rate) = self.rate else {
            return;
        };
        let due = Span::from_secs_f64(lines as f64 / f64::from(rate));
        #[expect(
            clippy::disallowed_methods,
            reason = "a feeder of its own, not a step of a pipeline"
        )]
        std::thread::sleep(due.saturating_sub(self.began.elapsed()));
    }
}
