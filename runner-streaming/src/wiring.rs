//! `Wiring`: what the stages of all workers are made from, and what lies between them.
//!
//! Owns the channels, the division of key groups and splits, and the construction of tasks. Does not
//! own what they do.

use crate::exchange::{Bell, Channel, Inlet, Route, Sender};
use crate::mutant::{Mutant, is_on};
use crate::promises::Promises;
use crate::reading::{Reading, ReadingPlan};
use crate::scout::Watched;
use crate::script::Cue;
use crate::settings::Settings;
use crate::snapshot::{Snapshot, SplitSnapshot};
use crate::splits;
use crate::task::{Exit, Input, Task};
use crate::told;
use crate::topology::{Enters, ExchangeId, StageShape, Topology};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use whitebeam_runner_core::plan::{Plan, StageOptions};
use whitebeam_runner_core::stage::Outlet;
use whitebeam_sdk::graph::{NodeId, NodeKind};
use whitebeam_sdk::hash::KEY_GROUPS;
use whitebeam_sdk::sink::Shard;
use whitebeam_sdk::{Error, Result, Timestamp};

/// The key groups of worker `index` of `workers`.
fn owned(index: usize, workers: usize) -> Range<u16> {
    let bound = |i: usize| (i * usize::from(KEY_GROUPS) / workers) as u16;
    bound(index)..bound(index + 1)
}

/// The channels of one exchange: by sender, by receiver.
type Channels = Vec<Vec<Arc<Channel>>>;

/// What is known of a source before anybody reads it.
struct Found {
    splits: Vec<SplitSnapshot>,
    promises: Arc<Promises>,
    /// Of a scripted input.
    cue: Option<Cue>,
}

/// What the tasks of all workers are made from.
pub(crate) struct Wiring<'a> {
    plan: &'a Plan<'a>,
    settings: &'a Settings,
    topology: Topology,
    channels: Vec<Channels>,
    sources: BTreeMap<NodeId, Found>,
    recovered: Option<&'a Snapshot>,
}

impl<'a> Wiring<'a> {
    pub(crate) fn new(
        plan: &'a Plan<'a>,
        settings: &'a Settings,
        bells: &[Arc<Bell>],
        recovered: Option<&'a Snapshot>,
    ) -> Result<Self> {
        let topology = Topology::of(plan)?;
        let n = settings.parallelism;
        let budget = settings.limits.channel(n);
        let mut one_credit: BTreeMap<(usize, usize), Arc<AtomicUsize>> = BTreeMap::new();
        let mut channels = Vec::new();
        for _ in &topology.exchanges {
            let mut exchange = Channels::new();
            for (from, sender) in bells.iter().enumerate() {
                let to = bells.iter().enumerate().map(|(to, receiver)| {
                    let shared = one_credit.entry((from, to)).or_default();
                    let spent = match is_on(Mutant::SharedCredit) {
                        true => Arc::clone(shared),
                        false => Arc::default(),
                    };
                    Arc::new(Channel::new(
                        budget,
                        spent,
                        Arc::clone(sender),
                        Arc::clone(receiver),
                    ))
                });
                exchange.push(to.collect());
            }
            channels.push(exchange);
        }
        let mut sources = BTreeMap::new();
        for node in plan.graph().nodes() {
            if let NodeKind::Source(source) = &node.kind {
                let all = splits::all(node, source.as_ref(), settings, recovered)?;
                let at = all.first().and_then(|split| split.at.as_ref());
                let found = Found {
                    cue: Cue::of(source.as_ref(), at),
                    splits: all,
                    promises: Arc::new(Promises::new(bells.to_vec())),
                };
                sources.insert(node.id, found);
            }
        }
        Ok(Wiring {
            plan,
            settings,
            topology,
            channels,
            sources,
            recovered,
        })
    }

    /// All channels, in no order that means anything.
    pub(crate) fn channels(&self) -> Vec<Arc<Channel>> {
        self.channels.iter().flatten().flatten().cloned().collect()
    }

