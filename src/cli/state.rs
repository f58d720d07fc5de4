//! How a run without end stands, in words: for people, for a terminal, for machines.
//!
//! Owns the form. Rates are those since the last look.

use crate::runners::Metrics;
use indicatif::{BinaryBytes, HumanCount};
use serde_json::{Value, json};
use whitebeam_sdk::Timestamp;

/// What is shown of a run.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct State {
    seconds: f64,
    read: u64,
    read_rate: f64,
    written: u64,
    written_rate: f64,
    watermark: Option<Timestamp>,
    /// Seconds that the watermark is behind the wall clock.
    behind: Option<f64>,
    /// Elements that are there and were not read.
    lag: Option<u64>,
    late: u64,
    dropped: u64,
    checkpoint: Option<Checkpoint>,
    memory: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Checkpoint {
    epoch: u64,
    seconds: f64,
    bytes: u64,
    age: f64,
}

impl State {
    pub(super) fn between(before: &Metrics, now: &Metrics) -> Self {
        let state = Self::of(before, now, memory());
        let wall = jiff::Timestamp::now().as_microsecond();
        State {
            behind: state.watermark.map(|at| (wall - at.micros()) as f64 / 1e6),
            ..state
        }
    }

    fn of(before: &Metrics, now: &Metrics, memory: Option<u64>) -> Self {
        let passed = now.at.saturating_sub(before.at).as_secs_f64();
        let rate = |from: u64, to: u64| match passed > 0.0 {
            true => to.saturating_sub(from) as f64 / passed,
            false => 0.0,
        };
        let is_time = |at: &Timestamp| *at > Timestamp::MIN && *at < Timestamp::MAX;
        let dropped = now.dropped();
        let lags = now.splits.iter().filter_map(|split| split.lag);
        State {
            seconds: now.at.as_secs_f64(),
            read: now.read(),
            read_rate: rate(before.read(), now.read()),
            written: now.written(),
            written_rate: rate(before.written(), now.written()),
            watermark: now.watermark().filter(is_time),
            behind: None,
            lag: lags.reduce(|a, b| a + b),
            late: dropped.late,
            dropped: dropped.late + dropped.closed + dropped.unwindowed,
            checkpoint: now.checkpoints.last.map(|last| Checkpoint {
                epoch: last.epoch.0,
                seconds: last.took.as_secs_f64(),
                bytes: last.bytes,
                age: now.at.saturating_sub(last.at).as_secs_f64(),
            }),
            memory,
        }
    }

    pub(super) fn line(&self) -> String {
        let mut line = format!(
            "in {}/s | out {}/s",
            HumanCount(self.read_rate as u64),
            HumanCount(self.written_rate as u64)
        );
        if let Some(at) = self.watermark {
            line.push_str(&format!(" | watermark {at}"));
            if let Some(behind) = self.behind {
                line.push_str(&format!(" ({} behind)", spoken(behind)));
            }
        }
        if let Some(lag) = self.lag {
            line.push_str(&format!(" | {} unread", HumanCount(lag)));
        }
        line.push_str(&format!(" | late {}", HumanCount(self.late)));
        if let Some(of) = self.checkpoint {
            let (epoch, bytes) = (of.epoch, BinaryBytes(of.bytes));
            line.push_str(&format!(
                " | checkpoint {epoch}, {:.2} s, {bytes}",
                of.seconds
            ));
        }
        if let Some(memory) = self.memory {
            line.push_str(&format!(" | {}", BinaryBytes(memory)));
        }
        line
    }

    /// The same for a terminal of eighty columns.
    pub(super) fn short(&self) -> String {
        let (read, written) = (brief(self.read_rate), brief(self.written_rate));
        let mut parts = vec![format!("in {read}/s, out {written}/s")];
        if let Some(at) = self.watermark {
            let (text, behind) = (at.to_string(), self.behind.unwrap_or(0.0));
            let (day, time) = text.split_once('T').unwrap_or((&text, ""));
            let time = time.split(['.', 'Z']).next().unwrap_or(time);
            let near = if behind < 86_400.0 { time } else { day };
            parts.push(format!("{near} ({})", spoken(behind)));
        }
        parts.push(format!("late {}", brief(self.late as f64)));
        if let Some(of) = self.checkpoint {
            let (epoch, bytes) = (of.epoch, brief_bytes(of.bytes));
            parts.push(format!("#{epoch} {:.2}s {bytes}", of.seconds));
        }
        parts.extend(self.memory.map(brief_bytes));
        parts.join(" | ")
    }

    pub(super) fn object(&self) -> Value {
        json!({
            "event": "status",
            "seconds": self.seconds,
            "read": self.read,
            "read_per_second": self.read_rate,
            "written": self.written,
            "written_per_second": self.written_rate,
            "watermark": self.watermark.map(|at| at.to_string()),
            "watermark_behind_seconds": self.behind,
            "unread": self.lag,
            "late": self.late,
            "dropped": self.dropped,
            "checkpoint": self.checkpoint.map(|of| json!({
                "epoch": of.epoch,
                "seconds": of.seconds,
                "bytes": of.bytes,
                "age_seconds": of.age,
            })),
            "memory_bytes": self.memory,
        })
    }
}

