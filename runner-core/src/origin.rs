//! Origins: which element of which input made a step fail.
//!
//! Steps see whole batches, and a runner may have mixed them, so that a step that fails cannot say
//! by which element. Owns the search afterwards: the input is read again, one element at a time,
//! through fresh copies of the steps between source and failure. So nothing is paid for positions
//! while all is well. Does not own the failed run, which is not touched, and opens no sink.

use crate::group::GroupOptions;
use crate::plan::{Entrance, Plan, StageOptions, StagePlan};
use crate::stage::{Stage, catch};
use std::collections::BTreeSet;
use whitebeam_sdk::erase::{ErasedBatch, ErasedReader, ErasedSource};
use whitebeam_sdk::graph::{CollectionId, Node, NodeId, NodeKind};
use whitebeam_sdk::sink::Shard;
use whitebeam_sdk::source::{Poll, Position, ReadOptions, ScriptEvent};
use whitebeam_sdk::{Error, ErrorKind, Result};

/// How often a search goes on behind an element that fails in another way.
const OTHER_FAILURES: u32 = 16;

/// How often a reader may have nothing before the search takes it for the end.
const IDLE_POLLS: u32 = 4;

/// How often a reader may wait for an answer before the search gives up.
const WAITS: u32 = 2_000;

/// What a run had read of one source when it failed.
#[derive(Clone, Debug)]
pub struct WasRead {
    /// The source.
    pub source: NodeId,
    /// The encoded splits, and where in each the run had begun.
    pub from: Vec<(Vec<u8>, Option<Position>)>,
    /// It had read no more than so many elements of any of them.
    pub most: u64,
}

impl Plan<'_> {
    /// Adds to `failed` the position of the element that made a step fail, as far as it can be
    /// found in what `was_read`. `pause` waits a millisecond or so: for input that was there and has to
    /// be fetched again.
    pub fn locate(&self, failed: Error, was_read: &[WasRead], pause: fn()) -> Error {
        let by_element = matches!(failed.kind(), ErrorKind::UserCode | ErrorKind::Data);
        if failed.position().is_some() || !by_element {
            return failed;
        }
        let mut searched = false;
        for input in was_read {
            let Some(search) = Search::new(self, &failed, input.source, pause) else {
                continue;
            };
            searched = true;
            let found = match search.source.script() {
                Some(events) => search.in_script(events, input.most),
                None => input
                    .from
                    .iter()
                    .find_map(|(split, at)| search.in_split(split, at.clone(), input.most)),
            };
            if let Some(position) = found {
                return failed.at_position(position);
            }
        }
        if searched {
            return failed.note(
                "Given the same elements again one by one, the step did not fail: it depends on \
                 what came before, or on more than its input.",
            );
        }
        failed
    }
}

struct Search<'a> {
    plan: &'a Plan<'a>,
    failed: &'a Error,
    node: &'a Node,
    source: &'a dyn ErasedSource,
    between: StagePlan,
    pause: fn(),
}

impl<'a> Search<'a> {
    /// `None` if no element of `source` reaches the step that failed as the element it was.
    fn new(plan: &'a Plan<'a>, failed: &'a Error, source: NodeId, pause: fn()) -> Option<Self> {
        let node = plan.graph().node(source);
        let NodeKind::Source(erased) = &node.kind else {
            return None;
        };
        Some(Search {
            plan,
            failed,
            node,
            source: erased.as_ref(),
            between: between(plan, source, failed.step()?)?,
            pause,
        })
    }

    fn in_split(&self, split: &[u8], at: Option<Position>, most: u64) -> Option<String> {
        let mut reader = self.open(split, at)?;
        let mut again = Again::new(self)?;
        let (mut read, mut idle, mut waits) = (0, 0, 0);
        while read < most && idle < IDLE_POLLS && waits < WAITS {
            let at = reader.position();
            let mut batch = (self.node.outputs[0].new_batch)();
            let polled = catch(|| reader.poll(batch.as_mut())).and_then(|polled| polled);
            read += batch.len() as u64;
            if let Some(row) = again.first_to_fail(batch.as_mut())? {
                let at = self.open(split, Some(at))?.describe_position();
                let split = self.source.describe_split(split);
                return Some(match (batch.len(), at.as_str()) {
                    (1, "") => format!("{split}, element {read}"),
                    (1, at) => format!("{split}, {at}"),
                    (_, at) => format!("{split}, element {} from {at} on", row + 1),
                });
            }
            match polled.ok()? {
                Poll::End => return None,
                Poll::Idle(_) if batch.is_empty() => idle += 1,
                Poll::Waiting(_) if batch.is_empty() => {
                    waits += 1;
                    (self.pause)();
                }
                Poll::Idle(_) | Poll::Waiting(_) | Poll::More => (idle, waits) = (0, 0),
            }
        }
        None
    }