    /// The sources that may get more splits.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        let nodes = self.plan.graph().nodes().iter();
        let watched = nodes.filter_map(|node| {
            let NodeKind::Source(source) = &node.kind else {
                return None;
            };
            let found = self.sources.get(&node.id)?;
            let may_grow = splits::may_grow(source.as_ref(), self.settings);
            let ended = self.ended(&node.path, 0);
            let workers = self.settings.parallelism;
            let watched = || Watched::new(&node.path, source, &found.splits, &ended, workers);
            may_grow.then(watched)
        });
        watched.collect()
    }

    /// The scripted inputs, in the order of the sources.
    pub(crate) fn cues(&self) -> Vec<Cue> {
        let cues = self.sources.values().filter_map(|found| found.cue.clone());
        cues.collect()
    }

    /// The tasks of worker `index`, set up and restored.
    pub(crate) fn tasks(&self, index: usize) -> Result<Vec<Task>> {
        let stages = self.topology.stages.iter();
        let mut tasks: Vec<Task> = stages
            .map(|shape| self.task(shape, index))
            .collect::<Result<_>>()?;
        let held = self.recovered.map(|s| &s.held);
        for task in &mut tasks {
            // What was counted before is counted on by one of the workers.
            if let Some(held) = held.filter(|_| index == 0) {
                task.count_from(&held.counts);
            }
            task.start(held, owned(index, self.settings.parallelism))?;
        }
        Ok(tasks)
    }

    fn task(&self, shape: &StageShape, index: usize) -> Result<Task> {
        let graph = self.plan.graph();
        let options = StageOptions {
            group: self.settings.group,
            shard: Shard {
                index: index as u32,
                of: self.settings.parallelism as u32,
            },
        };
        let mut leaves = shape.leaves.iter();
        let stage = self.plan.stage(&shape.plan, &options, &mut |_| {
            let exchange = leaves.next().copied();
            let exchange =
                exchange.ok_or_else(|| Error::internal("an exit without an exchange"))?;
            Ok(Box::new(self.sender(exchange, index)) as Box<dyn Outlet>)
        })?;
        let exits = shape.leaves.iter();
        let exits = exits.map(|id| Exit::new(self.channels[id.0][index].clone()));
        let first = shape.plan.nodes.first();
        let name = first.map_or_else(String::new, |id| graph.node(*id).path.clone());
        let input = match &shape.enters {
            Enters::Source(id) => Input::Source(Box::new(self.reading(*id, index)?)),
            Enters::Exchanges(all) => {
                let floors = self.recovered.and_then(|s| s.held.floors.get(&name));
                let inlet = |(entry, id): (usize, &ExchangeId)| {
                    let floor = floors.and_then(|of| of.get(entry)).copied();
                    self.inlet(*id, index, floor.unwrap_or(Timestamp::MIN))
                };
                Input::Exchanges(all.iter().enumerate().map(inlet).collect())
            }
        };
        let mut named = shape.plan.nodes.clone();
        named.extend(shape.plan.entries.iter().map(|entry| entry.collection.node));
        let paths = named
            .into_iter()
            .map(|id| (id, graph.node(id).path.clone()));
        let (exits, paths) = (exits.collect(), paths.collect());
        Ok(Task::new(name, stage, input, exits, paths))
    }

    fn sender(&self, id: ExchangeId, index: usize) -> Sender {
        let graph = self.plan.graph();
        let exit = &self.topology.exchanges[id.0];
        let n = self.settings.parallelism;
        let route = match &graph.node(exit.reader).kind {
            NodeKind::Group(grouping) => Route::Key {
                grouping: Arc::clone(grouping),
                port: exit.port,
                owners: (0..n)
                    .flat_map(|i| owned(i, n).map(move |_| i as u32))
                    .collect(),
            },
            _ => Route::Own(index),
        };
        let new_batch = graph.collection(exit.collection).new_batch;
        let outs = (0..n).map(|_| new_batch()).collect();
        let full = self.settings.limits.full(n);
        Sender::new(self.channels[id.0][index].clone(), route, outs, full)
    }

    fn inlet(&self, id: ExchangeId, index: usize, floor: Timestamp) -> Inlet {
        let senders = self.channels[id.0].iter();
        let channels = senders.map(|to| Arc::clone(&to[index])).collect();
        Inlet::new(channels, floor)
    }

    /// What had ended before is remembered by one of the workers.
    fn ended(&self, source: &str, index: usize) -> Vec<SplitSnapshot> {
        let known = self.recovered.filter(|_| index == 0);
        let known = known.and_then(|s| s.held.sources.get(source));
        known.map_or_else(Vec::new, |known| known.ended.clone())
    }

    fn reading(&self, id: NodeId, index: usize) -> Result<Reading> {
        let node = self.plan.graph().node(id);
        let NodeKind::Source(source) = &node.kind else {
            return Err(Error::internal("reading a node that is not a source"));
        };
        let found = self.sources.get(&id);
        let found =
            found.ok_or_else(|| Error::internal("a source whose splits nobody has looked for"))?;
        let all = &found.splits;
        let n = self.settings.parallelism;
        let splits = splits::of(all, index, n);
        let of_it = |split| told::assigned(&node.path, split, index);
        splits.iter().for_each(of_it);
        let share = splits.len() as f64 / all.len().max(1) as f64;
        let mut options = self.plan.read_options(id);
        options.max_elements = self.settings.limits.poll;
        let plan = ReadingPlan {
            options,
            rate: self.settings.max_rate.map(|rate| rate * share),
            splits,
            ended: self.ended(&node.path, index),
            promises: Arc::clone(&found.promises),
            worker: index,
            cue: found.cue.clone(),
        };
        Ok(Reading::new(node, source, plan))
    }
}
