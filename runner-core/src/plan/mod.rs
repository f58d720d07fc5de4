//! Plans: which nodes run together, and what each of them is told.
//!
//! Owns the cut of a graph into stages and the construction of run-time steps. Does not own how
//! stages are joined: a runner supplies the outlets and pushes into the entries.

mod demand;
mod relabel;

use crate::group::{self, GroupOptions};
use crate::stage::{Body, NodeSpec, Outlet, Stage};
use demand::Demands;
use relabel::{AssignWindows, Merge};
use std::collections::BTreeMap;
use whitebeam_sdk::erase::{ErasedGrouping, Port, Step, StepContext};
use whitebeam_sdk::graph::{CollectionId, Graph, Node, NodeId, NodeKind};
use whitebeam_sdk::sink::Shard;
use whitebeam_sdk::source::ReadOptions;
use whitebeam_sdk::{Error, Result};

/// A graph and what follows from it for every runner.
#[derive(Debug)]
pub struct Plan<'g> {
    graph: &'g Graph,
    demands: Demands,
}

/// What a runner decides when it makes a stage.
#[derive(Clone, Copy, Debug)]
pub struct StageOptions {
    /// How groupings run.
    pub group: GroupOptions,
    /// Which of the parallel copies of the stage this is.
    pub shard: Shard,
}

/// A collection that leaves a stage, and who reads it elsewhere.
#[derive(Clone, Debug)]
pub struct Exit {
    /// What leaves.
    pub collection: CollectionId,
    /// The node of another stage that reads it.
    pub reader: NodeId,
    /// At which port (the first, if it reads it several times).
    pub port: Port,
    /// It pays to gather before the exchange: partials cross it, for the reader's partials input.
    pub lifted: bool,
}

/// A collection that enters a stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entrance {
    /// What enters.
    pub collection: CollectionId,
    /// It comes as partials for a grouping's partials input.
    pub lifted: bool,
}

/// Nodes that run as one unit.
#[derive(Clone, Debug, Default)]
pub struct StagePlan {
    /// In the order of the graph.
    pub nodes: Vec<NodeId>,
    /// Collections that enter from outside (a source's output counts as outside).
    pub entries: Vec<Entrance>,
    /// Collections that leave.
    pub exits: Vec<Exit>,
}

impl<'g> Plan<'g> {
    /// Plans `graph`.
    pub fn new(graph: &'g Graph) -> Self {
        Plan {
            graph,
            demands: Demands::of(graph),
        }
    }

    /// The graph.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// How a source's readers should read.
    pub fn read_options(&self, source: NodeId) -> ReadOptions {
        let demand = self.demands.of_collection(CollectionId {
            node: source,
            port: 0,
        });
        ReadOptions {
            demand,
            ..ReadOptions::default()
        }
    }

    /// Everything but the sources as one stage: no exchange at all.
    pub fn whole(&self) -> StagePlan {
        let is_source = |n: &&Node| matches!(n.kind, NodeKind::Source(_));
        let sources = self.graph.nodes().iter().filter(is_source);
        let others = self.graph.nodes().iter().filter(|n| !is_source(n));
        StagePlan {
            nodes: others.map(|n| n.id).collect(),
            entries: sources
                .map(|n| {
                    whole(CollectionId {
                        node: n.id,
                        port: 0,
                    })
                })
                .collect(),
            exits: Vec::new(),
        }
    }

    /// Stages cut before every grouping, in an order in which inputs come first. A node that reads
    /// several stages begins one of its own.
    pub fn cut_at_groupings(&self) -> Vec<StagePlan> {
        let mut stage_of: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut stages: Vec<StagePlan> = Vec::new();
        for node in self.graph.nodes() {
            let mut inputs = node
                .inputs
                .iter()
                .filter_map(|c| stage_of.get(&c.node).copied());
            let first = inputs.next();
            let stage = match first {
                Some(s) if !begins_stage(node) && inputs.all(|other| other == s) => s,
                _ => {
                    stages.push(StagePlan::default());
                    stages.len() - 1
                }
            };
            stage_of.insert(node.id, stage);
            self.enter(node, stage, &stage_of, &mut stages);
        }
        stages
    }

    fn enter(
        &self,
        node: &Node,
        stage: usize,
        stage_of: &BTreeMap<NodeId, usize>,
        stages: &mut [StagePlan],
    ) {
        if matches!(node.kind, NodeKind::Source(_)) {
            stages[stage].entries.push(whole(CollectionId {
                node: node.id,
                port: 0,
            }));
            return;
        }
        stages[stage].nodes.push(node.id);
        let lifted = self.lifts(node);
        for (port, &collection) in node.inputs.iter().enumerate() {
            let from = stage_of[&collection.node];
            let again = node.inputs[..port].contains(&collection);
            if from != stage && !again {
                stages[from].exits.push(Exit {
                    collection,
                    reader: node.id,
                    port,
                    lifted,
                });
                stages[stage].entries.push(Entrance { collection, lifted });
            }
        }
    }

