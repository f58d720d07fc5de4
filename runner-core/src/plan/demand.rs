//! How exactly timestamps are needed, flowing backward over the graph.
//!
//! Owns the rule for every kind of node. What is demanded of a collection is the weakest form that
//! satisfies all its readers, so that times are paid for only where someone looks.

use std::collections::BTreeMap;
use whitebeam_sdk::graph::{CollectionId, Graph, Node, NodeKind};
use whitebeam_sdk::time::Demand;

#[derive(Debug)]
pub(super) struct Demands {
    of: BTreeMap<CollectionId, Demand>,
}

impl Demands {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut demands = Demands {
            of: BTreeMap::new(),
        };
        for node in graph.nodes().iter().rev() {
            let downstream = (0..node.outputs.len())
                .map(|port| {
                    demands.of_collection(CollectionId {
                        node: node.id,
                        port,
                    })
                })
                .fold(Demand::None, Demand::join);
            for &input in &node.inputs {
                let windowing = &graph.collection(input).windowing;
                let wanted = wanted(node, windowing, downstream);
                let known = demands.of.entry(input).or_default();
                *known = known.join(wanted);
            }
        }
        demands
    }

    pub(super) fn of_collection(&self, id: CollectionId) -> Demand {
        self.of.get(&id).copied().unwrap_or_default()
    }
}

/// What `node` wants to know of its input's timestamps, given what is wanted of its outputs.
fn wanted(
    node: &Node,
    windowing: &whitebeam_sdk::window::WindowingStrategy,
    downstream: Demand,
) -> Demand {
    match &node.kind {
        NodeKind::Source(_) => Demand::None,
        NodeKind::Window(_) | NodeKind::Flatten => downstream,
        // A grouping gives its outputs times of their own. Late elements keep theirs.
        NodeKind::Group(_) if node.outputs.len() > 1 => Demand::Exact,
        NodeKind::Group(_) => windowing.demand(),
        // A sink writes values; one that wants times is fed by a step that puts them there.
        NodeKind::Sink(sink) if sink.observes_timestamps() => Demand::Exact,
        NodeKind::Sink(_) => Demand::None,
        NodeKind::Step(make) => {
            let observes = make.observes();
            let own = match (observes.timestamps, observes.windows) {
                (true, _) => Demand::Exact,
                (false, true) => windowing.window_fn.demand(),
                (false, false) => Demand::None,
            };
            if observes.replaces_timestamps {
                own
            } else {
                own.join(downstream)
            }
        }
    }
}