    fn in_script(
        &self,
        events: Vec<ScriptEvent<Box<dyn ErasedBatch>>>,
        most: u64,
    ) -> Option<String> {
        let mut again = Again::new(self)?;
        let mut played = 0;
        for (event, n) in events.into_iter().zip(1..) {
            let ScriptEvent::Elements(mut batch) = event else {
                continue;
            };
            if played >= most {
                break;
            }
            played += batch.len() as u64;
            if let Some(row) = again.first_to_fail(batch.as_mut())? {
                let script = self.source.describe();
                return Some(format!("{script}, event {n}, element {}", row + 1));
            }
        }
        None
    }

    fn open(&self, split: &[u8], at: Option<Position>) -> Option<Box<dyn ErasedReader>> {
        let options = ReadOptions {
            max_elements: Some(1),
            ..self.plan.read_options(self.node.id)
        };
        let opened = catch(|| self.source.open(split, at, &options));
        opened.and_then(|opened| opened).ok()
    }

    fn stage(&self) -> Result<Stage> {
        let options = StageOptions {
            group: GroupOptions::default(),
            shard: Shard { index: 0, of: 1 },
        };
        let no_exit = &mut |_: &_| Err(Error::internal("a search has no exits"));
        let mut stage = self.plan.stage(&self.between, &options, no_exit)?;
        stage.setup()?;
        Ok(stage)
    }
}

/// The steps at work again.
struct Again<'s> {
    search: &'s Search<'s>,
    stage: Stage,
    other_failures: u32,
}

impl<'s> Again<'s> {
    fn new(search: &'s Search<'s>) -> Option<Self> {
        Some(Again {
            search,
            stage: search.stage().ok()?,
            other_failures: 0,
        })
    }

    /// The first element of `batch` that makes the step fail as it did. The outer `None` ends the
    /// search.
    fn first_to_fail(&mut self, batch: &mut dyn ErasedBatch) -> Option<Option<usize>> {
        for row in 0..batch.len() {
            let mut one = batch.new_like();
            batch.copy_rows(&[row as u32], one.as_mut());
            let Err(e) = self.stage.push(0, one.as_mut()) else {
                continue;
            };
            let failed = self.search.failed;
            if e.step() == failed.step() && e.message() == failed.message() {
                return Some(Some(row));
            }
            self.other_failures += 1;
            self.stage.teardown();
            if self.other_failures > OTHER_FAILURES {
                return None;
            }
            self.stage = self.search.stage().ok()?;
        }
        Some(None)
    }
}

impl Drop for Again<'_> {
    fn drop(&mut self) {
        self.stage.teardown();
    }
}

/// The steps by which elements of `source` reach the step at `path` without being grouped before.
fn between(plan: &Plan<'_>, source: NodeId, path: &str) -> Option<StagePlan> {
    let graph = plan.graph();
    let runs = |n: &&Node| !matches!(n.kind, NodeKind::Source(_) | NodeKind::Sink(_));
    let failed = graph.nodes().iter().filter(runs).find(|n| n.path == path)?;
    let mut reached = BTreeSet::from([source]);
    for node in graph.nodes().iter().filter(runs) {
        let passes = |id: NodeId| !matches!(graph.node(id).kind, NodeKind::Group(_));
        if node
            .inputs
            .iter()
            .any(|c| reached.contains(&c.node) && passes(c.node))
        {
            reached.insert(node.id);
        }
    }
    let mut needed = BTreeSet::from([failed.id]);
    for node in graph.nodes().iter().rev() {
        if needed.contains(&node.id) {
            needed.extend(node.inputs.iter().map(|c| c.node));
        }
    }
    if !reached.contains(&failed.id) {
        return None;
    }
    let nodes = graph.nodes().iter().filter(runs).map(|n| n.id);
    Some(StagePlan {
        nodes: nodes
            .filter(|id| reached.contains(id) && needed.contains(id))
            .collect(),
        entries: vec![Entrance {
            collection: CollectionId {
                node: source,
                port: 0,
            },
            lifted: false,
        }],
        exits: Vec::new(),
    })
}
