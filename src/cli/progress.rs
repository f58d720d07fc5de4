//! Progress while a batch run goes on: a bar on a terminal, plain lines elsewhere, JSON lines for
//! machines.
//!
//! Owns how it looks and how often. Invariant: workers that report it never wait for each other
//! here longer than one line takes to write.

use indicatif::{BinaryBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use whitebeam_runner_batch::{Observer, Progress};

/// Shows what an observer hears.
pub(super) struct Display {
    show: Show,
    workers: u64,
    began: Instant,
    /// Milliseconds after `began` before which nothing is shown.
    quiet_until: AtomicU64,
}

enum Show {
    Bar(ProgressBar),
    Lines,
    Json,
}

impl Show {
    /// Milliseconds between two showings.
    fn period(&self) -> u64 {
        match self {
            Show::Bar(_) => 100,
            Show::Lines => 2_000,
            Show::Json => 1_000,
        }
    }
}

impl Display {
    /// For machines, for people at a terminal, or for people who read it later.
    pub(super) fn new(json: bool, workers: usize) -> Self {
        #[expect(clippy::disallowed_methods, reason = "progress is told in seconds")]
        let began = Instant::now();
        let show = if json {
            Show::Json
        } else if std::io::stderr().is_terminal() {
            Show::Bar(bar())
        } else {
            Show::Lines
        };
        let quiet_until = AtomicU64::new(show.period());
        Display {
            show,
            workers: workers as u64,
            began,
            quiet_until,
        }
    }

    /// Takes what is on the screen away again.
    pub(super) fn clear(&self) {
        if let Show::Bar(bar) = &self.show {
            bar.finish_and_clear();
        }
    }

    /// True for one worker per period.
    fn is_due(&self, elapsed: Duration) -> bool {
        let now = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let until = self.quiet_until.load(Relaxed);
        let next = now.saturating_add(self.show.period());
        now >= until
            && self
                .quiet_until
                .compare_exchange(until, next, Relaxed, Relaxed)
                .is_ok()
    }
}

impl Observer for Display {
    fn progress(&self, progress: Progress) {
        let elapsed = self.began.elapsed();
        if progress.finished || !self.is_due(elapsed) {
            return;
        }
        let left = left(&progress, self.workers, elapsed);
        // Progress that nobody can read any more is no reason to stop a run.
        let _ = match &self.show {
            Show::Bar(bar) => {
                draw(bar, &progress, left);
                Ok(())
            }
            Show::Lines => writeln!(std::io::stderr(), "{}", line(&progress, elapsed, left)),
            Show::Json => writeln!(std::io::stdout(), "{}", object(&progress, elapsed, left)),
        };
    }
}

fn bar() -> ProgressBar {
    let template = "{elapsed:>4} [{bar:30}] {msg}";
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style.progress_chars("=> "))
}

fn draw(bar: &ProgressBar, progress: &Progress, left: Option<Duration>) {
    bar.set_length(progress.bytes.max(progress.bytes_done));
    bar.set_position(progress.bytes_done);
    bar.set_message(amounts(progress, left));
}

/// What is left at the pace so far, once there is a pace.
///
/// Only splits that were opened are among the known bytes: as many as are done and as there are
/// workers. The others are taken to be as long.
fn left(progress: &Progress, workers: u64, elapsed: Duration) -> Option<Duration> {
    if progress.bytes_done == 0 || progress.bytes == 0 || progress.splits == 0 {
        return None;
    }
    let opened = (progress.splits_done + workers.max(1)).min(progress.splits);
    let all = progress.bytes as f64 * progress.splits as f64 / opened as f64;
    let share = (progress.bytes_done as f64 / all).min(1.0);
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - share) / share).ok()
}

fn amounts(progress: &Progress, left: Option<Duration>) -> String {
    let left = left.map_or(String::new(), |left| {
        format!(", {} left", HumanDuration(left))
    });
    format!(
        "{} of {}, {} of {} splits, {} elements{left}",
        BinaryBytes(progress.bytes_done),
        BinaryBytes(progress.bytes),
        progress.splits_done,
        progress.splits,
        HumanCount(progress.elements),
    )
}

fn line(progress: &Progress, elapsed: Duration, left: Option<Duration>) -> String {
    format!("{} s: {}", elapsed.as_secs(), amounts(progress, left))
}

fn object(progress: &Progress, elapsed: Duration, left: Option<Duration>) -> Value {
    json!({
        "event": "progress",
        "seconds": elapsed.as_secs_f64(),
        "seconds_left": left.map(|left| left.as_secs_f64()),
        "bytes": progress.bytes_done,
        "bytes_total": progress.bytes,
        "splits": progress.splits_done,
        "splits_total": progress.splits,
        "elements": progress.elements,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Progress = Progress {
        splits_done: 1,
        splits: 4,
        bytes_done: 2 << 20,
        bytes: 4 << 20,
        elements: 12_345,
        finished: false,
    };

    #[test]
    fn what_is_left_counts_splits_that_nobody_opened_yet() {
        let seconds = Duration::from_secs;
        for (progress, workers, expected) in [
            (HALF, 3, Some(seconds(10))),
            // Two of four splits are known: 8 MiB in all, 6 to go.
            (HALF, 1, Some(seconds(30))),
            (HALF, 100, Some(seconds(10))),
            (
                Progress {
                    bytes_done: 0,
                    ..HALF
                },
                1,
                None,
            ),
            (Progress { bytes: 0, ..HALF }, 1, None),
            (
                Progress {
                    splits: 1,
                    bytes_done: 4 << 20,
                    ..HALF
                },
                1,
                Some(seconds(0)),
            ),
        ] {
            assert_eq!(
                left(&progress, workers, seconds(10)),
                expected,
                "{progress:?}"
            );
        }
    }

    #[test]
    fn a_line_says_bytes_splits_and_what_is_left() {
        let (elapsed, left) = (Duration::from_secs(10), Some(Duration::from_secs(30)));
        assert_eq!(
            line(&HALF, elapsed, left),
            "10 s: 2.00 MiB of 4.00 MiB, 1 of 4 splits, 12,345 elements, 30 seconds left"
        );
        assert_eq!(
            line(&HALF, elapsed, None),
            "10 s: 2.00 MiB of 4.00 MiB, 1 of 4 splits, 12,345 elements"
        );
        let object = object(&HALF, elapsed, left);
        assert_eq!(object["event"], "progress");
        assert_eq!(object["seconds_left"], 30.0);
        assert_eq!(
            (&object["bytes"], &object["bytes_total"]),
            (&json!(2 << 20), &json!(4 << 20))
        );
        assert_eq!(
            (&object["splits"], &object["splits_total"]),
            (&json!(1), &json!(4))
        );
    }

    #[test]
    fn one_of_many_reports_is_shown_per_period() {
        let display = Display::new(true, 1);
        let due: Vec<u64> = (0..=3_500)
            .filter(|ms| display.is_due(Duration::from_millis(*ms)))
            .collect();
        assert_eq!(due, [1_000, 2_000, 3_000]);
    }
}
