//! `Case`: a random pipeline over a random input.
//!
//! Owns the shapes and how they are drawn. All triggers here fire until the window is forgotten, so
//! that every element that is not late is seen in some pane.

use crate::streaming::source::{Gate, Partitions, Promise, Row};
use crate::translate;
use std::sync::Arc;
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::time::{Duration, micros};
use whitebeam_sdk::transform::CoGroupByKey;
use whitebeam_sdk::{Element, PCollection, Pipeline, Result};
use whitebeam_testkit::oracle::{
    Accumulation, Closing, OnTime, Strategy, TimestampCombiner, Trigger, WindowKind,
};
use whitebeam_testkit::{Collect, Recorded};

/// What the pipeline does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Steps without keys.
    Elements,
    /// All sources together, grouped into lists.
    Lists,
    /// All sources together, summed.
    Sums,
    /// Two sources, each grouped beside the other.
    Together,
    /// Sums, grouped again by half of the keys' bits.
    Twice,
    /// All sources together, read by two groupings: lists and sums.
    Branches,
    /// Lists, beside what came too late for them.
    WithLate,
}

/// A pipeline and its input.
#[derive(Clone, Debug)]
pub struct Case {
    /// By source, by partition.
    pub sources: Vec<Arc<Vec<Vec<Row>>>>,
    /// What it does.
    pub shape: Shape,
    /// How it is windowed.
    pub strategy: Strategy,
    /// What the sources promise.
    pub promise: Promise,
    /// How long a partition may have nothing until the others do not wait for it.
    pub idle_after: Option<Duration>,
    /// Whether the sources end.
    pub gate: Gate,
}

/// What two sources have of a key.
type Both = (Vec<i64>, Vec<i64>);

/// Where the answers of a case can be seen.
#[derive(Clone, Debug)]
pub enum Seen {
    /// Of [`Shape::Elements`].
    Elements(Recorded<(u64, i64)>),
    /// Of [`Shape::Lists`] and [`Shape::Twice`].
    Lists(Recorded<(u64, Vec<i64>)>),
    /// Of [`Shape::Sums`].
    Sums(Recorded<(u64, i64)>),
    /// Of [`Shape::Together`].
    Together(Recorded<(u64, Both)>),
    /// Of [`Shape::Branches`].
    Branches(Recorded<(u64, Vec<i64>)>, Recorded<(u64, i64)>),
    /// Of [`Shape::WithLate`].
    WithLate(Recorded<(u64, Vec<i64>)>, Recorded<(u64, i64)>),
}

type Choose<'a> = &'a mut dyn FnMut(u64) -> u64;

