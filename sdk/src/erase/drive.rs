//! Drives single steps in unit tests, without a runner.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::batch::{ErasedBatch, new_batch, typed};
use super::step::{Flow, Outs, Step, StepContext};
use super::store::{After, Run, Stamp, StoreKind, Which};
use crate::batch::Batch;
use crate::element::Element;
use crate::error::Result;
use crate::graph::{Node, NodeKind};
use crate::pane::PaneInfo;
use crate::pcollection::PCollection;
use crate::time::{Demand, Timestamp};
use crate::window::{Window, WindowingStrategy};

/// A fresh instance of the step that made `c`, and what its node says.
pub(crate) fn step<T: Element>(
    c: &PCollection<T>,
    demand: Demand,
) -> Result<(Box<dyn Step>, Node)> {
    let graph = c.pipeline().graph();
    let node = graph.node(c.id().node).clone();
    let input = node.inputs.first().map(|id| graph.collection(*id));
    let cx = StepContext {
        demand,
        windowing: input.map_or_else(WindowingStrategy::default, |i| i.windowing.clone()),
        path: node.path.clone(),
    };
    match node.kind.clone() {
        NodeKind::Step(make) => Ok((make.make(&cx)?, node)),
        other => unreachable!("not a step: {other:?}"),
    }
}

/// Everything that the main output of the step that made `c` yields for one batch.
pub(crate) fn run<T: Element, U: Element>(
    c: &PCollection<U>,
    demand: Demand,
    mut input: Batch<T>,
) -> Result<Batch<U>> {
    let (mut step, node) = step(c, demand)?;
    let mut all = Batch::default();
    loop {
        let mut ports = outputs(&node);
        let flow = step.process(0, &mut input, &mut Outs::new(&mut ports))?;
        all.append(typed::<U>(&mut *ports[c.id().port]));
        if flow == Flow::Done {
            return Ok(all);
        }
    }
}

/// Empty output batches of a node.
pub(crate) fn outputs(node: &Node) -> Vec<Box<dyn ErasedBatch>> {
    node.outputs.iter().map(|o| (o.new_batch)()).collect()
}

/// What the grouping that made `c` emits for one window that holds all of `inputs`, one per port.
pub(crate) fn group<U: Element>(c: &PCollection<U>, inputs: Vec<Box<dyn ErasedBatch>>) -> Vec<U> {
    let node = c.pipeline().graph().node(c.id().node).clone();
    let NodeKind::Group(grouping) = &node.kind else {
        unreachable!("not a grouping: {:?}", node.kind)
    };
    assert_eq!(grouping.inputs(), inputs.len());
    assert_eq!(grouping.inputs(), node.inputs.len());
    let mut store = grouping.store(StoreKind::Fast).unwrap();
    let table = store.open();
    for (port, mut input) in inputs.into_iter().enumerate() {
        let all = Run {
            upto: input.len() as u32,
            first: 0,
            n: 1,
        };
        store
            .upsert(port, &mut *input, &[all], &[table], None)
            .unwrap();
    }
    let stamp = Stamp {
        window: Window::GLOBAL,
        timestamp: Timestamp::MIN,
        pane: PaneInfo::ON_TIME_AND_ONLY,
    };
    let mut values = Vec::new();
    loop {
        let mut out = new_batch::<U>();
        let flow = store
            .emit(&[table], Which::Outputs, &stamp, After::Close, &mut *out)
            .unwrap();
        values.extend_from_slice(typed::<U>(&mut *out).values());
        if flow == Flow::Done {
            return values;
        }
    }
}
