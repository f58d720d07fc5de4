//! Equality classes: what is promised of results when order, batching and parallelism change.
//!
//! Owns the class of each kind of step. A pipeline's class is the weakest of its steps'.

use super::{Graph, NodeId, NodeKind};
use crate::window::{WindowFn, WindowingStrategy};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is promised of a step's results when order, batching and parallelism change
/// (the weakest of a pipeline's steps is the pipeline's class).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum EqualityClass {
    /// Equal at any order.
    Unordered,
    /// Equal except for what was dropped as late, which is reported.
    LateData,
    /// Equal when ties in time are broken by a stated key.
    TimeOrdered,
    /// Depends on the order of arrival.
    ArrivalOrder,
    /// User code that is not a function of its input, and sums of floats.
    NotDeterministic,
}

impl fmt::Display for EqualityClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EqualityClass::Unordered => "ordered by nothing",
            EqualityClass::LateData => "late data",
            EqualityClass::TimeOrdered => "ordered in time",
            EqualityClass::ArrivalOrder => "arrival order",
            EqualityClass::NotDeterministic => "not deterministic",
        })
    }
}

impl Graph {
    /// What is promised of the results of one step.
    pub fn class(&self, id: NodeId) -> EqualityClass {
        let node = self.node(id);
        if node.nondeterministic {
            return EqualityClass::NotDeterministic;
        }
        match &node.kind {
            NodeKind::Group(grouping) => {
                let inputs = node.inputs.iter().map(|c| self.collection(*c));
                let by_windows = inputs.map(|i| class_of_grouping(&i.windowing));
                by_windows.fold(grouping.class(), EqualityClass::max)
            }
            NodeKind::Source(_)
            | NodeKind::Step(_)
            | NodeKind::Window(_)
            | NodeKind::Flatten
            | NodeKind::Sink(_) => EqualityClass::Unordered,
        }
    }

    /// What is promised of the results of the whole pipeline.
    pub fn weakest_class(&self) -> EqualityClass {
        let classes = self.nodes().iter().map(|n| self.class(n.id));
        classes.max().unwrap_or(EqualityClass::Unordered)
    }
}

/// Windows that end drop what comes too late; a trigger that finishes drops what comes after.
fn class_of_grouping(windowing: &WindowingStrategy) -> EqualityClass {
    if windowing.trigger.is_unsafe(windowing.allowed_lateness) {
        EqualityClass::ArrivalOrder
    } else if windowing.window_fn == WindowFn::Global {
        EqualityClass::Unordered
    } else {
        EqualityClass::LateData
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pipeline;
    use crate::time::{minutes, seconds};
    use crate::trigger::{AfterPane, AfterWatermark};
    use crate::window::{FixedWindows, GlobalWindows, Windowing};

    #[test]
    fn a_grouping_promises_what_its_windows_and_values_allow() {
        let fixed = || FixedWindows::of(minutes(1)).accumulating();
        let late = AfterWatermark::past_end_of_window().late(AfterPane::element_count(1));
        let count = || AfterPane::element_count(3);
        let cases = [
            (GlobalWindows::new(), EqualityClass::Unordered),
            (fixed(), EqualityClass::LateData),
            (
                fixed().trigger(late).allowed_lateness(seconds(5)),
                EqualityClass::LateData,
            ),
            (
                GlobalWindows::new().trigger(count()),
                EqualityClass::ArrivalOrder,
            ),
        ];
        for (windowing, expected) in cases {
            let p = Pipeline::new();
            let sums = p
                .create([(1, 1_i64)])
                .window(windowing.clone())
                .sum_per_key();
            assert_eq!(p.graph().class(sums.id().node), expected, "{windowing:?}");
            assert_eq!(p.graph().weakest_class(), expected);
        }
    }

    #[test]
    fn floats_and_declared_user_code_are_not_deterministic() {
        let p = Pipeline::new();
        let sums = p.create([(1, 0.5)]).sum_per_key();
        let class = p.graph().class(sums.id().node);
        assert_eq!(class, EqualityClass::NotDeterministic);
        let p = Pipeline::new();
        let looked_up = p.create([1]).map(|x| x + 1).nondeterministic();
        let after = looked_up.clone().window(Windowing::configure());
        let graph = p.graph();
        assert_eq!(
            graph.class(looked_up.id().node),
            EqualityClass::NotDeterministic
        );
        assert_eq!(graph.class(after.id().node), EqualityClass::Unordered);
        assert_eq!(graph.weakest_class(), EqualityClass::NotDeterministic);
    }
}
