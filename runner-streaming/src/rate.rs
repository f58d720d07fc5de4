//! `Bucket`: a limit on elements per second.
//!
//! Owns how much may be taken now. What is not taken within a tenth of a second is forgone, so that
//! a pause is not followed by a flood.

use std::time::Duration;

/// How long unused allowance is kept.
const KEPT: f64 = 0.1;

/// The shortest wait.
const GRAIN: Duration = Duration::from_micros(1);

/// Polls a second that a limited source is read with, about.
const POLLS: f64 = 50.0;

/// Lets so many elements a second through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: f64,
    allowance: f64,
    seen: Option<Duration>,
}

impl Bucket {
    /// `rate` elements a second.
    pub(crate) fn new(rate: f64) -> Self {
        Bucket {
            rate,
            allowance: 0.0,
            seen: None,
        }
    }

    /// How much to read at once, at the most `wanted`.
    pub(crate) fn portion(&self, wanted: Option<usize>) -> usize {
        let portion = (self.rate / POLLS).max(1.0) as usize;
        wanted.map_or(portion, |wanted| wanted.min(portion))
    }

    /// How long to wait before anything may be read; `None` for not at all.
    pub(crate) fn wait(&mut self, now: Duration) -> Option<Duration> {
        let since = now.saturating_sub(*self.seen.get_or_insert(now));
        self.seen = Some(now);
        let kept = (self.rate * KEPT).max(1.0);
        self.allowance = (self.allowance + self.rate * since.as_secs_f64()).min(kept);
        if self.allowance >= 1.0 {
            return None;
        }
        let missing = (1.0 - self.allowance) / self.rate;
        let wait = Duration::try_from_secs_f64(missing).unwrap_or(Duration::MAX);
        // Clocks here count microseconds: a shorter wait would be none, again and again.
        Some(wait.max(GRAIN))
    }

    /// `n` elements were read.
    pub(crate) fn take(&mut self, n: usize) {
        self.allowance -= n as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_pass_as_the_rate_allows_whatever_is_taken_at_once() {
        for (rate, at_once) in [(10.0, 1), (1_000.0, 7), (100_000.0, 2_000), (0.5, 1)] {
            let mut bucket = Bucket::new(rate);
            let (mut now, mut taken) = (Duration::ZERO, 0_usize);
            while now < Duration::from_secs(20) {
                match bucket.wait(now) {
                    Some(wait) => now += wait,
                    None => {
                        bucket.take(at_once);
                        taken += at_once;
                    }
                }
            }
            let expected = rate * 20.0;
            let slack = at_once as f64 + 2.0;
            assert!((taken as f64 - expected).abs() <= slack, "{rate}: {taken}");
        }
    }

    #[test]
    fn a_pause_is_not_followed_by_a_flood() {
        let mut bucket = Bucket::new(100.0);
        assert!(bucket.wait(Duration::ZERO).is_some());
        let late = Duration::from_secs(3_600);
        let mut at_once = 0;
        while bucket.wait(late).is_none() {
            bucket.take(1);
            at_once += 1;
        }
        assert_eq!(at_once, 10);
    }
}
