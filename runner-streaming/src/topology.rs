//! `Topology`: the stages of a graph and the exchanges between them.
//!
//! Owns which exchange leaves and enters where. The cut is `runner-core`'s.

use whitebeam_runner_core::plan::{Exit, Plan, StagePlan};
use whitebeam_sdk::graph::{Graph, NodeId, NodeKind};
use whitebeam_sdk::{Error, Result};

/// An exchange, by its place in [`Topology::exchanges`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ExchangeId(pub(crate) usize);

/// What enters a stage.
#[derive(Clone, Debug)]
pub(crate) enum Enters {
    /// What a source yields.
    Source(NodeId),
    /// Exchanges, by entry.
    Exchanges(Vec<ExchangeId>),
}

/// One stage and its place among the others.
#[derive(Clone, Debug)]
pub(crate) struct StageShape {
    pub(crate) plan: StagePlan,
    pub(crate) enters: Enters,
    /// By exit.
    pub(crate) leaves: Vec<ExchangeId>,
}

/// The stages of a graph, inputs first, and what lies between them.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    pub(crate) stages: Vec<StageShape>,
    pub(crate) exchanges: Vec<Exit>,
}

impl Topology {
    pub(crate) fn of(plan: &Plan<'_>) -> Result<Self> {
        let mut topology = Topology {
            stages: Vec::new(),
            exchanges: Vec::new(),
        };
        for mut stage in plan.cut_at_groupings() {
            // Partials would count as one where elements are dropped as late: not lifted.
            stage.exits.iter_mut().for_each(|exit| exit.lifted = false);
            stage
                .entries
                .iter_mut()
                .for_each(|entry| entry.lifted = false);
            let enters = topology.enters(plan.graph(), &stage)?;
            let leaves = stage.exits.iter().cloned().map(|exit| {
                topology.exchanges.push(exit);
                ExchangeId(topology.exchanges.len() - 1)
            });
            let leaves = leaves.collect();
            topology.stages.push(StageShape {
                plan: stage,
                enters,
                leaves,
            });
        }
        Ok(topology)
    }

    /// Stages come inputs first, so that what enters has left another one already.
    fn enters(&self, graph: &Graph, stage: &StagePlan) -> Result<Enters> {
        let mut exchanges = Vec::new();
        for entry in &stage.entries {
            let from = entry.collection;
            let carries = |e: &Exit| e.collection == from && stage.nodes.contains(&e.reader);
            match self.exchanges.iter().position(carries) {
                Some(exchange) => exchanges.push(ExchangeId(exchange)),
                None if matches!(graph.node(from.node).kind, NodeKind::Source(_)) => {
                    return Ok(Enters::Source(from.node));
                }
                None => {
                    let e = Error::internal("a stage reads what no other stage hands out");
                    return Err(e.at_step(graph.node(from.node).path.clone()));
                }
            }
        }
        Ok(Enters::Exchanges(exchanges))
    }
}
