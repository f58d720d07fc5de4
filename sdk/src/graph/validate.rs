//! Validation: everything about a graph that no runner could give a meaning.
//!
//! Owns the checks that follow from the finished graph; those that only building can see (foreign
//! collections, tags, names) are recorded by it. All problems are found before any is reported.

use super::problem::{Code, Place, Problem};
use super::{Graph, Node, NodeKind, OutputSpec};
use crate::error::{Error, Result};
use crate::source::Boundedness;
use crate::time::Duration;
use crate::trigger::Trigger;
use crate::window::{WindowFn, Windowing, WindowingStrategy};

/// The graph, or one error that reports every problem.
pub(crate) fn check(graph: Graph) -> Result<Graph> {
    let mut problems = graph.problems.clone();
    for node in graph.nodes() {
        match &node.kind {
            NodeKind::Window(windowing) => problems.extend(window(node, windowing)),
            NodeKind::Group(_) => {
                problems.extend(group(&graph, node));
                problems.extend(incompatible(&graph, node, "grouped together"));
            }
            NodeKind::Flatten => problems.extend(incompatible(&graph, node, "flattened")),
            NodeKind::Source(_) | NodeKind::Step(_) | NodeKind::Sink(_) => {}
        }
    }
    let errors = problems.iter().map(|p| p.shown(&graph)).collect();
    match Error::all(errors) {
        Some(error) => Err(error),
        None => Ok(graph),
    }
}

fn inputs<'g>(graph: &'g Graph, node: &'g Node) -> impl Iterator<Item = &'g OutputSpec> {
    node.inputs.iter().map(|id| graph.collection(*id))
}

fn window(node: &Node, change: &Windowing) -> Vec<Problem> {
    let strategy = &node.outputs[0].windowing;
    let mut found = Vec::new();
    let mut problem = |p: Option<Problem>| found.extend(p);
    problem(change.window_fn().and_then(|f| window_size(node, f)));
    problem(negative_lateness(node, change));
    problem(change.changes_trigger().and_then(|t| shape(node, t)));
    problem(lateness_unsaid(node, strategy));
    problem(accumulation_unsaid(node, strategy));
    found
}

fn window_size(node: &Node, window_fn: WindowFn) -> Option<Problem> {
    let lengths: &[(&str, Duration)] = match window_fn {
        WindowFn::Global => &[],
        WindowFn::Fixed { size, .. } => &[("size", size)],
        WindowFn::Sliding { size, period, .. } => &[("size", size), ("period", period)],
        WindowFn::Sessions { gap } => &[("gap", gap)],
    };
    let (name, length) = lengths.iter().find(|(_, d)| !d.is_positive())?;
    let message = format!("a window's {name} must be above zero, not {length}");
    Some(Problem::new(
        Code::WindowSize,
        Place::Node(node.id),
        message,
    ))
}

fn negative_lateness(node: &Node, change: &Windowing) -> Option<Problem> {
    let asked = change.asked_lateness().filter(|l| *l < Duration::ZERO)?;
    let message = format!("an allowed lateness cannot be negative, as {asked} is");
    Some(Problem::new(
        Code::NegativeLateness,
        Place::Node(node.id),
        message,
    ))
}

/// A trigger that fires on nothing, or consists of nothing.
fn shape(node: &Node, trigger: &Trigger) -> Option<Problem> {
    let wrong = misshapen(trigger)?;
    let message = format!("the trigger `{trigger}` cannot mean anything: {wrong}");
    Some(Problem::new(
        Code::TriggerShape,
        Place::Node(node.id),
        message,
    ))
}

fn misshapen(trigger: &Trigger) -> Option<&'static str> {
    let boxed = |t: &Option<Box<Trigger>>| t.as_deref().and_then(misshapen);
    match trigger {
        Trigger::ElementCount(0) => Some("a count of zero"),
        Trigger::AfterProcessingTime(d) if *d < Duration::ZERO => Some("a negative delay"),
        Trigger::AfterWatermark { early, late } => boxed(early).or_else(|| boxed(late)),
        Trigger::Repeatedly(t) => misshapen(t),
        Trigger::OrFinally(t, u) => misshapen(t).or_else(|| misshapen(u)),
        Trigger::AfterEach(subs) | Trigger::AfterFirst(subs) | Trigger::AfterAll(subs) => {
            if subs.is_empty() {
                return Some("a list of no triggers");
            }
            subs.iter().find_map(misshapen)
        }
        Trigger::Default
        | Trigger::Never
        | Trigger::ElementCount(_)
        | Trigger::AfterProcessingTime(_)
        | Trigger::AfterSynchronizedProcessingTime => None,
    }
}