impl Case {
    /// Draws a case of at most `rows` rows.
    pub fn draw(choose: Choose<'_>, rows: u64) -> Self {
        let shape = match choose(14) {
            0 => Shape::Elements,
            1..=3 => Shape::Lists,
            4 | 5 => Shape::Sums,
            6 | 7 => Shape::Together,
            8 | 9 => Shape::Twice,
            10 | 11 => Shape::Branches,
            _ => Shape::WithLate,
        };
        let promise = match shape {
            Shape::WithLate => Promise::Behind(choose(30) as i64),
            _ => Promise::Exact,
        };
        let sources = match shape {
            Shape::Together => 2,
            _ => 1 + choose(2),
        };
        let keys = 1 + choose(12);
        let mut value = 0;
        let mut source = |choose: Choose<'_>| {
            let partitions = 1 + choose(4);
            let partition = |_| {
                let n = choose(rows / (sources * partitions) + 1);
                let row = |i| {
                    value += 1;
                    Row {
                        key: choose(keys),
                        value,
                        at: 2 * i as i64 + choose(24) as i64 - 12,
                    }
                };
                (0..n).map(row).collect()
            };
            Arc::new((0..partitions).map(partition).collect::<Vec<Vec<Row>>>())
        };
        Case {
            sources: (0..sources).map(|_| source(choose)).collect(),
            strategy: strategy(choose, shape),
            idle_after: match shape {
                // Whoever does not wait calls late what comes then.
                Shape::WithLate if choose(2) == 0 => Some(micros(choose(2_000) as i64)),
                _ => None,
            },
            shape,
            promise,
            gate: Gate::default(),
        }
    }

    /// The rows of all sources; with each, which source it is from.
    pub fn rows(&self) -> impl Iterator<Item = (usize, Row)> {
        let sources = self.sources.iter().enumerate();
        sources.flat_map(|(i, source)| source.iter().flatten().map(move |row| (i, *row)))
    }

    /// The pipeline, and where its answers can be seen.
    pub fn build(&self) -> Result<(Graph, Seen)> {
        let p = Pipeline::new();
        let read = |rows: &Arc<Vec<Vec<Row>>>| {
            let source = Partitions {
                rows: Arc::clone(rows),
                promise: self.promise,
                idle_after: self.idle_after,
                gate: self.gate.clone(),
            };
            p.read(source).map(|row| (row.key, row.value))
        };
        let inputs: Vec<PCollection<(u64, i64)>> = self.sources.iter().map(read).collect();
        let seen = match self.shape {
            Shape::Elements => {
                let kept = p.flatten(inputs).filter(|(key, _)| key % 3 != 2);
                let copies = |(key, value): (u64, i64)| (0..=key % 3).map(move |i| (i, value));
                Seen::Elements(kept.flat_map(copies).collect())
            }
            Shape::Lists => Seen::Lists(self.windowed(p.flatten(inputs)).group_by_key().collect()),
            Shape::Sums => Seen::Sums(self.windowed(p.flatten(inputs)).sum_per_key().collect()),
            Shape::Together => {
                let mut inputs = inputs.into_iter().map(|input| self.windowed(input));
                let both = inputs.next().zip(inputs.next());
                let both = both.ok_or_else(|| whitebeam_sdk::Error::internal("two sources"))?;
                Seen::Together(both.co_group_by_key().collect())
            }
            Shape::Twice => {
                let sums = self.windowed(p.flatten(inputs)).sum_per_key();
                let halves = sums.map(|(key, sum)| (key / 2, sum));
                Seen::Lists(halves.group_by_key().collect())
            }
            Shape::Branches => {
                let windowed = self.windowed(p.flatten(inputs));
                let lists = windowed.clone().group_by_key().collect();
                Seen::Branches(lists, windowed.sum_per_key().collect())
            }
            Shape::WithLate => {
                let windowed = self.windowed(p.flatten(inputs));
                let (lists, late) = windowed.group_by_key_with_late();
                Seen::WithLate(lists.collect(), late.collect())
            }
        };
        Ok((p.finish()?, seen))
    }

    fn windowed<T: Element>(&self, input: PCollection<T>) -> PCollection<T> {
        input.window(translate::windowing(&self.strategy))
    }
}

fn strategy(choose: Choose<'_>, shape: Shape) -> Strategy {
    let is_plain = shape == Shape::Twice;
    let window = match choose(if is_plain || shape == Shape::WithLate {
        3
    } else {
        4
    }) {
        0 => WindowKind::Fixed {
            size: 1 + choose(20) as i64,
            offset: 0,
        },
        1 => {
            let period = 1 + choose(9) as i64;
            WindowKind::Sliding {
                size: period * (1 + choose(3) as i64),
                period,
                offset: 0,
            }
        }
        2 => WindowKind::Fixed {
            size: 40 + choose(100) as i64,
            offset: choose(5) as i64,
        },
        _ => WindowKind::Sessions {
            gap: 1 + choose(9) as i64,
        },
    };
    let count = |choose: Choose<'_>| Box::new(Trigger::Count(1 + choose(4)));
    let time = |choose: Choose<'_>| Box::new(Trigger::ProcessingTime(choose(4_000) as i64));
    let trigger = match choose(if is_plain { 1 } else { 7 }) {
        0 | 1 => Trigger::Default,
        2 => Trigger::AfterWatermark {
            early: Some(count(choose)),
            late: Some(Box::new(Trigger::Count(1))),
        },
        3 => Trigger::AfterWatermark {
            early: Some(time(choose)),
            late: Some(count(choose)),
        },
        4 => Trigger::Repeatedly(count(choose)),
        5 => Trigger::Repeatedly(time(choose)),
        _ => Trigger::AfterWatermark {
            early: None,
            late: Some(Box::new(Trigger::Count(1))),
        },
    };
    let pick = |choose: Choose<'_>, n: u64| choose(n) == 0;
    Strategy {
        window,
        trigger,
        accumulation: match pick(choose, 2) {
            true => Accumulation::Accumulating,
            false => Accumulation::Discarding,
        },
        allowed_lateness: match choose(3) {
            0 => 0,
            n => n as i64 * 7,
        },
        timestamp_combiner: match choose(4) {
            0 if !is_plain => TimestampCombiner::Earliest,
            1 if !is_plain => TimestampCombiner::Latest,
            _ => TimestampCombiner::EndOfWindow,
        },
        closing: Closing::FireIfNonEmpty,
        on_time: match pick(choose, 3) {
            true => OnTime::FireIfNonEmpty,
            false => OnTime::FireAlways,
        },
    }
}