    fn lifts(&self, node: &Node) -> bool {
        let NodeKind::Group(grouping) = &node.kind else {
            return false;
        };
        let windowing = &self.graph.collection(node.inputs[0]).windowing;
        node.outputs.len() == 1 && group::lifts(grouping.as_ref(), windowing)
    }

    /// The run-time form of `plan`; `outlet` makes what takes each exit's batches.
    pub fn stage(
        &self,
        plan: &StagePlan,
        options: &StageOptions,
        outlet: &mut dyn FnMut(&Exit) -> Result<Box<dyn Outlet>>,
    ) -> Result<Stage> {
        let index: BTreeMap<NodeId, usize> = plan
            .nodes
            .iter()
            .enumerate()
            .map(|(i, id)| (*id, i))
            .collect();
        let mut specs = Vec::new();
        for &id in &plan.nodes {
            specs.push(self.spec(id, plan, &index, options)?);
        }
        let mut entries: Vec<Vec<(usize, Port)>> = Vec::new();
        for &entry in &plan.entries {
            let mut readers = self.local_readers(entry.collection, &index);
            if entry.lifted {
                readers
                    .iter_mut()
                    .for_each(|(_, port)| *port = PARTIALS_OF_ONE_INPUT);
            }
            entries.push(readers);
        }
        for (i, exit) in plan.exits.iter().enumerate() {
            let at = plan.nodes.len() + i;
            let reader = self.graph.node(exit.reader);
            specs.push(NodeSpec {
                id: exit.reader,
                path: reader.path.clone(),
                line: reader.line(),
                body: Body::Outlet(outlet(exit)?),
                outs: Vec::new(),
                consumers: Vec::new(),
            });
            match index.get(&exit.collection.node) {
                Some(&from) => specs[from].consumers[exit.collection.port].push((at, 0)),
                None => {
                    let entry = plan
                        .entries
                        .iter()
                        .position(|e| e.collection == exit.collection);
                    if let Some(entry) = entry {
                        entries[entry].push((at, 0));
                    }
                }
            }
        }
        Ok(Stage::new(specs, entries))
    }

    fn local_readers(
        &self,
        collection: CollectionId,
        index: &BTreeMap<NodeId, usize>,
    ) -> Vec<(usize, Port)> {
        let readers = self.graph.consumers(collection).into_iter();
        readers
            .filter_map(|(node, port)| Some((*index.get(&node)?, port)))
            .collect()
    }

    fn spec(
        &self,
        id: NodeId,
        plan: &StagePlan,
        index: &BTreeMap<NodeId, usize>,
        options: &StageOptions,
    ) -> Result<NodeSpec> {
        let node = self.graph.node(id);
        let ports = 0..node.outputs.len();
        let collection = |port| CollectionId { node: id, port };
        debug_assert!(plan.nodes.contains(&id), "a stage is made of its own nodes");
        Ok(NodeSpec {
            id,
            path: node.path.clone(),
            line: node.line(),
            body: self
                .body(node, options)
                .map_err(|e| e.at_step(node.path.clone()).at_line(node.line()))?,
            outs: node.outputs.iter().map(|o| (o.new_batch)()).collect(),
            consumers: ports
                .map(|p| self.local_readers(collection(p), index))
                .collect(),
        })
    }

    fn body(&self, node: &Node, options: &StageOptions) -> Result<Body> {
        let step: Box<dyn Step> = match &node.kind {
            NodeKind::Step(make) => make.make(&self.context(node))?,
            NodeKind::Window(windowing) => Box::new(AssignWindows::new(windowing.window_fn())),
            NodeKind::Flatten => Box::new(Merge),
            NodeKind::Group(grouping) => self.group(node, grouping.as_ref(), options)?,
            NodeKind::Sink(sink) => return Ok(Body::Writer(sink.open(options.shard)?)),
            NodeKind::Source(_) => {
                return Err(Error::internal(
                    "a source is read by the runner, not run as a step",
                ));
            }
        };
        Ok(Body::Step(step))
    }

    fn group(
        &self,
        node: &Node,
        grouping: &dyn ErasedGrouping,
        options: &StageOptions,
    ) -> Result<Box<dyn Step>> {
        let windowing = &self.graph.collection(node.inputs[0]).windowing;
        group::step(grouping, windowing, node.outputs.len() > 1, &options.group)
    }

    fn context(&self, node: &Node) -> StepContext {
        let demand = (0..node.outputs.len())
            .map(|port| {
                self.demands.of_collection(CollectionId {
                    node: node.id,
                    port,
                })
            })
            .fold(Default::default(), whitebeam_sdk::time::Demand::join);
        let windowing = node
            .inputs
            .first()
            .map(|c| self.graph.collection(*c).windowing.clone())
            .unwrap_or_default();
        StepContext {
            demand,
            windowing,
            path: node.path.clone(),
        }
    }
}

/// Only groupings of one input are lifted; their partials input comes right behind it.
const PARTIALS_OF_ONE_INPUT: Port = 1;

fn whole(collection: CollectionId) -> Entrance {
    Entrance {
        collection,
        lifted: false,
    }
}

/// A grouping reads what an exchange brought together by key.
fn begins_stage(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Group(_) | NodeKind::Source(_))
}
