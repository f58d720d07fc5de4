//! The rows: what is compared with what, and the goals.
//!
//! Owns medians, ratios and how they are told. Answers of contenders that did the same are compared; a
//! row whose goal is missed, or whose answers differ, fails the program.

use crate::{Contender, Result, Taken};
use serde_json::json;
use std::collections::BTreeMap;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    taken: BTreeMap<Contender, Vec<Taken>>,
    recoveries: Vec<f64>,
}

/// A line of the report.
struct Row {
    name: &'static str,
    value: f64,
    spread: (f64, f64),
    at_most: Option<f64>,
}

impl Rounds {
    pub(crate) fn add(&mut self, contender: Contender, taken: Taken) {
        self.taken.entry(contender).or_default().push(taken);
    }

    pub(crate) fn recovered(&mut self, seconds: f64) {
        self.recoveries.push(seconds);
    }

    fn of(&self, contender: Contender) -> &[Taken] {
        self.taken.get(&contender).map_or(&[], Vec::as_slice)
    }

    /// Wall time of one contender over that of another, round by round.
    fn ratio(
        &self,
        name: &'static str,
        (of, over): (Contender, Contender),
        at_most: Option<f64>,
        measure: fn(&Taken) -> f64,
    ) -> Result<Row> {
        let (of, over) = (self.of(of), self.of(over));
        if of.iter().zip(over).any(|(a, b)| a.answer != b.answer) {
            return Err(format!("{name}: the answers differ").into());
        }
        let ratios = of.iter().zip(over).map(|(a, b)| measure(a) / measure(b));
        Ok(row(name, ratios.collect(), at_most))
    }
}

fn row(name: &'static str, mut values: Vec<f64>, at_most: Option<f64>) -> Row {
    values.sort_by(f64::total_cmp);
    Row {
        name,
        value: values[values.len() / 2],
        spread: (values[0], values[values.len() - 1]),
        at_most,
    }
}

fn wall(of: &Taken) -> f64 {
    of.wall_seconds
}

fn cpu(of: &Taken) -> f64 {
    of.cpu_seconds
}

fn rows(rounds: &Rounds) -> Result<Vec<Row>> {
    use Contender as C;
    // As many records per second as 0.9 of the loop's: at most 1/0.9 of its time.
    let as_fast = Some(1.0 / 0.9);
    let mut rows = vec![
        rounds.ratio("JSON, time x loop", (C::Json, C::JsonLoop), as_fast, wall)?,
        rounds.ratio("JSON, CPU x loop", (C::Json, C::JsonLoop), None, cpu)?,
        rounds.ratio(
            "binary, time x loop",
            (C::Binary, C::BinaryLoop),
            as_fast,
            wall,
        )?,
        rounds.ratio("binary, CPU x loop", (C::Binary, C::BinaryLoop), None, cpu)?,
        rounds.ratio(
            "exactly once, time x at least once",
            (C::ExactlyOnce, C::AtLeastOnce),
            Some(1.15),
            wall,
        )?,
        rounds.ratio(
            "exactly once, CPU x at least once",
            (C::ExactlyOnce, C::AtLeastOnce),
            None,
            cpu,
        )?,
    ];
    for (name, contender) in [
        ("JSON loop, million records/s", C::JsonLoop),
        ("JSON, million records/s", C::Json),
        ("binary loop, million records/s", C::BinaryLoop),
        ("binary, million records/s", C::Binary),
        ("at least once, million records/s", C::AtLeastOnce),
        ("exactly once, million records/s", C::ExactlyOnce),
    ] {
        let rates = rounds.of(contender).iter();
        let rates = rates.map(|taken| taken.answer.0 as f64 / 1e6 / taken.wall_seconds);
        rows.push(row(name, rates.collect(), None));
    }
    for taken in rounds.of(C::Latency) {
        let mut all = taken.latencies.clone();
        if all.is_empty() {
            return Err("no record became visible".into());
        }
        all.sort_by(f64::total_cmp);
        let nth = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
        rows.push(row("event to visible record p50, ms", vec![nth(0.5)], None));
        rows.push(row(
            "event to visible record p99, ms",
            vec![nth(0.99)],
            None,
        ));
    }
    // Two seconds and the interval between checkpoints.
    let recovered = rounds.recoveries.clone();
    rows.push(row("kill to newly visible record, s", recovered, Some(3.0)));
    Ok(rows)
}

/// Tells the rows; an error if a goal is missed.
pub(crate) fn judge(rounds: &Rounds, as_json: bool) -> Result<()> {
    let mut missed = Vec::new();
    for row in rows(rounds)? {
        let is_met = row.at_most.is_none_or(|most| row.value <= most);
        if !is_met {
            missed.push(row.name);
        }
        let (least, most) = row.spread;
        if as_json {
            let line = json!({
                "benchmark": row.name,
                "value": row.value,
                "least": least,
                "most": most,
                "at_most": row.at_most,
                "rounds": rounds.recoveries.len(),
            });
            println!("{line}");
            continue;
        }
        let goal = row.at_most.map_or(String::new(), |goal| {
            format!("  goal {goal:.2} {}", if is_met { "met" } else { "MISSED" })
        });
        let value = row.value;
        println!(
            "{:<38} {value:>9.3}  {least:>9.3} .. {most:<9.3}{goal}",
            row.name
        );
    }
    match missed.as_slice() {
        [] => Ok(()),
        missed => Err(format!("goals missed: {}", missed.join("; ")).into()),
    }
}
