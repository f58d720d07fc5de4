//! The names, units and help texts of all metrics.
//!
//! Owns what is told and under which name; the library owns the form. Names are part of what users
//! build dashboards on: they are added to, not changed.

use crate::runners::Metrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use whitebeam_runner_streaming::metrics::StepMetrics;
use whitebeam_sdk::Timestamp;

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// All metrics as OpenMetrics text.
pub(super) fn text(metrics: &Metrics) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("whitebeam");
    registry.register_collector(Box::new(Run(metrics.clone())));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Run(Metrics);

impl Collector for Run {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        self.steps(&mut families)?;
        self.splits(&mut families)?;
        self.stages(&mut families)?;
        self.checkpoints(&mut families)
    }
}

impl Run {
    fn steps(&self, to: &mut Families<'_>) -> fmt::Result {
        let each = |of: fn(&StepMetrics) -> u64| {
            let steps = self.0.steps.iter();
            steps.map(move |(path, step)| (vec![("step", path.as_str())], of(step)))
        };
        to.counters(
            "step_elements_in",
            "Elements that a step took",
            None,
            each(|s| s.elements_in),
        )?;
        to.counters(
            "step_elements_out",
            "Elements that a step handed on",
            None,
            each(|s| s.elements_out),
        )?;
        let dropped = self.0.steps.iter().flat_map(|(path, step)| {
            let why = |reason, n| (vec![("step", path.as_str()), ("reason", reason)], n);
            [
                why("late", step.dropped.late),
                why("closed", step.dropped.closed),
                why("unwindowed", step.dropped.unwindowed),
            ]
        });
        to.counters(
            "step_dropped",
            "Elements, by window, that a step dropped: too late, after the window's trigger had finished, or in no window",
            None,
            dropped,
        )?;
        let watermarks = self.0.steps.iter();
        let watermarks = watermarks.filter_map(|(path, step)| {
            Some((vec![("step", path.as_str())], seconds(step.watermark)?))
        });
        to.gauges(
            "step_watermark",
            "Up to where in event time a step's output is complete, since 1970; gone once its input has ended",
            Some(&Unit::Seconds),
            watermarks,
        )
    }

    fn splits(&self, to: &mut Families<'_>) -> fmt::Result {
        let labels = |of: usize| {
            let split = &self.0.splits[of];
            vec![
                ("step", split.step.as_str()),
                ("split", split.split.as_str()),
            ]
        };
        let all = 0..self.0.splits.len();
        let watermarks = all
            .clone()
            .filter_map(|of| Some((labels(of), seconds(self.0.splits[of].watermark)?)));
        to.gauges(
            "split_watermark",
            "Up to where in event time a split was read, since 1970",
            Some(&Unit::Seconds),
            watermarks,
        )?;
        let lags = all
            .clone()
            .filter_map(|of| Some((labels(of), self.0.splits[of].lag? as f64)));
        to.gauges(
            "split_lag_elements",
            "Elements that are there and were not read",
            None,
            lags,
        )?;
        let held = all.filter_map(|of| {
            let time = self.0.splits[of].held_back?;
            Some((labels(of), time.as_secs_f64()))
        });
        to.gauges(
            "split_held_back",
            "For how long what is there cannot be read, such as behind a transaction that somebody has left open; gone once it can",
            Some(&Unit::Seconds),
            held,
        )
    }

    fn stages(&self, to: &mut Families<'_>) -> fmt::Result {
        let blocked = self
            .0
            .stages
            .iter()
            .map(|(name, stage)| (vec![("stage", name.as_str())], stage.blocked.as_secs_f64()));
        to.counters(
            "stage_blocked",
            "Time without room for a stage's output, summed over its copies",
            Some(&Unit::Seconds),
            blocked,
        )?;
        let copies = self.0.stages.iter();
        let copies = copies.map(|(name, s)| (vec![("stage", name.as_str())], f64::from(s.copies)));
        to.gauges(
            "stage_copies",
            "Copies of a stage, one per worker",
            None,
            copies,
        )
    }

    fn checkpoints(&self, to: &mut Families<'_>) -> fmt::Result {
        let of = &self.0.checkpoints;
        let one = |n: u64| [(Labels::new(), n)];
        to.counters(
            "checkpoints",
            "Checkpoints that were published",
            None,
            one(of.completed),
        )?;
        to.counters(
            "checkpoints_failed",
            "Checkpoints that were given up or could not be written",
            None,
            one(of.failed),
        )?;
        let some = |n: Option<f64>| n.map(|n| (Labels::new(), n));
        let age = self.0.checkpoint_age().map(|age| age.as_secs_f64());
        let seconds = Some(&Unit::Seconds);
        to.gauges(
            "checkpoint_age",
            "Since the last checkpoint",
            seconds,
            some(age),
        )?;
        let last = of.last;
        let took = last.map(|last| last.took.as_secs_f64());
        to.gauges(
            "checkpoint_duration",
            "What the last one took",
            seconds,
            some(took),
        )?;
        let bytes = last.map(|last| last.bytes as f64);
        let help = "What a recovery from the last one would read";
        to.gauges("checkpoint_size", help, Some(&Unit::Bytes), some(bytes))?;
        let epoch = last.map(|last| last.epoch.0 as f64);
        to.gauges("checkpoint_epoch", "Its epoch", None, some(epoch))?;
        let committed = of.committed.map(|epoch| epoch.0 as f64);
        let help = "The last epoch that all sinks have made visible";
        to.gauges("committed_epoch", help, None, some(committed))
    }
}

/// Writes whole families, and nothing of those that are empty.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn counters<'l, N>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        all: impl IntoIterator<Item = (Labels<'l>, N)>,
    ) -> fmt::Result
    where
        ConstCounter<N>: EncodeMetric,
    {
        let all = all.into_iter().map(|(of, n)| (of, ConstCounter::new(n)));
        self.write(name, help, unit, all)
    }

    fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        all: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        let all = all.into_iter().map(|(of, n)| (of, ConstGauge::new(n)));
        self.write(name, help, unit, all)
    }

    fn write<'l, M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        all: impl Iterator<Item = (Labels<'l>, M)>,
    ) -> fmt::Result {
        let mut all = all.peekable();
        let Some((_, first)) = all.peek() else {
            return Ok(());
        };
        let form = first.metric_type();
        let mut family = self.0.encode_descriptor(name, help, unit, form)?;
        for (labels, metric) in all {
            if labels.is_empty() {
                return metric.encode(family);
            }
            metric.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// A watermark as a number; none before there is one, and none once nothing can come any more.
fn seconds(watermark: Timestamp) -> Option<f64> {
    let is_time = watermark > Timestamp::MIN && watermark < Timestamp::MAX;
    is_time.then(|| watermark.micros() as f64 / 1e6)
}
