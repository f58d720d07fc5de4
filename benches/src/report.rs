//! What was measured, for people and for machines.
//!
//! Owns the table, the verdicts and the JSON lines. Deliberately decides nothing: `goals` judges. The invariant: a
//! figure that was not measured is shown as missing, never as zero; a peer whose answer differs by design is marked
//! and never counts as the best peer.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::contenders::{Answer, Peer, Query, Role};
use crate::goals::{Benchmark, Figures};
use crate::measure::{Measured, Spread};

/// Marks figures that are cost only.
const COST_ONLY: &str = "*";
/// Width of a column.
const CELL: usize = 23;

/// What a report is made from.
pub(crate) struct Report<'a> {
    pub(crate) measured: &'a [Measured],
    pub(crate) benchmarks: &'a [Benchmark],
    pub(crate) events: usize,
    pub(crate) rounds: usize,
}

impl Report<'_> {
    /// One JSON object a line, one line a benchmark whose limit was measured.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        for benchmark in self.benchmarks {
            let Some(limit) = self.limit(benchmark.query) else {
                continue;
            };
            let whitebeam = self.whitebeam(benchmark);
            let best_peer = self.best_peer(benchmark.query, |_| true);
            let line = json!({
                "benchmark": benchmark.name,
                "limit_ns": rounded(limit.spread().median),
                "whitebeam_ns": whitebeam.map(|one| rounded(one.spread().median)),
                "best_peer": best_peer.map(|one| one.contender.column),
                "best_peer_ns": best_peer.map(|one| rounded(one.spread().median)),
                "rounds": self.rounds,
                "events": self.events,
                "spreads": self.spreads(benchmark),
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn spreads(&self, benchmark: &Benchmark) -> Value {
        let mut spreads = Map::new();
        for one in self.of_query(benchmark.query) {
            let key = match one.contender.role {
                Role::Whitebeam(name) if name == benchmark.name => "whitebeam",
                Role::Whitebeam(_) => continue,
                Role::Limit | Role::Reference | Role::Peer(_) => one.contender.column,
            };
            let Spread { min, max, .. } = one.spread();
            spreads.insert(key.to_owned(), json!([rounded(min), rounded(max)]));
        }
        Value::Object(spreads)
    }

    /// The figures of all engines, then Whitebeam against its goals.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "CPU ns per event, one worker, {} events: median [min..max] of {} rounds",
            self.events, self.rounds
        )?;
        self.write_figures(out)?;
        writeln!(
            out,
            "{COST_ONLY} cost only: its event-time windows start at each key's first element, so its answer differs"
        )?;
        writeln!(
            out,
            "All other checksums of a row are equal.\n\nGoals of Whitebeam"
        )?;
        for benchmark in self.benchmarks {
            self.write_goals(benchmark, out)?;
        }
        Ok(())
    }

    fn write_figures(&self, out: &mut impl Write) -> io::Result<()> {
        let columns = self.columns();
        write!(out, "{:<9}", "")?;
        for column in &columns {
            write!(out, "  {column:>CELL$}")?;
        }
        writeln!(out)?;
        for query in Query::ALL {
            if self.of_query(query).next().is_none() {
                continue;
            }
            write!(out, "{:<9}", query.name())?;
            for column in &columns {
                let one = self
                    .of_query(query)
                    .find(|one| one.contender.column == *column);
                let cell = one.map_or_else(|| "-".to_owned(), cell);
                write!(out, "  {cell:>CELL$}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// The limit first, Whitebeam last.
    fn columns(&self) -> Vec<&'static str> {
        let rank = |role| match role {
            Role::Limit => 0,
            Role::Reference => 1,
            Role::Peer(_) => 2,
            Role::Whitebeam(_) => 3,
        };
        let mut ranked: Vec<&Measured> = self.measured.iter().collect();
        ranked.sort_by_key(|one| rank(one.contender.role));
        let mut columns = Vec::new();
        for one in ranked {
            if !columns.contains(&one.contender.column) {
                columns.push(one.contender.column);
            }
        }
        columns
    }

    fn write_goals(&self, benchmark: &Benchmark, out: &mut impl Write) -> io::Result<()> {
        let Some(figures) = self.figures(benchmark) else {
            let bounds: Vec<String> = benchmark.bounds.iter().map(|bound| bound.text()).collect();
            let goals = bounds.join(", ");
            return writeln!(out, "{:<14} not measured; goals: {goals}", benchmark.name);
        };
        for bound in benchmark.bounds {
            let name = benchmark.name;
            match bound.judge(&figures) {
                Some(verdict) => {
                    let word = if verdict.is_met { "met" } else { "MISSED" };
                    writeln!(
                        out,
                        "{name:<14} {:6.2} ns  {word:<6}  {}",
                        figures.whitebeam, verdict.text
                    )?;
                }
                None => writeln!(out, "{name:<14} not judged: {}", bound.text())?,
            }
        }
        Ok(())
    }

    /// `None` while Whitebeam or the limit was not measured on it.
    fn figures(&self, benchmark: &Benchmark) -> Option<Figures> {
        let best_of = |peer| {
            let best = self.best_peer(benchmark.query, |other| other == peer);
            best.map(|one| one.spread().median)
        };
        Some(Figures {
            whitebeam: self.whitebeam(benchmark)?.spread().median,
            limit: self.limit(benchmark.query)?.spread().median,
            hash_map: self
                .of_query(benchmark.query)
                .find(|one| one.contender.role == Role::Reference)
                .map(|one| one.spread().median),
            timely: best_of(Peer::Timely),
            renoir: best_of(Peer::Renoir),
        })
    }

    fn of_query(&self, query: Query) -> impl Iterator<Item = &Measured> {
        self.measured
            .iter()
            .filter(move |one| one.contender.query == query)
    }

    fn limit(&self, query: Query) -> Option<&Measured> {
        self.of_query(query)
            .find(|one| one.contender.role == Role::Limit)
    }

    fn whitebeam(&self, benchmark: &Benchmark) -> Option<&Measured> {
        let role = Role::Whitebeam(benchmark.name);
        self.of_query(benchmark.query)
            .find(|one| one.contender.role == role)
    }

    /// The fastest of the peers asked for, among those that answer the same question.
    fn best_peer(&self, query: Query, is_wanted: impl Fn(Peer) -> bool) -> Option<&Measured> {
        self.of_query(query)
            .filter(|one| one.contender.answer == Answer::Compared)
            .filter(|one| matches!(one.contender.role, Role::Peer(peer) if is_wanted(peer)))
            .min_by(|one, other| one.spread().median.total_cmp(&other.spread().median))
    }
}

fn cell(one: &Measured) -> String {
    let Spread { min, median, max } = one.spread();
    let mark = match one.contender.answer {
        Answer::Compared => "",
        Answer::CostOnly => COST_ONLY,
    };
    format!("{median:.2}{mark} [{min:.2}..{max:.2}]")
}

/// Hundredths of a nanosecond are below what one run can tell from another.
fn rounded(ns: f64) -> f64 {
    (ns * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
