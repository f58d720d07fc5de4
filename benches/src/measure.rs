//! Rounds of runs, their CPU time and their checksums.
//!
//! Owns the clocks, the interleaving and the medians. Deliberately does not generate, load or print. The invariant:
//! every round runs every contender once, and every other round backwards, so that what disturbs the machine disturbs
//! all alike; a checksum that differs ends everything, for a fast wrong answer is no figure.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

use crate::contenders::{Answer, Clock, Contender, Query};
use crate::events::Ev;

/// A contender with its ns of CPU time per event, one per round, the warm-up left out.
pub(crate) struct Measured {
    pub(crate) contender: Contender,
    pub(crate) ns: Vec<f64>,
}

impl Measured {
    pub(crate) fn spread(&self) -> Spread {
        Spread::of(&self.ns)
    }
}

/// Median and extremes of some rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one value; of an even number the median is the mean of the middle two.
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (lower, upper) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Spread {
            min: sorted[0],
            median: f64::midpoint(lower, upper),
            max: sorted[sorted.len() - 1],
        }
    }
}

/// Two engines disagree.
#[derive(Debug)]
pub(crate) struct Disagreement {
    query: Query,
    column: &'static str,
    checksum: u64,
    expected_by: &'static str,
    expected: u64,
}

impl std::fmt::Display for Disagreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: the checksum of {} is {}, that of {} is {}",
            self.query.name(),
            self.column,
            self.checksum,
            self.expected_by,
            self.expected
        )
    }
}

impl std::error::Error for Disagreement {}

/// Runs a warm-up and then `rounds` rounds of all contenders.
pub(crate) fn measure(
    contenders: Vec<Contender>,
    events: &'static [Ev],
    rounds: usize,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Measured>, Disagreement> {
    let start = |contender| Measured {
        contender,
        ns: Vec::with_capacity(rounds),
    };
    let mut measured: Vec<Measured> = contenders.into_iter().map(start).collect();
    for round in 0..=rounds {
        progress(round);
        let mut answers = Answers::default();
        let mut turns: Vec<&mut Measured> = measured.iter_mut().collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for one in turns {
            let Timed { checksum, ns } = time(&one.contender, events);
            answers.compare(&one.contender, checksum)?;
            let is_warm_up = round == 0;
            if !is_warm_up {
                one.ns.push(ns / events.len() as f64);
            }
        }
    }
    Ok(measured)
}

/// The first answer of each query in a round, which the others are compared with.
#[derive(Default)]
struct Answers {
    first: Vec<(Contender, u64)>,
}

impl Answers {
    fn compare(&mut self, contender: &Contender, checksum: u64) -> Result<(), Disagreement> {
        if contender.answer == Answer::CostOnly {
            return Ok(());
        }
        match self
            .first
            .iter()
            .find(|(first, _)| first.query == contender.query)
        {
            None => {
                self.first.push((*contender, checksum));
                Ok(())
            }
            Some((_, expected)) if *expected == checksum => Ok(()),
            Some((first, expected)) => Err(Disagreement {
                query: contender.query,
                column: contender.column,
                checksum,
                expected_by: first.column,
                expected: *expected,
            }),
        }
    }
}

struct Timed {
    checksum: u64,
    ns: f64,
}

/// One run. The events pass a black box, so that no loop is folded over what the compiler knows of them.
fn time(contender: &Contender, events: &'static [Ev]) -> Timed {
    let before = cpu_ns(contender.clock);
    let checksum = black_box((contender.run)(black_box(events)));
    Timed {
        checksum,
        ns: cpu_ns(contender.clock) - before,
    }
}

fn cpu_ns(clock: Clock) -> f64 {
    let time = clock_gettime(match clock {
        Clock::Thread => ClockId::ThreadCPUTime,
        Clock::Process => ClockId::ProcessCPUTime,
    });
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

#[cfg(test)]
mod tests;
