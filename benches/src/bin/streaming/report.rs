//! The rows: what is compared with what, and the goals.
//!
//! Owns medians, ratios and how they are told. Answers of contenders that did the same are compared;
//! a row whose goal is missed, or whose answers differ, fails the program.

use crate::Result;
use crate::runs::{Contender, Taken};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One line of the report.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    name: &'static str,
    what: What,
    /// At most this.
    goal: Option<f64>,
}

#[derive(Clone, Copy)]
enum What {
    /// CPU seconds of a contender over those of another.
    Cpu(Contender, Contender),
    /// CPU seconds of the worker's thread alone; the median of the rounds' ratios.
    Worker(Contender, Contender),
    Wall(Contender, Contender),
    /// The 99th of a hundred pauses at a checkpoint, in milliseconds.
    Pause(Contender, Clock),
    /// The longest pause of a run.
    Stall(Contender, Clock),
    /// Mebibytes written for a checkpoint.
    Written(Contender),
    /// Milliseconds from a checkpoint's request to its publication.
    Took(Contender),
    Recovery,
}

#[derive(Clone, Copy)]
enum Clock {
    Cpu,
    Wall,
}

const ROWS: &[Row] = &{
    use Contender as C;
    const fn row(name: &'static str, what: What, goal: Option<f64>) -> Row {
        Row { name, what, goal }
    }
    [
        row("map, x loop", What::Cpu(C::Map, C::MapLoop), Some(1.5)),
        row(
            "windowed sum, x loop",
            What::Cpu(C::Sum, C::SumLoop),
            Some(2.0),
        ),
        row(
            "two workers, x one (wall)",
            What::Wall(C::TwoWorkers, C::OneWorker),
            None,
        ),
        row(
            "1 M keys, checkpoints x none",
            What::Worker(C::Checkpointed, C::Plain),
            Some(1.04),
        ),
        row(
            "1 M keys, barrier pause p99, ms",
            What::Pause(C::Checkpointed, Clock::Cpu),
            Some(2.0),
        ),
        row(
            "1 M keys, barrier pause p99, wall ms",
            What::Pause(C::Checkpointed, Clock::Wall),
            None,
        ),
        row(
            "1 M keys, none taken, longest pause, ms",
            What::Stall(C::Plain, Clock::Cpu),
            None,
        ),
        row(
            "1 M keys, all change, MiB written",
            What::Written(C::Checkpointed),
            None,
        ),
        row(
            "1 M keys, 1 % change, MiB written",
            What::Written(C::Few),
            None,
        ),
        row(
            "1 M keys, checkpoint takes, ms",
            What::Took(C::Checkpointed),
            None,
        ),
        row(
            "to 10 M keys, checkpoints x none",
            What::Worker(C::Growing, C::GrowingPlain),
            None,
        ),
        row(
            "to 10 M keys, barrier pause p99, ms",
            What::Pause(C::Growing, Clock::Cpu),
            Some(2.0),
        ),
        row(
            "to 10 M keys, longest stall, ms",
            What::Stall(C::Growing, Clock::Cpu),
            Some(20.0),
        ),
        row(
            "to 10 M keys, longest stall, wall ms",
            What::Stall(C::Growing, Clock::Wall),
            None,
        ),
        row(
            "to 10 M keys, none taken, stall, ms",
            What::Stall(C::GrowingPlain, Clock::Cpu),
            None,
        ),
        row(
            "the machine itself, pause p99, ms",
            What::Pause(C::Machine, Clock::Cpu),
            None,
        ),
        row("1 M keys, kill to first output, s", What::Recovery, None),
    ]
};

impl Row {
    pub(crate) fn is_recovery(&self) -> bool {
        matches!(self.what, What::Recovery)
    }

    fn contenders(&self) -> Vec<Contender> {
        match self.what {
            What::Cpu(a, b) | What::Worker(a, b) | What::Wall(a, b) => vec![b, a],
            What::Pause(a, _) | What::Stall(a, _) | What::Written(a) | What::Took(a) => vec![a],
            What::Recovery => vec![],
        }
    }
}

/// All rows, or those whose names contain `only`.
pub(crate) fn rows(only: Option<&str>) -> Vec<Row> {
    let wanted = |row: &&Row| only.is_none_or(|only| row.name.contains(only));
    ROWS.iter().filter(wanted).copied().collect()
}

/// Who has to run for some rows.
pub(crate) fn contenders(rows: &[Row]) -> BTreeSet<Contender> {
    rows.iter().flat_map(Row::contenders).collect()
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Rounds {
    runs: BTreeMap<Contender, Vec<Taken>>,
    recoveries: Vec<f64>,
}

impl Rounds {
    pub(crate) fn add(&mut self, contender: Contender, taken: Taken) {
        self.runs.entry(contender).or_default().push(taken);
    }

    pub(crate) fn recovered(&mut self, seconds: f64) {
        self.recoveries.push(seconds);
    }

    fn of(&self, contender: Contender) -> &[Taken] {
        self.runs.get(&contender).map_or(&[], Vec::as_slice)
    }

    fn each(&self, contender: Contender, of: impl Fn(&Taken) -> f64) -> Spread {
        Spread::of(self.of(contender).iter().map(of).collect())
    }

    /// Contenders that did the same and found something else.
    fn differences(&self) -> Vec<String> {
        use Contender as C;
        let same: [&[Contender]; 4] = [
            &[C::MapLoop, C::Map],
            &[C::SumLoop, C::Sum, C::OneWorker, C::TwoWorkers],
            &[C::Plain, C::Checkpointed],
            &[C::GrowingPlain, C::Growing],
        ];
        let differ = |group: &&[Contender]| {
            let runs = group.iter().flat_map(|c| self.of(*c));
            let answers: BTreeSet<_> = runs.map(|run| run.answer).collect();
            (answers.len() > 1).then(|| format!("{group:?} differ: {answers:?}"))
        };
        same.iter().filter_map(differ).collect()
    }
}

/// A median with its range.
#[derive(Clone, Copy, Debug)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
        Spread {
            median: at(values.len() / 2),
            least: at(0),
            most: at(values.len().saturating_sub(1)),
        }
    }
}