/// A number in three figures or so.
fn brief(n: f64) -> String {
    match n {
        n if n < 1e3 => format!("{n:.0}"),
        n if n < 1e5 => format!("{:.1}k", n / 1e3),
        n if n < 1e6 => format!("{:.0}k", n / 1e3),
        n => format!("{:.2}M", n / 1e6),
    }
}

fn brief_bytes(n: u64) -> String {
    match n as f64 / 1024.0 {
        kib if kib < 1024.0 => format!("{kib:.0}KiB"),
        kib => format!("{:.0}MiB", kib / 1024.0),
    }
}

/// A length of time in the unit that fits it.
fn spoken(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// Bytes of memory that the process holds, where the system says.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use whitebeam_runner_streaming::metrics::{Place, Published, SplitMetrics, StepMetrics};
    use whitebeam_sdk::erase::Dropped;
    use whitebeam_sdk::sink::Epoch;

    fn metrics(at: u64, read: u64) -> Metrics {
        let step = |place, elements_in, elements_out| StepMetrics {
            place,
            elements_in,
            elements_out,
            dropped: Dropped {
                late: elements_in / 100,
                closed: 1,
                unwindowed: 0,
            },
            watermark: Timestamp::from_micros(read as i64 * 1_000_000),
        };
        let split = |lag| SplitMetrics {
            step: "Read".into(),
            split: "0".into(),
            worker: 0,
            watermark: Timestamp::MIN,
            lag,
            held_back: None,
        };
        let mut metrics = Metrics {
            at: Duration::from_secs(at),
            steps: [
                ("Read".into(), step(Place::Source, 0, read)),
                ("Sum".into(), step(Place::Between, read, read / 10)),
                ("Write".into(), step(Place::Sink, read / 10, 0)),
            ]
            .into(),
            splits: vec![split(Some(1_200)), split(None), split(Some(34))],
            ..Metrics::default()
        };
        metrics.checkpoints.last = Some(Published {
            epoch: Epoch(42),
            at: Duration::from_secs(at - 1),
            took: Duration::from_millis(180),
            bytes: 3 << 20,
        });
        metrics
    }

    #[test]
    fn a_line_says_rates_watermark_late_checkpoint_and_memory() {
        let (before, now) = (metrics(10, 1_000), metrics(12, 25_000));
        let mut state = State::of(&before, &now, Some(85 << 20));
        assert_eq!(
            state.line(),
            "in 12,000/s | out 1,200/s | watermark 1970-01-01T06:56:40Z | 1,234 unread | late 275 | \
             checkpoint 42, 0.18 s, 3.00 MiB | 85.00 MiB"
        );
        state.behind = Some(2.13);
        assert!(state.line().contains("06:56:40Z (2.1 s behind) |"));
        let object = state.object();
        assert_eq!(object["event"], "status");
        assert_eq!(
            (&object["read"], &object["written"]),
            (&json!(25_000), &json!(2_500))
        );
        assert_eq!(
            (&object["late"], &object["dropped"]),
            (&json!(275), &json!(278))
        );
        assert_eq!(object["read_per_second"], 12_000.0);
        assert_eq!(object["checkpoint"]["age_seconds"], 1.0);
        assert_eq!(object["memory_bytes"], json!(85 << 20));
    }

    #[test]
    fn a_terminal_of_eighty_columns_shows_all_of_it() {
        let (before, now) = (metrics(10, 1_000), metrics(12, 2_001_000));
        let mut state = State::of(&before, &now, Some(850 << 20));
        state.behind = Some(2.13);
        assert_eq!(
            state.short(),
            "in 1.00M/s, out 100k/s | 03:50:00 (2.1 s) | late 22.0k | #42 0.18s 3MiB | 850MiB"
        );
        state.behind = Some(864_000.0);
        assert!(state.short().contains("| 1970-01-24 (10 d) |"));
        let small = State::of(&before, &metrics(12, 1_250), Some(85 << 20));
        assert!(small.short().len() <= 80, "{}", small.short());
        assert!(
            small
                .short()
                .starts_with("in 125/s, out 12/s | 00:20:50 (0.0 s) |")
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let none = Metrics::default();
        let state = State::of(&none, &none, None);
        assert_eq!(state.line(), "in 0/s | out 0/s | late 0");
        assert_eq!(state.object()["watermark"], Value::Null);
    }

    #[test]
    fn lengths_of_time_have_the_unit_that_fits() {
        for (seconds, text) in [
            (0.25, "0.2 s"),
            (119.0, "119.0 s"),
            (120.0, "2 min"),
            (7_200.0, "2 h"),
            (864_000.0, "10 d"),
        ] {
            assert_eq!(spoken(seconds), text);
        }
    }

    #[test]
    fn the_process_holds_some_memory() {
        if cfg!(target_os = "linux") {
            assert!(memory().is_some_and(|bytes| bytes > 100_000));
        }
    }
}
