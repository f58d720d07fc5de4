//! The benchmarks by name, and what Whitebeam must reach on each.
//!
//! Owns the bounds and the verdict on one figure. Deliberately owns no measuring. The invariant: a bound is a ratio
//! to, or a distance from, something measured in the same run; no bound is an absolute time.

use crate::contenders::{Peer, Query};

/// `_unordered` benchmarks may cost at most a quarter more than the ordered bound.
const UNORDERED: f64 = 1.25;
/// "Within 25 %" of a peer.
const NEAR: f64 = 1.25;

/// What one figure of Whitebeam is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// At most so many times the limit.
    TimesLimit(f64),
    /// At most so many times the loop over `hashbrown`: the limit against which the goals were set. The limit has
    /// become faster since, and its goal stays what it was.
    TimesMap(f64),
    /// At most so many ns per event above the limit.
    AboveLimit(f64),
    /// Less than the best form of a peer.
    AheadOf(Peer),
    /// At most a quarter more than the best form of a peer.
    Near(Peer),
}

/// A named benchmark: a query, run by Whitebeam in one particular way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Benchmark {
    pub(crate) name: &'static str,
    pub(crate) query: Query,
    pub(crate) bounds: &'static [Bound],
}

use Bound::{AboveLimit, AheadOf, Near, TimesLimit, TimesMap};
use Peer::{Renoir, Timely};

/// All of them, in the order of the report.
pub(crate) const BENCHMARKS: [Benchmark; 13] = [
    bench("q0", Query::Q0, &[TimesLimit(1.5), Near(Renoir)]),
    bench(
        "q1",
        Query::Q1,
        &[TimesLimit(1.5), AheadOf(Timely), Near(Renoir)],
    ),
    bench(
        "q2",
        Query::Q2,
        &[TimesLimit(1.5), AheadOf(Timely), Near(Renoir)],
    ),
    bench(
        "q5",
        Query::Q5,
        &[TimesLimit(1.35), TimesMap(1.35), AheadOf(Timely)],
    ),
    bench(
        "q7",
        Query::Q7,
        &[TimesLimit(1.8), AheadOf(Timely), AheadOf(Renoir)],
    ),
    bench("q8", Query::Q8, &[TimesLimit(2.5), AheadOf(Timely)]),
    bench("q11", Query::Q11, &[TimesLimit(2.0), TimesMap(2.0)]),
    bench("q1_separate", Query::Q1, &[TimesLimit(1.7)]),
    bench("q2_separate", Query::Q2, &[TimesLimit(1.7)]),
    bench(
        "q5_unordered",
        Query::Q5,
        &[TimesLimit(1.35 * UNORDERED), TimesMap(1.35 * UNORDERED)],
    ),
    bench("q7_unordered", Query::Q7, &[TimesLimit(1.8 * UNORDERED)]),
    bench("q8_unordered", Query::Q8, &[TimesLimit(2.5 * UNORDERED)]),
    bench("triggers", Query::Triggers, &[AboveLimit(15.0)]),
];

const fn bench(name: &'static str, query: Query, bounds: &'static [Bound]) -> Benchmark {
    Benchmark {
        name,
        query,
        bounds,
    }
}

/// The medians, in ns per event, that a bound may need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) whitebeam: f64,
    pub(crate) limit: f64,
    /// The loop over a hash map, where there is one.
    pub(crate) hash_map: Option<f64>,
    /// The best form of each peer with comparable answers.
    pub(crate) timely: Option<f64>,
    pub(crate) renoir: Option<f64>,
}

impl Figures {
    fn peer(&self, peer: Peer) -> Option<f64> {
        match peer {
            Timely => self.timely,
            Renoir => self.renoir,
        }
    }
}

/// How a figure stands to a bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// Such as `1.41 x limit, goal 1.50`.
    pub(crate) text: String,
    pub(crate) is_met: bool,
}

impl Bound {
    /// `None` if the figure to compare with was not measured.
    pub(crate) fn judge(self, figures: &Figures) -> Option<Verdict> {
        match self {
            TimesLimit(most) => {
                let ratio = figures.whitebeam / figures.limit;
                Some(verdict(
                    format!("{ratio:.2} x limit, goal {most:.2}"),
                    ratio <= most,
                ))
            }
            TimesMap(most) => {
                let ratio = figures.whitebeam / figures.hash_map?;
                let text = format!("{ratio:.2} x the loop over a hash map, goal {most:.2}");
                Some(verdict(text, ratio <= most))
            }
            AboveLimit(most) => {
                let above = figures.whitebeam - figures.limit;
                Some(verdict(
                    format!("{above:+.1} ns, goal {most:+.1}"),
                    above <= most,
                ))
            }
            AheadOf(peer) => {
                let ratio = figures.whitebeam / figures.peer(peer)?;
                let text = format!("{ratio:.2} x {}, goal below 1", peer.name());
                Some(verdict(text, ratio < 1.0))
            }
            Near(peer) => {
                let ratio = figures.whitebeam / figures.peer(peer)?;
                let text = format!("{ratio:.2} x {}, goal {NEAR:.2}", peer.name());
                Some(verdict(text, ratio <= NEAR))
            }
        }
    }

    /// The bound by itself, where there is nothing to judge yet.
    pub(crate) fn text(self) -> String {
        match self {
            TimesLimit(most) => format!("{most:.2} x limit"),
            TimesMap(most) => format!("{most:.2} x hash map"),
            AboveLimit(most) => format!("limit {most:+.1} ns"),
            AheadOf(peer) => format!("ahead of {}", peer.name()),
            Near(peer) => format!("{NEAR:.2} x {}", peer.name()),
        }
    }
}

fn verdict(text: String, is_met: bool) -> Verdict {
    Verdict { text, is_met }
}

#[cfg(test)]
mod tests {
    //! Each kind of bound, on either side of it.

    use super::*;

    fn figures(whitebeam: f64) -> Figures {
        Figures {
            whitebeam,
            limit: 2.0,
            hash_map: Some(4.0),
            timely: Some(8.0),
            renoir: None,
        }
    }

    #[test]
    fn bounds_are_met_up_to_the_goal_and_missed_beyond_it() {
        let cases = [
            (TimesLimit(1.5), 3.0, Some(true)),
            (TimesLimit(1.5), 3.01, Some(false)),
            (TimesMap(1.5), 6.0, Some(true)),
            (TimesMap(1.5), 6.1, Some(false)),
            (AboveLimit(15.0), 17.0, Some(true)),
            (AboveLimit(15.0), 17.1, Some(false)),
            (AheadOf(Timely), 7.9, Some(true)),
            (AheadOf(Timely), 8.0, Some(false)),
            (Near(Timely), 10.0, Some(true)),
            (Near(Timely), 10.1, Some(false)),
            (Near(Renoir), 1.0, None),
        ];
        for (bound, whitebeam, expected) in cases {
            let is_met = bound
                .judge(&figures(whitebeam))
                .map(|verdict| verdict.is_met);
            assert_eq!(is_met, expected, "{bound:?} at {whitebeam}");
        }
    }

    #[test]
    fn no_two_benchmarks_share_a_name() {
        let mut names: Vec<_> = BENCHMARKS.iter().map(|bench| bench.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), BENCHMARKS.len());
    }
}
