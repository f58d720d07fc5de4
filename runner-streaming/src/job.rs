//! `Job`: everything that runs a pipeline, wired and ready to be driven.
//!
//! Owns the construction: workers with their stages, channels between them, the coordinator and
//! the clerks. Does not own what drives them. Invariant: a job is built from nothing but the graph,
//! the settings and a snapshot, so that a restart is a new job.

use crate::clerk::{Clerk, Desk};
use crate::control::Control;
use crate::coordinator::{Answer, Connections, Coordinator};
use crate::exchange::{Bell, Channel, Inlet, Route, Sender};
use crate::machine::Machine;
use crate::mutant::{Mutant, is_on};
use crate::promises::Promises;
use crate::reading::{Reading, ReadingPlan};
use crate::settings::Settings;
use crate::sinks::Sinks;
use crate::snapshot::{Snapshot, SnapshotStore, SplitSnapshot, StagedEpoch};
use crate::splits;
use crate::stop::StopHandle;
use crate::task::{Exit, Input, Task};
use crate::topology::{Enters, ExchangeId, StageShape, Topology};
use crate::worker::Worker;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use whitebeam_env::Env;
use whitebeam_runner_core::plan::{Plan, StageOptions};
use whitebeam_runner_core::stage::{Outlet, catch};
use whitebeam_sdk::graph::{Graph, NodeId, NodeKind};
use whitebeam_sdk::hash::KEY_GROUPS;
use whitebeam_sdk::sink::Shard;
use whitebeam_sdk::{Error, ErrorKind, Result, Timestamp};

/// Everything that runs a pipeline.
pub(crate) struct Job<E> {
    pub(crate) coordinator: Coordinator<E>,
    pub(crate) workers: Vec<Worker<E>>,
    /// What writes checkpoints and commits epochs.
    pub(crate) clerks: Vec<Box<dyn Machine>>,
}

/// What a job is built from.
pub(crate) struct Parts<'a, E> {
    pub(crate) graph: &'a Graph,
    pub(crate) env: E,
    pub(crate) settings: Settings,
    pub(crate) store: Option<Box<dyn SnapshotStore>>,
    pub(crate) stop: StopHandle,
}

impl<E: Env> Job<E> {
    pub(crate) fn new(parts: Parts<'_, E>) -> Result<Self> {
        let sinks = Sinks::of(parts.graph);
        catch(|| Self::build(parts, &sinks)).and_then(|built| built)
    }

    fn build(mut parts: Parts<'_, E>, sinks: &Sinks) -> Result<Self> {
        let settings = &mut parts.settings;
        settings.parallelism = settings.parallelism.clamp(1, usize::from(KEY_GROUPS));
        let recovered = match &mut parts.store {
            Some(store) => store.latest()?,
            None => None,
        };
        if let Some(ended) = recovered.as_ref().filter(|s| s.drained) {
            return Err(refused(ended, sinks));
        }
        let workers = settings.parallelism;
        let bells: Vec<Arc<Bell>> = (0..workers).map(|_| Arc::default()).collect();
        let bell = Arc::new(Bell::default());
        let control = Arc::new(Control::new(bells.clone(), Arc::clone(&bell)));
        let plan = Plan::new(parts.graph);
        let wiring = Wiring::new(&plan, &parts.settings, &bells, recovered.as_ref())?;
        let with = Connections {
            control: Arc::clone(&control),
            writer: parts
                .store
                .is_some()
                .then(|| Arc::new(Desk::new(Arc::clone(&bell)))),
            committer: Arc::new(Desk::new(Arc::clone(&bell))),
            bell,
            sinks: sinks.clone(),
            stop: parts.stop,
        };
        let clerks = clerks(&with, parts.store, sinks);
        control.order(|o| o.keeps_state = with.writer.is_some());
        let (env, settings) = (parts.env, &parts.settings);
        let worker = |(index, bell): (usize, Arc<Bell>)| {
            let tasks = wiring.tasks(index)?;
            let (env, control) = (env.clone(), Arc::clone(&control));
            let limits = settings.limits.clone();
            Ok(Worker::new(index, env, tasks, control, bell, limits))
        };
        let workers: Result<Vec<_>> = bells.into_iter().enumerate().map(worker).collect();
        Ok(Job {
            workers: workers?,
            clerks,
            coordinator: Coordinator::new(env.clone(), settings.clone(), with, recovered.as_ref()),
        })
    }
}

