//! Several workers: stage by stage, each as parallel tasks on rayon.
//!
//! Owns the order of stages and the tasks: one per split for a source, one per partition behind an
//! exchange. A stage's input is complete before it starts, so its one watermark is the end of time.

use crate::exchange::Exchange;
use crate::input::{self, Input};
use crate::observe::Meter;
use crate::report::Outcome;
use crate::single::drain;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_runner_core::origin::WasRead;
use whitebeam_runner_core::plan::{Plan, StageOptions, StagePlan};
use whitebeam_runner_core::stage::Stage;
use whitebeam_sdk::graph::{CollectionId, NodeId, NodeKind};
use whitebeam_sdk::sink::Shard;
use whitebeam_sdk::{Error, ErrorKind, Result};

/// Batches per bundle behind an exchange.
const BUNDLE_BATCHES: usize = 16;
/// Splits per worker, so that one slow split does not keep all others waiting.
const SPLITS_PER_WORKER: usize = 4;

/// Exchanges by what they carry and who reads it.
type Exchanges = BTreeMap<(CollectionId, NodeId), Arc<Exchange>>;

struct Run<'p, 'g> {
    plan: &'p Plan<'g>,
    group: GroupOptions,
    workers: usize,
    meter: &'p Meter,
}

/// Runs the graph on `workers` threads.
pub(crate) fn run(
    plan: &Plan<'_>,
    group: GroupOptions,
    workers: usize,
    meter: &Meter,
) -> Result<Outcome> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .build()
        .map_err(|e| {
            Error::new(
                ErrorKind::Unavailable,
                format!("{workers} worker threads cannot be started"),
            )
            .caused_by(e)
            .help("choose a smaller --parallelism")
        })?;
    let run = Run {
        plan,
        group,
        workers,
        meter,
    };
    pool.install(|| run.stages())
}

impl<'g> Run<'_, 'g> {
    fn stages(&self) -> Result<Outcome> {
        let mut exchanges = Exchanges::new();
        let mut outcome = Outcome::default();
        for stage in self.plan.cut_at_groupings() {
            for exit in &stage.exits {
                let exchange = Arc::new(Exchange::new(self.workers));
                exchanges.insert((exit.collection, exit.reader), exchange);
            }
            let source = stage.entries.iter().find(|e| {
                matches!(
                    self.plan.graph().node(e.collection.node).kind,
                    NodeKind::Source(_)
                ) && !exchanges
                    .keys()
                    .any(|(c, r)| *c == e.collection && stage.nodes.contains(r))
            });
            let ran = match source {
                Some(entry) => self.read(&stage, entry.collection.node, &exchanges),
                None => self.reduce(&stage, &exchanges).map_err(|e| self.locate(e)),
            };
            outcome.merge(ran?);
        }
        Ok(outcome)
    }

    /// One task per split.
    fn read(&self, plan: &StagePlan, source: NodeId, exchanges: &Exchanges) -> Result<Outcome> {
        let input = Input::discover(self.plan, source, self.workers * SPLITS_PER_WORKER)?;
        self.meter.found(input.splits.len());
        let n = input.splits.len().max(1);
        let tasks = (0..n).into_par_iter().map(|i| {
            self.task(plan, i, n, exchanges, |stage| {
                let Some(split) = input.splits.get(i) else {
                    return Ok(());
                };
                let mut reading = input.open(self.plan, split, self.meter)?;
                while reading.step(self.plan, stage, 0, self.meter)? {
                    if reading.bundle_is_full() {
                        stage.settle().map_err(|e| reading.near(e))?;
                    }
                }
                stage.settle().map_err(|e| reading.near(e))?;
                self.meter.split_done();
                Ok(())
            })
        });
        merge(tasks.collect())
    }

    /// One task per partition.
    fn reduce(&self, plan: &StagePlan, exchanges: &Exchanges) -> Result<Outcome> {
        let tasks = (0..self.workers).into_par_iter().map(|i| {
            self.task(plan, i, self.workers, exchanges, |stage| {
                for (entry, entrance) in plan.entries.iter().enumerate() {
                    let reads = |(c, r): &(CollectionId, NodeId)| {
                        *c == entrance.collection && plan.nodes.contains(r)
                    };
                    let found = exchanges.iter().find(|(key, _)| reads(key));
                    let batches = found.map_or_else(Vec::new, |(_, exchange)| exchange.take(i));
                    for (n, mut batch) in batches.into_iter().enumerate() {
                        stage.push(entry, batch.as_mut())?;
                        if n % BUNDLE_BATCHES == BUNDLE_BATCHES - 1 {
                            stage.settle()?;
                        }
                    }
                }
                Ok(())
            })
        });
        merge(tasks.collect())
    }

    /// An element that an exchange without keys brought here is looked for in all inputs. What
    /// groupings did is not: it is made of many elements.
    fn locate(&self, e: Error) -> Error {
        let graph = self.plan.graph();
        let failed = graph.nodes().iter().find(|n| Some(&*n.path) == e.step());
        if failed.is_none_or(|n| matches!(n.kind, NodeKind::Group(_))) {
            return e;
        }
        let sources = graph.nodes().iter().filter_map(|node| {
            let input = Input::discover(self.plan, node.id, 1).ok()?;
            Some(WasRead {
                source: node.id,
                from: input
                    .splits
                    .into_iter()
                    .map(|split| (split, None))
                    .collect(),
                most: u64::MAX,
            })
        });
        self.plan
            .locate(e, &sources.collect::<Vec<_>>(), input::pause)
    }

    /// Runs one copy of a stage from setup to teardown.
    fn task(
        &self,
        plan: &StagePlan,
        index: usize,
        of: usize,
        exchanges: &Exchanges,
        feed: impl FnOnce(&mut Stage) -> Result<()>,
    ) -> Result<Outcome> {
        let shard = Shard {
            index: index as u32,
            of: of as u32,
        };
        let options = StageOptions {
            group: self.group,
            shard,
        };
        let graph = self.plan.graph();
        let mut stage = self.plan.stage(plan, &options, &mut |exit| {
            exchanges[&(exit.collection, exit.reader)].outlet(graph, exit, index)
        })?;
        let ran = run_task(&mut stage, feed);
        stage.teardown();
        ran
    }
}

fn run_task(stage: &mut Stage, feed: impl FnOnce(&mut Stage) -> Result<()>) -> Result<Outcome> {
    stage.setup()?;
    feed(stage)?;
    drain(stage)?;
    stage.flush_outlets()?;
    Outcome::of(stage)
}

fn merge(tasks: Vec<Result<Outcome>>) -> Result<Outcome> {
    let mut all = Outcome::default();
    let mut errors = Vec::new();
    for task in tasks {
        match task {
            Ok(outcome) => all.merge(outcome),
            Err(e) => errors.push(e),
        }
    }
    Error::all(errors).map_or(Ok(all), Err)
}
