//! Recorded scenarios: their format, their replay, and the comparison of what happened.
//!
//! Owns the meaning of one line of `scenarios.jsonl`. The comparison knows no engine: whoever can
//! answer an `Action` with an `Outcome` can be replayed and judged. Deliberately reads no files.
//!
//! Invariant: a field that is not understood is an error, never skipped in silence.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::interpreter::{Interpreter, Step};
use super::strategy::Strategy;
use super::window_state::{Pane, Timing};
use super::windows::{END_OF_GLOBAL_WINDOW, MAX, MIN, Timestamp, Window};

/// A grouping of one key, driven step by step, with what must come of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Unique among its kind.
    pub name: String,
    /// The strategy of the grouping.
    #[serde(flatten)]
    pub strategy: Strategy,
    /// Another key holds the output watermark here throughout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_hold: Option<Timestamp>,
    /// What comes in, and what must happen, in order.
    pub steps: Vec<Expected>,
    #[serde(flatten)]
    not_understood: NotUnderstood,
}

impl Scenario {
    /// Reads one line.
    ///
    /// # Errors
    /// If it is not a scenario, or has a field this version does not know.
    pub fn parse(line: &str) -> Result<Self, String> {
        let scenario: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let steps = scenario.steps.iter().map(|step| &step.not_understood);
        for fields in std::iter::once(&scenario.not_understood).chain(steps) {
            if let Some(field) = fields.0.keys().next() {
                return Err(format!("{}: field {field} is not known", scenario.name));
            }
        }
        if !scenario.strategy.window.is_well_formed() {
            return Err(format!(
                "{}: sizes, periods and gaps must be positive",
                scenario.name
            ));
        }
        Ok(scenario)
    }
}

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// What comes in.
    #[serde(flatten)]
    pub action: Action,
    /// What must happen because of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(flatten)]
    not_understood: NotUnderstood,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct NotUnderstood(BTreeMap<String, Value>);

/// One thing that comes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// One bundle of elements with these timestamps, which are their values too.
    Bundle(Vec<Timestamp>),
    /// The input watermark reaches this instant.
    #[serde(serialize_with = "write_instant", deserialize_with = "read_instant")]
    Watermark(Timestamp),
    /// Processing time, which starts at 0, advances by this much.
    AdvanceProcessingTime(i64),
}

/// What one action brought about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Panes, in no particular order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub panes: Vec<PaneRecord>,
    /// Element-window pairs dropped because the window had expired.
    #[serde(default)]
    pub dropped_late: u64,
    /// Element-window pairs dropped because the trigger had finished.
    #[serde(default)]
    pub dropped_closed: u64,
    /// The output watermark afterwards.
    #[serde(serialize_with = "write_instant", deserialize_with = "read_instant")]
    pub output_watermark: Timestamp,
}

/// One pane of the one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaneRecord {
    /// The window.
    pub window: Window,
    /// The elements, in no particular order.
    pub values: Vec<i64>,
    /// Timestamp of the emitted element.
    #[serde(serialize_with = "write_instant", deserialize_with = "read_instant")]
    pub timestamp: Timestamp,
    /// Early, on time or late.
    pub timing: Timing,
    /// Position among the window's panes.
    pub index: i64,
    /// Position among those that are not early; -1 for an early one.
    pub nonspeculative_index: i64,
    /// No pane came before.
    pub first: bool,
    /// No pane will come after.
    pub last: bool,
}

impl From<Pane<i64>> for PaneRecord {
    fn from(pane: Pane<i64>) -> Self {
        Self {
            window: pane.window,
            values: pane.values,
            timestamp: pane.timestamp,
            timing: pane.timing,
            index: pane.index,
            nonspeculative_index: pane.nonspeculative_index,
            first: pane.first,
            last: pane.last,
        }
    }
}

impl Outcome {
    fn of(step: Step<i64>, output_watermark: Timestamp) -> Self {
        Self {
            panes: step.panes.into_iter().map(PaneRecord::from).collect(),
            dropped_late: step.dropped_late.len() as u64,
            dropped_closed: step.dropped_closed.len() as u64,
            output_watermark,
        }
    }
}