/// A run whose input has ended has nothing to go on with. What it may still owe is made good.
fn refused(ended: &Snapshot, sinks: &Sinks) -> Error {
    let owed = ended
        .staged
        .iter()
        .try_for_each(|staged| sinks.commit(staged));
    if let Err(e) = owed.and_then(|()| sinks.finish()) {
        return e;
    }
    Error::new(
        ErrorKind::Incompatible,
        "this run has come to its end: there is nothing to resume",
    )
    .note(format!(
        "Its input ended with epoch {}; everything has fired and is committed.",
        ended.epoch.0
    ))
    .help("start anew with another --checkpoints directory")
}

fn clerks(
    with: &Connections,
    store: Option<Box<dyn SnapshotStore>>,
    sinks: &Sinks,
) -> Vec<Box<dyn Machine>> {
    let mut clerks: Vec<Box<dyn Machine>> = Vec::new();
    if let (Some(desk), Some(mut store)) = (&with.writer, store) {
        clerks.push(Box::new(Clerk::new(
            Arc::clone(desk),
            move |snapshot: Snapshot| {
                let written = catch(|| store.publish(&snapshot)).and_then(|written| written);
                Answer::from((snapshot.epoch, written))
            },
        )));
    }
    let sinks = sinks.clone();
    let commit = move |staged: StagedEpoch| Answer::from((staged.epoch, sinks.commit(&staged)));
    clerks.push(Box::new(Clerk::new(Arc::clone(&with.committer), commit)));
    clerks
}

/// The key groups of worker `index` of `workers`.
pub(crate) fn owned(index: usize, workers: usize) -> Range<u16> {
    let bound = |i: usize| (i * usize::from(KEY_GROUPS) / workers) as u16;
    bound(index)..bound(index + 1)
}

/// The channels of one exchange: by sender, by receiver.
type Channels = Vec<Vec<Arc<Channel>>>;

/// What the tasks of all workers are made from.
struct Wiring<'a> {
    plan: &'a Plan<'a>,
    settings: &'a Settings,
    topology: Topology,
    channels: Vec<Channels>,
    sources: BTreeMap<NodeId, (Vec<SplitSnapshot>, Arc<Promises>)>,
    recovered: Option<&'a Snapshot>,
}

impl<'a> Wiring<'a> {
    fn new(
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
                let promises = Arc::new(Promises::new(bells.to_vec()));
                sources.insert(node.id, (all, promises));
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

    /// The tasks of worker `index`, set up and restored.
    fn tasks(&self, index: usize) -> Result<Vec<Task>> {
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
        let input = match &shape.enters {
            Enters::Source(id) => Input::Source(Box::new(self.reading(*id, index)?)),
            Enters::Exchanges(all) => {
                let inlet = |id: &ExchangeId| self.inlet(*id, index);
                Input::Exchanges(all.iter().map(inlet).collect())
            }
        };
        let mut named = shape.plan.nodes.clone();
        named.extend(shape.plan.entries.iter().map(|entry| entry.collection.node));
        let paths = named
            .into_iter()
            .map(|id| (id, graph.node(id).path.clone()));
        Ok(Task::new(stage, input, exits.collect(), paths.collect()))
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

    fn inlet(&self, id: ExchangeId, index: usize) -> (String, Inlet) {
        let name = self.topology.name(self.plan.graph(), id);
        let floor = self.recovered.and_then(|s| s.held.floors.get(&name));
        let floor = floor.copied().unwrap_or(Timestamp::MIN);
        let senders = self.channels[id.0].iter();
        let channels = senders.map(|to| Arc::clone(&to[index])).collect();
        (name, Inlet::new(channels, floor))
    }

    fn reading(&self, id: NodeId, index: usize) -> Result<Reading> {
        let node = self.plan.graph().node(id);
        let NodeKind::Source(source) = &node.kind else {
            return Err(Error::internal("reading a node that is not a source"));
        };
        if source.script().is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a scripted input is played event by event, which this runner cannot do",
            )
            .at_step(node.path.clone())
            .at_line(node.line())
            .help("choose the local runner"));
        }
        let (all, promises) = self
            .sources
            .get(&id)
            .ok_or_else(|| Error::internal("a source whose splits nobody has looked for"))?;
        let n = self.settings.parallelism;
        let splits = splits::of(all, index, n);
        let share = splits.len() as f64 / all.len().max(1) as f64;
        let mut options = self.plan.read_options(id);
        options.max_elements = self.settings.limits.poll;
        let plan = ReadingPlan {
            options,
            rate: self.settings.max_rate.map(|rate| rate * share),
            splits,
            promises: Arc::clone(promises),
            worker: index,
        };
        Ok(Reading::new(node, source, plan))
    }
}