/// The value that 99 of 100 do not exceed, with the median and the most.
fn p99(mut values: Vec<f64>) -> (f64, Spread) {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * 0.99).ceil() as usize;
    let p99 = values.get(rank.saturating_sub(1)).copied();
    (p99.unwrap_or(f64::NAN), Spread::of(values))
}

/// What a row shows.
struct Shown {
    value: f64,
    /// What the value was made from.
    ours: Spread,
    limit: Option<Spread>,
}

fn show(row: &Row, rounds: &Rounds) -> Shown {
    let ratio = |ours: Spread, limit: Spread| Shown {
        value: ours.median / limit.median,
        ours,
        limit: Some(limit),
    };
    let plain = |ours: Spread| Shown {
        value: ours.median,
        ours,
        limit: None,
    };
    let by = |clock: Clock, (cpu, wall): (f64, f64)| match clock {
        Clock::Cpu => cpu,
        Clock::Wall => wall,
    };
    match row.what {
        What::Cpu(a, b) => ratio(
            rounds.each(a, |run| run.cpu_seconds),
            rounds.each(b, |run| run.cpu_seconds),
        ),
        What::Worker(a, b) => {
            // Of the two runs of a round: neighbours on the machine's cache come and go more slowly.
            let pairs = rounds.of(a).iter().zip(rounds.of(b));
            let ratios = pairs.map(|(ours, limit)| ours.worker_seconds / limit.worker_seconds);
            Shown {
                value: Spread::of(ratios.collect()).median,
                ours: rounds.each(a, |run| run.worker_seconds),
                limit: Some(rounds.each(b, |run| run.worker_seconds)),
            }
        }
        What::Wall(a, b) => ratio(
            rounds.each(a, |run| run.wall_seconds),
            rounds.each(b, |run| run.wall_seconds),
        ),
        What::Pause(a, clock) => {
            let pauses = rounds.of(a).iter().flat_map(|run| &run.pauses);
            let (value, ours) = p99(pauses.map(|pause| by(clock, *pause)).collect());
            Shown {
                value,
                ours,
                limit: None,
            }
        }
        What::Stall(a, clock) => plain(rounds.each(a, |run| by(clock, run.stall))),
        What::Written(a) => {
            // The first holds everything, whatever changes later.
            let bytes = rounds.of(a).iter().flat_map(|run| run.bytes.iter().skip(2));
            let mib = bytes.map(|bytes| *bytes as f64 / f64::from(1 << 20));
            plain(Spread::of(mib.collect()))
        }
        What::Took(a) => {
            let took = rounds.of(a).iter().flat_map(|run| &run.took);
            plain(Spread::of(took.copied().collect()))
        }
        What::Recovery => plain(Spread::of(rounds.recoveries.clone())),
    }
}

fn spread(of: Spread) -> String {
    format!("{:.3} ({:.3}..{:.3})", of.median, of.least, of.most)
}

fn object(row: &Row, shown: &Shown) -> Value {
    let spread = |of: Spread| json!({ "median": of.median, "min": of.least, "max": of.most });
    json!({
        "row": row.name,
        "value": shown.value,
        "goal": row.goal,
        "met": row.goal.map(|goal| shown.value <= goal),
        "ours": spread(shown.ours),
        "limit": shown.limit.map(spread),
    })
}

/// Tells all rows; an error if an answer differs or a goal is missed.
pub(crate) fn judge(rows: &[Row], rounds: &Rounds, json: bool) -> Result<()> {
    let mut missed = Vec::new();
    let mut objects = Vec::new();
    for row in rows {
        let shown = show(row, rounds);
        if row.goal.is_some_and(|goal| shown.value > goal) {
            missed.push(row.name);
        }
        if json {
            objects.push(object(row, &shown));
            continue;
        }
        let goal = row
            .goal
            .map_or(String::new(), |goal| format!("goal {goal}"));
        let limit = shown
            .limit
            .map_or(String::new(), |of| format!(" / {}", spread(of)));
        let ours = spread(shown.ours);
        println!(
            "{:<40} {:>9.3}  {goal:<10} {ours}{limit}",
            row.name, shown.value
        );
    }
    if json {
        println!("{}", json!({ "benchmark": "streaming", "rows": objects }));
    }
    let differences = rounds.differences();
    if !differences.is_empty() {
        return Err(differences.join("; ").into());
    }
    if !missed.is_empty() {
        return Err(format!("missed: {}", missed.join("; ")).into());
    }
    Ok(())
}