fn lateness_unsaid(node: &Node, s: &WindowingStrategy) -> Option<Problem> {
    let said =
        s.trigger == Trigger::Default || s.window_fn == WindowFn::Global || s.lateness_specified;
    if said {
        return None;
    }
    let message = format!("{} with a trigger need an allowed lateness", s.window_fn);
    let problem = Problem::new(Code::LatenessUnsaid, Place::Node(node.id), message)
        .note("How long after its end a window goes on firing decides what is dropped.")
        .help("drop what comes after the end    .allowed_lateness(Duration::ZERO)")
        .help("or wait for it                   .allowed_lateness(minutes(10))");
    Some(problem)
}

fn accumulation_unsaid(node: &Node, s: &WindowingStrategy) -> Option<Problem> {
    let waits = s.allowed_lateness > Duration::ZERO && s.window_fn != WindowFn::Global;
    if s.mode_specified || (s.trigger == Trigger::Default && !waits) {
        return None;
    }
    let message = "windows that fire more than once need an accumulation mode";
    let problem = Problem::new(Code::AccumulationUnsaid, Place::Node(node.id), message)
        .note(format!(
            "{}, {}, allowed lateness {}",
            s.window_fn, s.trigger, s.allowed_lateness
        ))
        .help("each pane holds everything so far        .accumulating()")
        .help("each pane holds what came since the last .discarding()");
    Some(problem)
}

fn group(graph: &Graph, node: &Node) -> Vec<Problem> {
    let endless = |i: &&OutputSpec| {
        i.boundedness == Boundedness::Unbounded
            && i.windowing.window_fn == WindowFn::Global
            && i.windowing.trigger == Trigger::Default
    };
    let mut found = Vec::new();
    found.extend(
        inputs(graph, node)
            .find(endless)
            .map(|i| never_emits(node, i)),
    );
    let risky = |i: &&OutputSpec| i.windowing.trigger.is_unsafe(i.windowing.allowed_lateness);
    if !graph.options().allow_unsafe_triggers {
        found.extend(
            inputs(graph, node)
                .find(risky)
                .map(|i| unsafe_trigger(node, i)),
        );
    }
    found
}

fn never_emits(node: &Node, input: &OutputSpec) -> Problem {
    let message = "grouping an unbounded PCollection needs a window or a trigger";
    Problem::new(Code::NeverEmits, Place::Node(node.id), message)
        .note(format!(
            "input PCollection<{}>, unbounded, global window, default trigger",
            super::short_type(input.type_name)
        ))
        .note("The default trigger waits for the end of the window. The global window has no end,")
        .note("so this step would never emit.")
        .help("window first     .window(FixedWindows::of(minutes(5)))")
        .help("or fire early    .window(GlobalWindows::new().trigger(repeatedly(AfterPane::element_count(1_000))).discarding())")
}

fn unsafe_trigger(node: &Node, input: &OutputSpec) -> Problem {
    let trigger = &input.windowing.trigger;
    let message = format!("the trigger `{trigger}` may finish and lose elements");
    Problem::new(Code::UnsafeTrigger, Place::Node(node.id), message)
        .note("What comes to a window after its trigger has finished is dropped.")
        .help(
            "go on firing      .trigger(repeatedly(..)), or .late(..) after the end of the window",
        )
        .help("or mean it        pipeline.allow_unsafe_triggers()")
}

/// Inputs of one node that cannot be one collection.
fn incompatible(graph: &Graph, node: &Node, what: &str) -> Vec<Problem> {
    let mut all = inputs(graph, node);
    let Some(first) = all.next().map(|i| &i.windowing) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for other in all.map(|i| &i.windowing) {
        if !first.window_fn.is_compatible(other.window_fn) {
            let message = format!(
                "collections in {} and in {} cannot be {what}",
                first.window_fn, other.window_fn
            );
            let place = Place::Node(node.id);
            found.push(
                Problem::new(Code::OtherWindows, place, message)
                    .help("give all of them the same `.window(..)` first"),
            );
        } else if first.trigger != other.trigger {
            let message = format!(
                "collections under the triggers `{}` and `{}` cannot be {what}",
                first.trigger, other.trigger
            );
            let place = Place::Node(node.id);
            found.push(
                Problem::new(Code::OtherTriggers, place, message)
                    .help("give all of them the same trigger first: .window(Windowing::configure().trigger(..))"),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests;
