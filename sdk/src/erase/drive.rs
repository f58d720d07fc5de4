//! Drives single steps in unit tests, without a runner.

use super::batch::{ErasedBatch, typed};
use super::step::{Flow, Outs, Step, StepContext};
use crate::batch::Batch;
use crate::element::Element;
use crate::error::Result;
use crate::graph::{Node, NodeKind};
use crate::pcollection::PCollection;
use crate::time::Demand;
use crate::window::WindowingStrategy;

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

/// Values of output `port` after one call.
pub(crate) fn values<U: Element>(ports: &mut [Box<dyn ErasedBatch>], port: usize) -> Vec<U> {
    typed::<U>(&mut *ports[port]).values().to_vec()
}

/// Empty output batches of a node.
pub(crate) fn outputs(node: &Node) -> Vec<Box<dyn ErasedBatch>> {
    node.outputs.iter().map(|o| (o.new_batch)()).collect()
}