/// Replays a scenario on anything that answers actions.
///
/// # Errors
/// The first step that went differently, and how.
pub fn replay(
    scenario: &Scenario,
    mut answer: impl FnMut(&Action) -> Outcome,
) -> Result<(), String> {
    for (number, step) in scenario.steps.iter().enumerate() {
        let observed = answer(&step.action);
        if let Some(difference) = difference(&step.outcome, &observed) {
            return Err(format!(
                "{}: step {number}, {:?}: {difference}",
                scenario.name, step.action
            ));
        }
    }
    Ok(())
}

/// Replays a scenario on the interpreter.
///
/// # Errors
/// The first step that went differently, and how.
pub fn check(scenario: &Scenario) -> Result<(), String> {
    let mut interpreter = Interpreter::new(scenario.strategy.clone());
    interpreter.other_hold(scenario.other_hold);
    replay(scenario, |action| interpreter.answer(action))
}

impl Interpreter<i64> {
    /// Takes one action, for the one key 0.
    pub fn answer(&mut self, action: &Action) -> Outcome {
        let step = match action {
            Action::Bundle(timestamps) => {
                let elements: Vec<_> = timestamps.iter().map(|&t| (0, t, t)).collect();
                self.bundle(&elements)
            }
            Action::Watermark(watermark) => self.watermark(*watermark),
            Action::AdvanceProcessingTime(duration) => self.advance_processing_time(*duration),
        };
        Outcome::of(step, self.output_watermark())
    }
}

/// How two outcomes differ; neither the order of panes nor that of values counts.
#[must_use]
pub fn difference(expected: &Outcome, observed: &Outcome) -> Option<String> {
    let mut differences = Vec::new();
    let mut unexpected = in_order(observed);
    for pane in in_order(expected) {
        match unexpected.iter().position(|other| *other == pane) {
            Some(position) => {
                unexpected.remove(position);
            }
            None => differences.push(format!("missing {}", describe(&pane))),
        }
    }
    differences.extend(
        unexpected
            .iter()
            .map(|pane| format!("unexpected {}", describe(pane))),
    );
    let mut compare = |what: &str, expected: String, observed: String| {
        if expected != observed {
            differences.push(format!("{what} should be {expected}, is {observed}"));
        }
    };
    compare(
        "dropped_late",
        expected.dropped_late.to_string(),
        observed.dropped_late.to_string(),
    );
    compare(
        "dropped_closed",
        expected.dropped_closed.to_string(),
        observed.dropped_closed.to_string(),
    );
    compare(
        "output_watermark",
        instant_text(expected.output_watermark),
        instant_text(observed.output_watermark),
    );
    (!differences.is_empty()).then(|| differences.join("; "))
}

/// The panes with sorted values, sorted.
fn in_order(outcome: &Outcome) -> Vec<PaneRecord> {
    let mut panes = outcome.panes.clone();
    for pane in &mut panes {
        pane.values.sort_unstable();
    }
    panes.sort_unstable();
    panes
}

fn describe(pane: &PaneRecord) -> String {
    let window = match pane.window {
        Window::Global => "global".to_owned(),
        Window::Interval { start, end } => format!("[{start}, {end})"),
    };
    format!(
        "{:?} pane {:?} of {window} at {}, index {}/{}{}{}",
        pane.timing,
        pane.values,
        instant_text(pane.timestamp),
        pane.index,
        pane.nonspeculative_index,
        if pane.first { ", first" } else { "" },
        if pane.last { ", last" } else { "" },
    )
}

/// The instants that have names.
const NAMES: [(&str, Timestamp); 4] = [
    ("min", MIN),
    ("max", MAX),
    ("end_of_global_window", END_OF_GLOBAL_WINDOW),
    ("max_of_window", END_OF_GLOBAL_WINDOW),
];

fn instant_name(instant: Timestamp) -> Option<&'static str> {
    let named = NAMES.iter().find(|(_, named)| *named == instant);
    named.map(|(name, _)| *name)
}

fn instant_text(instant: Timestamp) -> String {
    instant_name(instant).map_or_else(|| instant.to_string(), str::to_owned)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn write_instant<S: Serializer>(instant: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    match instant_name(*instant) {
        Some(name) => to.serialize_str(name),
        None => to.serialize_i64(*instant),
    }
}

fn read_instant<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Format {
        Number(Timestamp),
        Name(String),
    }
    match Format::deserialize(from)? {
        Format::Number(instant) => Ok(instant),
        Format::Name(name) => NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, instant)| *instant)
            .ok_or_else(|| serde::de::Error::custom(format!("no instant is called {name}"))),
    }
}
