//! Whether a process grows.
//!
//! Owns the bounds. A quantity grows when its median in the last third of the time lies above that in
//! the first third, or the line of least squares rises over the whole time, by more than its bound:
//! two views, for a step is no slope and a slope may hide in noise.

use std::fmt;

use super::watched::Sample;

/// What of the asked rate has to be read.
const KEEPS_UP: f64 = 0.97;

/// A quantity that must not grow: its name, its value, what it may grow by as a share and at least.
type Quantity = (&'static str, fn(&Sample) -> f64, f64, f64);

const QUANTITIES: [Quantity; 4] = [
    ("memory MiB", |of| of.memory, 0.05, 4.0),
    ("files", |of| of.files, 0.0, 2.0),
    ("threads", |of| of.threads, 0.0, 2.0),
    ("checkpoints MiB", |of| of.checkpoints, 0.05, 4.0),
];

/// How a quantity behaved.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Growth {
    name: &'static str,
    /// Medians of the thirds.
    thirds: [f64; 3],
    /// Of the line of least squares, per hour.
    slope: f64,
    /// What that line rises by over the whole time.
    rise: f64,
    /// What either may be.
    bound: f64,
}

impl Growth {
    fn grows(&self) -> bool {
        self.thirds[2] - self.thirds[0] > self.bound || self.rise > self.bound
    }
}

/// What was found of a process.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Found {
    growths: Vec<Growth>,
    seconds: f64,
    read: u64,
    rate: f64,
    asked: f64,
    epochs: u64,
    failed: u64,
}

impl Found {
    /// Nothing grows, and what was asked for was done.
    pub(super) fn is_well(&self) -> bool {
        !self.growths.iter().any(Growth::grows) && self.keeps_up() && self.epochs > 0
    }

    fn keeps_up(&self) -> bool {
        self.rate >= self.asked * KEEPS_UP
    }
}

/// Judges samples in the order of their time.
pub(super) fn judge(samples: &[Sample], asked: f64) -> Found {
    let none = Sample::default();
    let (first, last) = (
        samples.first().unwrap_or(&none),
        samples.last().unwrap_or(&none),
    );
    let seconds = last.seconds - first.seconds;
    let read = last.read.saturating_sub(first.read);
    Found {
        growths: QUANTITIES.iter().map(|of| growth(samples, of)).collect(),
        seconds,
        read,
        rate: if seconds > 0.0 {
            read as f64 / seconds
        } else {
            0.0
        },
        asked,
        epochs: last.epoch.saturating_sub(first.epoch),
        failed: last.failed.saturating_sub(first.failed),
    }
}

fn growth(samples: &[Sample], (name, of, share, least): &Quantity) -> Growth {
    let points: Vec<(f64, f64)> = samples.iter().map(|s| (s.seconds, of(s))).collect();
    let third = |n: usize| {
        let part = points.len() * n / 3..points.len() * (n + 1) / 3;
        median(points[part].iter().map(|(_, value)| *value).collect())
    };
    let thirds = [0, 1, 2].map(third);
    let slope = slope(&points);
    let seconds = points.last().map_or(0.0, |p| p.0) - points.first().map_or(0.0, |p| p.0);
    Growth {
        name,
        thirds,
        slope: slope * 3600.0,
        rise: slope * seconds,
        bound: thirds[0] * share + least,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Of the line of least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let above: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let below: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |is_well: bool| if is_well { "well" } else { "NOT WELL" };
        writeln!(
            f,
            "medians of thirds      first   second     last   slope/hour     rise    bound"
        )?;
        for of in &self.growths {
            let [first, second, last] = of.thirds;
            let (name, slope, rise, bound) = (of.name, of.slope, of.rise, of.bound);
            writeln!(
                f,
                "{name:18} {first:9.1} {second:8.1} {last:8.1} {slope:12.2} {rise:8.2} {bound:8.1}   {}",
                if of.grows() { "GROWS" } else { "does not grow" }
            )?;
        }
        let (read, seconds, rate, asked) = (self.read, self.seconds, self.rate, self.asked);
        writeln!(
            f,
            "{read} records in {seconds:.0} s: {rate:.0} a second of {asked:.0}: {}",
            word(self.keeps_up())
        )?;
        let (epochs, failed) = (self.epochs, self.failed);
        writeln!(
            f,
            "{epochs} epochs became visible, {failed} checkpoints failed"
        )?;
        write!(f, "all in all: {}", word(self.is_well()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that reads 100 records a second, seen 300 times.
    fn samples(of: impl Fn(f64, &mut Sample)) -> Vec<Sample> {
        let sample = |n: u32| {
            let mut sample = Sample {
                seconds: f64::from(n) * 5.0,
                memory: 100.0 + f64::from(n % 7),
                files: f64::from(40 + n % 3),
                threads: 12.0,
                checkpoints: 1.0,
                read: u64::from(n) * 500,
                epoch: u64::from(n) * 5,
                ..Sample::default()
            };
            of(f64::from(n) / 300.0, &mut sample);
            sample
        };
        (0..300).map(sample).collect()
    }

    #[test]
    fn what_grows_is_told_from_what_wavers() {
        type Case = (&'static str, bool, fn(f64, &mut Sample));
        let cases: [Case; 9] = [
            ("it wavers", true, |_, _| {}),
            ("memory rises by 8 %", true, |at, of| of.memory += at * 8.0),
            ("memory rises by 16 %", false, |at, of| {
                of.memory += at * 16.0
            }),
            ("memory steps up", false, |at, of| {
                of.memory += if at > 0.6 { 12.0 } else { 0.0 };
            }),
            ("memory falls", true, |at, of| of.memory -= at * 50.0),
            ("files are left open", false, |at, of| of.files += at * 5.0),
            ("threads are left", false, |at, of| {
                of.threads += (at * 5.0).floor()
            }),
            ("it is too slow", false, |_, of| of.read = of.read * 9 / 10),
            ("nothing becomes visible", false, |_, of| of.epoch = 7),
        ];
        for (name, is_well, of) in cases {
            let found = judge(&samples(of), 100.0);
            assert_eq!(found.is_well(), is_well, "{name}: {found}");
        }
    }

    #[test]
    fn no_samples_are_no_success() {
        assert!(!judge(&[], 100.0).is_well());
        assert!(!judge(&samples(|_, _| {})[..1], 100.0).is_well());
    }

    #[test]
    fn the_slope_of_a_line_is_its_slope() {
        let points: Vec<(f64, f64)> = (0..10).map(f64::from).map(|x| (x, 3.0 - 0.5 * x)).collect();
        assert!((slope(&points) + 0.5).abs() < 1e-12);
        assert_eq!(slope(&[(1.0, 1.0)]), 0.0);
    }
}
